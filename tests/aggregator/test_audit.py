# SPDX-License-Identifier: Apache-2.0
"""Reading the audit file for others, and noting what other actors did."""

from maglev.actor import Asked, Caller
from maglev.aggregator.audit import READS_MAX
from maglev.messages import AuditEntry, AuditRead, Done, NoteOperation, ReadAudit, Refused
from tests.aggregator.story import PRIMARY_AND_STANDBY, Story


def ready() -> Story:
    return Story(PRIMARY_AND_STANDBY).prober().all_up()


def test_what_was_done_is_read_the_newest_first() -> None:
    story = ready()
    story.operates("web1", "pause")
    story.weighs("www p0 web2", 7)
    story.operates("web7", "pause")
    answer = story.asks(ReadAudit(entries_max=10))
    assert isinstance(answer, AuditRead)
    told = [(one.action, one.before, one.after, one.result) for one in answer.entries]
    assert told == [
        ("pause", "", "", "refused: no backend is called 'web7'"),
        ("weight 7", "100", "7", "done"),
        ("pause", "up", "paused", "done"),
    ]
    last = story.asks(ReadAudit(entries_max=1))
    assert isinstance(last, AuditRead)
    assert last.entries == answer.entries[:1]


def test_a_file_that_cannot_be_read_is_said() -> None:
    story = ready()
    story.disk_error = "audit.jsonl: Input/output error"
    assert story.asks(ReadAudit(entries_max=1)) == Refused(
        code="internal", text="audit.jsonl: Input/output error"
    )


def test_only_a_few_read_at_a_time() -> None:
    story = ready()
    story.hold_disk = True
    for number in range(READS_MAX):
        story.tell(Asked(Caller(b"r", number), ReadAudit(entries_max=1)))
    assert story.answers == []
    answer = story.asks(ReadAudit(entries_max=1))
    assert isinstance(answer, Refused)
    assert answer.code == "unavailable"
    for effect in story.held_saves:
        story.disk(effect)
    assert len(story.answers) == READS_MAX + 1
    story.hold_disk = False
    assert isinstance(story.asks(ReadAudit(entries_max=1)), AuditRead)


def test_what_another_actor_did_for_an_operator_is_audited() -> None:
    story = ready()
    entry = AuditEntry(1, "ana", "unix", "sync", "all", "", "", "done")
    assert story.asks(NoteOperation(entry=entry)) == Done()
    assert story.audit == [entry]
