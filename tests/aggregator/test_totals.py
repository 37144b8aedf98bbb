# SPDX-License-Identifier: Apache-2.0
"""The totals of an aggregator: what it adds up, when it says it, what outlives it."""

import pytest

from maglev.actor import Heard, Publish
from maglev.aggregator.events import SaveTotals, TotalsSaved
from maglev.aggregator.files import kept_in
from maglev.aggregator.rounds import STEP_S
from maglev.core.totals import BOUNDS_S
from maglev.messages import (
    BackendTotals,
    CheckType,
    ProbeTally,
    ProbeTotals,
    TotalsBlock,
)
from tests.aggregator.story import PRIMARY_AND_STANDBY, Story, backend, settings

NO_BUCKETS = (0,) * (len(BOUNDS_S) + 1)


def tally(name: str, kind: CheckType = "http", **codes: int) -> ProbeTally:
    return ProbeTally(name, kind, codes, (sum(codes.values()), *NO_BUCKETS[1:]), 5)


def counts(*tallies: ProbeTally, prober: str = "prober-0", since_ns: int = 1) -> Heard:
    return Heard(prober, ProbeTotals(prober=prober, since_ns=since_ns, tallies=tallies))


def totals(story: Story) -> dict[str, BackendTotals]:
    """What was said last of each backend."""
    blocks = [one for one in story.said.values() if isinstance(one, TotalsBlock)]
    return {one.backend: one for block in blocks for one in block.backends}


def codes(story: Story, name: str) -> dict[str, dict[str, int]]:
    return {one.type: one.codes for one in totals(story)[name].probes}


def transitions(story: Story, name: str) -> dict[tuple[str, str], int]:
    return {(one.before, one.after): one.count for one in totals(story)[name].transitions}


@pytest.fixture
def story() -> Story:
    """All up; the first round of totals is over."""
    return Story(PRIMARY_AND_STANDBY).prober().all_up().later(6)


def restarted(story: Story, **more: object) -> Story:
    """Another aggregator that finds what this one wrote."""
    again = Story(story.aggregator.state.settings, **more)  # type: ignore[arg-type]
    again.mono_s = story.mono_s
    state = again.aggregator.state
    state.totals.recall(kept_in(story.saved_totals), state.backends, state.probers)
    return again.later(6)


# --- what is counted ------------------------------------------------------------------------------


def test_probes_are_said_by_result_with_their_durations(story: Story) -> None:
    story.tell(counts(tally("web1", L7OK=7, L4CON=1))).later(5)
    assert totals(story)["web1"].probes == (tally("web1", L7OK=7, L4CON=1),)


def test_each_transition_is_counted_whatever_caused_it(story: Story) -> None:
    story.hears("web1", "down").hears("web1", "up").hears("web1", "down")
    story.operates("web2", "pause")
    story.later(5)
    assert transitions(story, "web1") == {
        ("unknown", "up"): 1,
        ("up", "down"): 2,
        ("down", "up"): 1,
    }
    assert transitions(story, "web2") == {("unknown", "up"): 1, ("up", "paused"): 1}


def test_both_probers_that_had_a_backend_add_up(story: Story) -> None:
    story.aggregator.state.probers["prober-1"] = story.aggregator.state.probers["prober-0"]
    story.tell(counts(tally("web1", L7OK=7)))
    story.tell(counts(tally("web1", L7OK=2), prober="prober-1")).later(5)
    assert codes(story, "web1") == {"http": {"L7OK": 9}}


def test_types_of_checks_are_counted_apart(story: Story) -> None:
    story.tell(counts(tally("web1", L7OK=7), tally("web1", "tcp", L4OK=2))).later(5)
    assert codes(story, "web1") == {"http": {"L7OK": 7}, "tcp": {"L4OK": 2}}


@pytest.mark.parametrize(
    "heard",
    [
        counts(tally("web7", L7OK=1)),
        Heard("prober-1", counts(tally("web1", L7OK=1)).message),
        counts(ProbeTally("web1", "http", {"L7OK": 1}, (1, 2, 3), 5)),
    ],
    ids=["unknown backend", "another speaker", "other buckets"],
)
def test_what_cannot_be_counted_is_left_alone(story: Story, heard: Heard) -> None:
    before = totals(story)
    story.tell(heard).later(6)
    assert totals(story) == before


def test_a_removed_backend_leaves_and_comes_back_with_nothing(story: Story) -> None:
    story.tell(counts(tally("web9", L7OK=7))).later(5)
    whole = PRIMARY_AND_STANDBY
    story.reloads(settings([backend("web1"), backend("web2")], []))
    story.later(5)
    assert "web9" not in totals(story)
    story.tell(counts(tally("web9", L7OK=8)))
    story.reloads(whole)
    story.tell(counts(tally("web9", L7OK=1))).later(6)
    assert codes(story, "web9") == {"http": {"L7OK": 1}}


# --- when it is said ------------------------------------------------------------------------------


def blocks_since(story: Story, before: int) -> list[TotalsBlock]:
    return [one for one in story.messages[before:] if isinstance(one, TotalsBlock)]


def test_a_block_is_said_at_most_every_five_seconds_and_only_if_it_changed(story: Story) -> None:
    before = len(story.messages)
    for probes in range(1, 41):
        story.tell(counts(tally("web1", L7OK=probes))).later(0.25)
    assert 2 <= len(blocks_since(story, before)) <= 3
    story.later(6)
    assert codes(story, "web1") == {"http": {"L7OK": 40}}
    before = len(story.messages)
    story.tell(counts(tally("web1", L7OK=40))).later(30)
    assert blocks_since(story, before) == []


def test_nothing_is_said_before_it_is_on_disk(story: Story) -> None:
    story.hold_disk = True
    before = len(story.messages)
    story.tell(counts(tally("web1", L7OK=7))).later(20)
    assert blocks_since(story, before) == []
    [save] = [one for one in story.held_saves if isinstance(one, SaveTotals)]
    [kept] = [one for one in kept_in(save.blocks) if one.backend == "web1"]
    assert [life.tally.codes for life in kept.lives] == [{"L7OK": 7}]
    story.tell(TotalsSaved()).later(1)
    assert [one.backends[0].probes for one in blocks_since(story, before)] != []


def test_thousands_of_backends_take_one_step_a_turn() -> None:
    names = [f"b{number}" for number in range(500)]
    many = settings([backend(name, f"10.1.0.{n % 250}") for n, name in enumerate(names)], [])
    story = Story(many).prober().later(6)
    story.tell(counts(*(tally(name, L7OK=1) for name in names)))
    turns: list[list[object]] = []
    for _ in range(400):
        story.mono_s += STEP_S
        effects = story.aggregator.handle(TotalsSaved(), story.now)
        turns.append([type(one.message) for one in effects if isinstance(one, Publish)])
    assert max(map(len, turns)) == 1
    assert sum(turn.count(TotalsBlock) for turn in turns) == 64


# --- what outlives it -----------------------------------------------------------------------------


def test_a_restart_goes_on_where_it_was(story: Story) -> None:
    story.tell(counts(tally("web1", L7OK=7))).later(5)
    again = restarted(story)
    assert totals(again)["web1"].probes == totals(story)["web1"].probes
    assert transitions(again, "web1")["unknown", "up"] >= 1
    again.tell(counts(tally("web1", L7OK=9))).later(5)
    assert codes(again, "web1") == {"http": {"L7OK": 9}}
    again.tell(counts(tally("web1", L7OK=1), since_ns=2)).later(5)
    assert codes(again, "web1") == {"http": {"L7OK": 10}}


def test_a_prober_that_restarted_meanwhile_begins_on_top(story: Story) -> None:
    story.tell(counts(tally("web1", L7OK=7))).later(5)
    again = restarted(story)
    again.tell(counts(tally("web1", L7OK=20), since_ns=2)).later(5)
    assert codes(again, "web1") == {"http": {"L7OK": 27}}


def test_what_left_the_file_meanwhile_is_not_recalled(story: Story) -> None:
    story.tell(counts(tally("web9", L7OK=7))).later(5)
    fewer = settings([backend("web1"), backend("web2")], [])
    story.aggregator.state.settings = fewer
    assert "web9" not in totals(restarted(story))


def test_the_counts_of_a_prober_that_is_no_more_stay(story: Story) -> None:
    story.tell(counts(tally("web1", L7OK=7))).later(5)
    again = restarted(story, probers=("prober-5",))
    assert codes(again, "web1") == {"http": {"L7OK": 7}}
    counter = again.aggregator.state.totals.backends["web1"].probes["http"]
    assert counter.lives == ()


def test_nobody_ever_saw_more_than_is_on_disk(story: Story) -> None:
    for probes in range(1, 30):
        story.tell(counts(tally("web1", L7OK=probes), since_ns=probes // 10)).later(0.7)
        assert totals(restarted(story)) == totals(story)
