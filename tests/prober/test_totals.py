# SPDX-License-Identifier: Apache-2.0
"""What a prober says it has counted: when, of whom, and over which changes it goes on counting."""

import msgspec
import pytest

from maglev.actor import Heard, Woke
from maglev.core.totals import BOUNDS_S
from maglev.messages import AssignmentEnded, ProbeTally, ProbeTotals
from maglev.prober.state import Stopped
from maglev.prober.totals import TALLIES_PER_MESSAGE
from tests.prober.story import CHECK, FAILED, FAULT, ME, PASSED, Story, said

TCP = msgspec.structs.replace(CHECK, type="tcp")


@pytest.fixture
def story() -> Story:
    """A prober whose first round of totals is over."""
    story = Story()
    story.assign()
    story.wake()
    return story


def totals(story: Story, seconds: float = 1.0) -> list[ProbeTotals]:
    """Let time pass; return the totals that were said."""
    heard: list[ProbeTotals] = []
    end_s = story.now_s + seconds
    while story.now_s < end_s:
        state = story.prober.state
        story.now_s = max(story.now_s, min(state.seen_at_s, state.totals.due_s))
        heard += [one for one in said(story.tell(Woke())) if isinstance(one, ProbeTotals)]
    return heard


def counted(story: Story, seconds: float = 1.0) -> dict[tuple[str, str], dict[str, int]]:
    """Let time pass; return what was said of whom: {(backend, type): {code: probes}}."""
    tallies = [tally for one in totals(story, seconds) for tally in one.tallies]
    assert len({(one.backend, one.type) for one in tallies}) == len(tallies), "said twice"
    return {(one.backend, one.type): one.codes for one in tallies}


def test_each_result_is_counted_by_its_code_with_its_duration(story: Story) -> None:
    for result in (PASSED, PASSED, FAILED, FAULT):
        story.result(result)
    [said_once] = totals(story)
    [tally] = said_once.tallies
    in_10_ms = [3 if bound_s == 0.01 else 0 for bound_s in (*BOUNDS_S, 0)]
    codes = {"L7OK": 2, "L7STS": 1, "": 1}
    assert tally == ProbeTally("web1", "http", codes, tuple(in_10_ms), 30_000_000)
    assert (said_once.prober, said_once.since_ns) == (ME, Story().now().unix_ns)


def test_counts_are_said_once_a_second_of_those_probed_since(story: Story) -> None:
    story.assign("web2")
    story.result(PASSED)
    assert counted(story) == {("web1", "http"): {"L7OK": 1}}
    assert counted(story) == {}
    story.result(PASSED)
    story.result(PASSED, "web2")
    assert counted(story) == {("web1", "http"): {"L7OK": 2}, ("web2", "http"): {"L7OK": 1}}


def test_all_counts_are_said_again_for_whoever_missed_them(story: Story) -> None:
    story.assign("web2")
    story.result(PASSED)
    assert counted(story) != {}
    assert counted(story, story.timers.refresh_s) == {("web1", "http"): {"L7OK": 1}}


def test_thousands_are_said_in_bounded_messages_one_at_a_time(story: Story) -> None:
    for number in range(4 * TALLIES_PER_MESSAGE):
        story.assign(f"web{number}", generation=number + 2)
        story.result(PASSED, f"web{number}")
    turns = []
    while sum(turns) < 4 * TALLIES_PER_MESSAGE:
        state = story.prober.state
        story.now_s = max(story.now_s, min(state.seen_at_s, state.totals.due_s))
        told = [one for one in said(story.tell(Woke())) if isinstance(one, ProbeTotals)]
        assert len(told) <= 1, "a turn takes as long as one message"
        turns += [len(one.tallies) for one in told]
    assert turns == [TALLIES_PER_MESSAGE] * 4


def test_the_last_probes_before_a_share_moves_are_said_after_it(story: Story) -> None:
    story.result(PASSED)
    story.assign(prober="prober-1", generation=2)
    assert counted(story) == {("web1", "http"): {"L7OK": 1}}


def test_a_share_that_comes_back_is_counted_on(story: Story) -> None:
    story.result(PASSED)
    story.assign(prober="prober-1", generation=2)
    story.assign(generation=3)
    story.result(PASSED)
    assert counted(story) == {("web1", "http"): {"L7OK": 2}}


def test_a_stop_of_the_process_does_not_end_its_counts(story: Story) -> None:
    since_ns = story.prober.state.totals.since_ns
    story.result(PASSED)
    story.tell(Stopped(5.0))
    story.assign(generation=2)
    story.result(PASSED)
    [told] = totals(story)
    assert (told.since_ns, told.tallies[0].codes) == (since_ns, {"L7OK": 2})


def test_a_backend_that_left_the_configuration_is_counted_from_nothing(story: Story) -> None:
    story.result(PASSED)
    story.tell(Heard("aggregator", AssignmentEnded(backend="web1")))
    assert counted(story) == {}
    story.assign(generation=2)
    story.result(FAILED)
    assert counted(story) == {("web1", "http"): {"L7STS": 1}}


def test_another_type_of_check_is_counted_apart_and_the_last_of_the_old_one_is_said(
    story: Story,
) -> None:
    story.result(PASSED)
    story.assign(check=TCP, generation=2)
    story.result(FAILED)
    both = {("web1", "http"): {"L7OK": 1}, ("web1", "tcp"): {"L7STS": 1}}
    assert counted(story) == both
    story.assign(generation=3)
    story.result(PASSED)
    assert counted(story)["web1", "http"] == {"L7OK": 2}


def test_a_later_process_begins_to_count_later() -> None:
    first = Story()
    second = Story()
    second.now_s += 0.001
    second.prober.start(second.now())
    assert second.prober.state.totals.since_ns > first.prober.state.totals.since_ns
