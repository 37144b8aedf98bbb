# SPDX-License-Identifier: Apache-2.0
"""What probers say becomes states, weights and flushes."""

from dataclasses import replace

from maglev.actor import Heard
from maglev.messages import Alarm, BackendStatus, DesiredVip, FrontendStatus
from tests.aggregator.story import PRIMARY_AND_STANDBY, Story


def ready() -> Story:
    return Story(PRIMARY_AND_STANDBY).prober().all_up()


def test_primaries_carry_and_the_standby_does_not() -> None:
    story = ready()
    assert story.weights() == {"web1": 100, "web2": 100, "web9": 0}
    assert story.front().state == "up"
    assert [pool.active for pool in story.front().pools] == [True, False]


def test_one_primary_down_is_at_zero_and_flushed_once() -> None:
    story = ready().hears("web1", "down")
    assert story.weights() == {"web1": 0, "web2": 100, "web9": 0}
    assert story.flushes() == {"web1": 1, "web2": 0, "web9": 0}
    story.hears("web1", "down", counter=0, detail="again")
    assert story.flushes()["web1"] == 1


def test_a_verdict_that_is_only_said_again_is_no_news_and_nothing_to_write_down() -> None:
    story = ready().later(3)
    story.messages.clear()
    story.saved_verdicts = {}
    story.tell(Heard("prober-0", story.verdict("web1", "up"))).later(3)
    assert not [one for one in story.messages if isinstance(one, BackendStatus | FrontendStatus)]
    assert story.saved_verdicts == {}
    story.hears("web1", "up", at_ns=story.now.unix_ns, detail="HTTP 204")
    assert story.level(BackendStatus, "web1").detail == "HTTP 204"


def test_standby_carries_when_all_primaries_are_down_and_drains_when_one_is_back() -> None:
    story = ready().hears("web1", "down").hears("web2", "down")
    assert story.weights() == {"web1": 0, "web2": 0, "web9": 100}
    story.hears("web2", "up")
    assert story.weights() == {"web1": 0, "web2": 100, "web9": 0}
    assert story.flushes()["web9"] == 0, "a standby is drained, not flushed"


def test_unknown_holds_and_a_verdict_ends_the_hold() -> None:
    story = Story(PRIMARY_AND_STANDBY).prober()
    assert not story.says(DesiredVip, "www") or set(story.weights().values()) == {None}
    story.all_up()
    assert None not in story.weights().values()


def test_a_verdict_of_an_older_generation_is_dropped() -> None:
    story = ready()
    late = story.verdict("web1", "down", generation=1)
    story.tell(Heard("prober-0", late))
    assert story.state("web1") == "up"


def test_a_verdict_in_another_probers_name_is_dropped() -> None:
    story = ready()
    story.tell(Heard("prober-1", story.verdict("web1", "down")))
    assert story.state("web1") == "up"


def test_a_verdict_about_nobody_changes_nothing() -> None:
    story = ready()
    said = len(story.messages)
    story.tell(Heard("prober-0", story.verdict("web1", "down", backend="ghost")))
    assert len(story.messages) == said


def test_down_and_up_between_two_messages_is_two_transitions_and_one_flush() -> None:
    story = ready()
    changes = story.aggregator.state.backends["web1"].health.changes
    story.hears("web1", "up", changes=changes + 2)
    assert story.state("web1") == "up"
    assert [(t.before, t.after) for t in story.level(BackendStatus, "web1").history[:2]] == [
        ("down", "up"),
        ("up", "down"),
    ]
    assert story.flushes()["web1"] == 1
    assert story.weights()["web1"] == 100


def test_flush_on_down_false_lowers_without_a_flush() -> None:
    www = replace(PRIMARY_AND_STANDBY.frontends["www"], flush_on_down=False)
    story = Story(replace(PRIMARY_AND_STANDBY, frontends={"www": www})).prober().all_up()
    story.hears("web1", "down")
    assert story.weights()["web1"] == 0
    assert story.flushes()["web1"] == 0


def test_a_fault_of_the_checker_changes_no_weight_and_is_alarmed_until_it_is_gone() -> None:
    story = ready()
    fault = 'enter netns "x": operation not permitted'
    story.hears("web1", "up", fault=fault).hears("web2", "up", fault=fault)
    assert story.weights() == {"web1": 100, "web2": 100, "web9": 0}
    assert story.level(BackendStatus, "web1").fault == fault
    assert fault in story.level(Alarm, "checker-fault", fault).text
    story.hears("web1", "up")
    assert story.says(Alarm, "checker-fault", fault), "web2 still has it"
    story.hears("web2", "up")
    assert not story.says(Alarm, "checker-fault", fault)


def test_history_is_bounded_newest_first_and_numbered_without_gaps() -> None:
    story = ready()
    for _ in range(4):
        story.hears("web1", "down").hears("web1", "up")
    history = story.level(BackendStatus, "web1").history
    assert len(history) == 5
    assert [t.number for t in history] == sorted((t.number for t in history), reverse=True)
    assert history[0].number - history[-1].number == 4


def test_the_deciding_moment_travels_to_the_programmer() -> None:
    story = ready()
    story.mono_s += 7.5
    story.hears("web1", "down")
    assert story.level(DesiredVip, "www").decided_at_s == story.mono_s


def test_frontend_goes_down_with_its_last_backend_and_says_so_once() -> None:
    story = ready().hears("web1", "down").hears("web2", "down").hears("web9", "down")
    assert story.front().state == "down"
    lines = [log.fields for log in story.logs if log.msg == "frontend-transition"]
    assert [(line["from"], line["to"]) for line in lines] == [("unknown", "up"), ("up", "down")]


def test_a_prober_that_takes_over_does_not_wipe_out_what_the_last_probe_told() -> None:
    story = ready().hears("web1", "down", detail="connection refused", at_ns=5)
    story.hears("web1", "down", code="", detail="", at_ns=0)
    shown = story.level(BackendStatus, "web1")
    assert (shown.code, shown.detail, shown.checked_at_ns) == ("L4CON", "connection refused", 5)
