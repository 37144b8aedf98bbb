# SPDX-License-Identifier: Apache-2.0
"""What one speaker says, retains and says again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maglev.bus import wire
from maglev.bus.speaker import Said, Speaker
from maglev.messages import Message, ProbesSeen
from tests.bus.world import Fold, alarm, cleared, seen

REFRESH_S = 15.0


def speaker(*about: str) -> Speaker:
    one = Speaker(REFRESH_S)
    for name in about:
        one.say(alarm(name))
    one.flush(0.0)
    return one


def words(said: list[Said]) -> list[Message]:
    return [wire.decode(one.name, one.body) for one in said]


def levels(one: Speaker, *names: str) -> list[Message]:
    parts = one.snapshot(names or ("Alarm",))
    return [wire.decode(name, body) for part in parts for name, body in part.levels]


def test_of_the_levels_of_one_object_in_a_turn_only_the_last_is_said() -> None:
    one = Speaker(REFRESH_S)
    one.say(alarm("web1", "first"))
    one.say(alarm("web2"))
    one.say(alarm("web1", "last"))
    said = one.flush(0.0)
    assert words(said) == [alarm("web2"), alarm("web1", "last")]
    assert [(each.name, each.sequence) for each in said] == [("Alarm", 1), ("Alarm", 2)]


def test_a_retraction_does_not_swallow_the_level_before_it() -> None:
    one = Speaker(REFRESH_S)
    one.say(alarm("web1", "first"))
    one.say(alarm("web1", "last words"))
    one.say(cleared("web1"))
    assert words(one.flush(0.0)) == [alarm("web1", "last words"), cleared("web1")]
    assert levels(one) == []


def test_a_level_said_after_its_retraction_stands() -> None:
    one = speaker("web1")
    one.say(alarm("web1", "swallowed"))
    one.say(cleared("web1"))
    one.say(alarm("web1", "again"))
    assert words(one.flush(0.0)) == [cleared("web1"), alarm("web1", "again")]
    assert levels(one) == [alarm("web1", "again")]


def test_edges_are_never_merged() -> None:
    one = Speaker(REFRESH_S)
    one.say(seen("web1"))
    one.say(seen("web1"))
    assert [each.sequence for each in one.flush(0.0)] == [1, 2]
    assert levels(one, "ProbesSeen") == []


def test_sequences_run_per_class_and_only_over_what_is_sent() -> None:
    one = speaker("web1", "web2")
    one.say(cleared("web2"))
    one.say(seen())
    one.say(alarm("web1"))
    said = one.flush(0.0)
    assert [(each.name, each.sequence) for each in said] == [
        ("AlarmCleared", 1),
        ("ProbesSeen", 1),
        ("Alarm", 3),
    ]
    assert one.positions == {"Alarm": 3, "AlarmCleared": 1, "ProbesSeen": 1}


def test_a_message_that_is_too_long_is_reported_and_what_was_said_before_stands() -> None:
    one = speaker("web1")
    one.say(alarm("web1", "x" * wire.BODY_BYTES_MAX))
    one.say(alarm("web2"))
    assert words(one.flush(0.0)) == [alarm("web2")]
    assert one.positions == {"Alarm": 2}
    assert levels(one) == [alarm("web1"), alarm("web2")]
    assert [text.split(":")[0] for text in one.unsayable] == ["Alarm"]


def test_a_snapshot_is_of_the_classes_asked_for_and_names_their_positions() -> None:
    one = speaker("web1")
    one.say(seen("web1"))
    one.say(alarm("web2"))  # not flushed: not on the wire, hence not in a snapshot
    assert levels(one, "ProbesSeen") == []
    parts = one.snapshot(["Alarm", "AlarmCleared", "Nonsense"])
    assert [part.positions for part in parts] == [{"Alarm": 1}]
    assert levels(one) == [alarm("web1")]


@pytest.mark.parametrize("count", [0, 1, 256, 257, 1000])
def test_a_snapshot_has_no_part_of_more_than_256_levels(count: int) -> None:
    parts = speaker(*(f"web{number}" for number in range(count))).snapshot(["Alarm"])
    assert [part.index for part in parts] == list(range(len(parts)))
    assert {part.count for part in parts} == {len(parts)}
    assert sum(len(part.levels) for part in parts) == count
    assert all(len(part.levels) <= wire.PART_LEVELS_MAX for part in parts)


def test_a_part_of_a_snapshot_can_be_sent_whatever_the_length_of_its_levels() -> None:
    one = Speaker(REFRESH_S)
    for number in range(3):
        one.say(alarm(f"web{number}", "x" * (wire.PART_BYTES_MAX - 100)))
        one.say(alarm(f"long{number}", "x" * (wire.BODY_BYTES_MAX - 100)))
    one.flush(0.0)
    parts = one.snapshot(["Alarm"])
    assert sum(len(part.levels) for part in parts) == 6
    for part in parts:
        assert wire.decode_as(wire.SnapshotPart, wire.encode(part)) == part


@pytest.mark.parametrize("count", [1, 7, 300, 5000])
def test_every_level_is_said_again_within_refresh_s_and_never_in_a_burst(count: int) -> None:
    one = speaker(*(f"web{number}" for number in range(count)))
    said_s = {f"web{number}": 0.0 for number in range(count)}
    now_s, most = 0.0, 0
    while now_s < 3 * REFRESH_S:
        now_s = one.refresh_due_s() + 0.01
        said = one.refresh(now_s)
        most = max(most, len(said))
        for message in words(said):
            about = message.about  # type: ignore[attr-defined]
            assert now_s - said_s[about] <= REFRESH_S
            said_s[about] = now_s
    assert all(now_s - each_s <= REFRESH_S for each_s in said_s.values())
    assert most <= max(1, 2 * count * 0.06 / REFRESH_S)


def test_after_a_pause_the_refresh_does_not_catch_up() -> None:
    one = speaker(*(f"web{number}" for number in range(3000)))
    one.refresh(0.0)
    assert len(one.refresh(1000.0)) <= 50


def test_a_refresh_carries_a_new_sequence() -> None:
    one = speaker("web1")
    (said,) = one.refresh(REFRESH_S)
    assert (said.name, said.sequence) == ("Alarm", 2)
    assert one.positions == {"Alarm": 2}


def test_what_was_just_said_is_not_said_again_first() -> None:
    one = speaker("web1", "web2")
    one.say(alarm("web1", "new"))
    one.flush(1.0)
    (said,) = one.refresh(8.0)
    assert words([said]) == [alarm("web2")]


steps = st.lists(
    st.one_of(
        st.builds(alarm, st.sampled_from("abc"), st.sampled_from("xy")),
        st.builds(cleared, st.sampled_from("abc")),
        st.just(seen("a")),
        st.just(None),  # flush
    )
)


@given(steps)
def test_a_snapshot_is_always_the_fold_of_what_was_sent(turns: list[Message | None]) -> None:
    one, fold = Speaker(REFRESH_S), Fold()
    last: dict[str, int] = {}
    for number, step in enumerate([*turns, None]):
        if step is not None:
            one.say(step)  # type: ignore[arg-type]
            continue
        for said in [*one.flush(float(number)), *one.refresh(float(number))]:
            assert said.sequence == last.get(said.name, 0) + 1
            last[said.name] = said.sequence
            fold.say(wire.decode(said.name, said.body))
    assert one.positions == last
    state = Fold()
    for message in levels(one):
        state.say(message)
    assert state.levels == fold.levels
    assert ProbesSeen.__name__ not in {name for name, _ in state.levels}
