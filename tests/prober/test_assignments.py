# SPDX-License-Identifier: Apache-2.0
"""Conversations about assignments: new ones, changed ones, taken away, said again, forgotten."""

from __future__ import annotations

from typing import Any

import pytest

from maglev.actor import Found, Heard, Lost
from maglev.messages import AssignmentEnded, Check, ProberPresent, Verdict, VerdictWithdrawn
from maglev.prober.state import Stopped
from tests.prober.story import FAILED, PASSED, Story, assignment, done, said, verdicts


@pytest.fixture
def story() -> Story:
    """A prober that has just started."""
    return Story()


def test_a_new_backend_is_spread_over_an_interval_and_spoken_for(story: Story) -> None:
    effects = story.assign()
    assert done(effects) == [("spread", "web1")]
    assert verdicts(effects) == [("web1", "unknown", 1, 1)]


def test_a_backend_handed_over_goes_on_where_it_was(story: Story) -> None:
    effects = story.assign(state="up", counter=3, changes=7, generation=12)
    assert verdicts(effects) == [("web1", "up", 3, 12)]
    verdict = story.result(FAILED)
    assert verdict is not None
    assert (verdict.state, verdict.counter, verdict.changes) == ("up", 2, 7)


def test_the_backend_that_the_last_process_died_of_is_probed_late() -> None:
    """So that whoever dies of it again has told before of whom it was."""
    story = Story(suspect="web1", suspect_at_ns=17)
    assert done(story.assign("web1")) == [("late", "web1")]
    assert done(story.assign("web2")) == [("spread", "web2")]


def test_an_assignment_said_again_changes_nothing(story: Story) -> None:
    story.assign()
    story.result(PASSED)
    assert story.assign() == []
    assert story.prober.state.backends["web1"].health.state == "up"


@pytest.mark.parametrize("others", [{"prober": "prober-1"}, {"prober": ""}, {"check": None}])
def test_somebody_elses_backend_is_nothing_to_us(story: Story, others: dict[str, Any]) -> None:
    assert story.assign(**others) == []


@pytest.mark.parametrize("others", [{"prober": "prober-1"}, {"prober": ""}])
def test_a_backend_that_is_taken_away_is_probed_and_spoken_for_no_more(
    story: Story, others: dict[str, Any]
) -> None:
    story.assign()
    effects = story.assign(generation=2, **others)
    assert done(effects) == [("end", "web1")]
    assert said(effects) == [VerdictWithdrawn(backend="web1")]


def test_a_backend_that_left_the_configuration_is_forgotten(story: Story) -> None:
    story.assign()
    effects = story.tell(Heard("aggregator", AssignmentEnded(backend="web1")))
    assert done(effects) == [("end", "web1")]
    assert said(effects) == [VerdictWithdrawn(backend="web1")]
    assert story.tell(Heard("aggregator", AssignmentEnded(backend="web1"))) == []
    assert story.prober.state.generations == {}


def test_a_changed_check_keeps_the_verdict_and_is_probed_soon(story: Story) -> None:
    story.assign(state="up", counter=4, changes=1)
    story.result(PASSED)
    slower = Check(name="c", type="http", port=80, rise=2, fall=3, timeout_s=9.0)
    effects = story.assign(generation=2, check=slower, state="up", counter=4, changes=1)
    assert done(effects) == [("soon", "web1")]
    [verdict] = said(effects)
    assert isinstance(verdict, Verdict)
    assert (verdict.state, verdict.counter, verdict.generation) == ("up", 4, 2)
    assert (verdict.code, verdict.detail) == ("L7OK", "HTTP 200")


@pytest.mark.parametrize(("state", "counter"), [("up", 13), ("down", 0), ("unknown", 3)])
def test_under_other_limits_a_kept_verdict_is_as_sure_as_can_be(
    story: Story, state: Any, counter: int
) -> None:
    story.assign(state=state, counter=1, changes=5)
    other = Check(name="c", type="http", port=80, rise=4, fall=10)
    effects = story.assign(generation=2, check=other, state=state, counter=counter, changes=5)
    assert verdicts(effects) == [("web1", state, counter, 2)]


def test_a_changed_address_starts_from_what_the_aggregator_says(story: Story) -> None:
    story.assign(state="up", counter=4, changes=1)
    effects = story.assign(generation=2, address="192.0.2.2", changes=1)
    assert done(effects) == [("soon", "web1")]
    assert verdicts(effects) == [("web1", "unknown", 1, 2)]


def test_a_new_generation_of_the_same_does_not_disturb_the_probing(story: Story) -> None:
    """An aggregator that has restarted assigns everything again, as it heard it from us."""
    story.assign(state="up", counter=4, changes=1)
    effects = story.assign(generation=2, state="up", counter=4, changes=1)
    assert done(effects) == []
    assert verdicts(effects) == [("web1", "up", 4, 2)]


def test_what_we_know_counts_if_the_aggregator_has_not_heard_it_yet(story: Story) -> None:
    story.assign(state="up", counter=4, changes=1)
    for _ in range(3):
        story.result(FAILED)
    effects = story.assign(generation=2, state="up", counter=4, changes=1)
    assert done(effects) == []
    assert verdicts(effects) == [("web1", "down", 0, 2)]


def test_our_counter_counts_while_the_state_is_the_same(story: Story) -> None:
    story.assign(state="up", counter=4, changes=1)
    story.result(FAILED)
    assert verdicts(story.assign(generation=2, state="up", counter=4, changes=1))[0][2] == 3


def test_a_pause_and_resume_heard_as_one_start_from_unknown(story: Story) -> None:
    """The aggregator's state differs although it knows of all our changes: somebody wants it so."""
    story.assign(state="up", counter=4, changes=1)
    effects = story.assign(generation=3, state="unknown", counter=1, changes=1)
    assert done(effects) == [("soon", "web1")]
    assert verdicts(effects) == [("web1", "unknown", 1, 3)]


def test_another_netns_is_entered_once_and_left_again(story: Story) -> None:
    assert done(story.assign("web1", netns="dataplane"))[0] == ("enter", "dataplane")
    assert done(story.assign("web2", netns="dataplane")) == [("spread", "web2")]
    assert done(story.assign("web1", netns="", generation=2)) == [("enter", "")]
    assert done(story.assign("web2", netns="", generation=2)) == []


# --- the aggregator comes and goes ----------------------------------------------------------------


def test_without_an_aggregator_it_goes_on_with_what_it_has(story: Story) -> None:
    story.assign()
    assert story.tell(Lost("aggregator")) == []
    assert story.result(PASSED) is not None
    assert story.tell(Found("aggregator")) == []


def test_a_whole_word_replaces_what_was_known(story: Story) -> None:
    story.assign("web1")
    story.assign("web2")
    effects = story.synced(assignment("web2"), assignment("web3", generation=4))
    assert done(effects) == [("end", "web1"), ("spread", "web3")]
    assert VerdictWithdrawn(backend="web1") in said(effects)


def test_an_aggregator_that_has_just_started_takes_nothing_away(story: Story) -> None:
    story.assign("web1")
    story.assign("web2")
    assert story.synced(epoch=2) == []
    for _ in range(200):
        assert story.wake() == []
    # It has heard what we know, and assigns it: what it does not name for long is gone.
    assert done(story.assign("web1", generation=5)) == []
    gone = [effect for _ in range(100) for effect in story.wake()]
    assert done(gone) == [("end", "web2")]
    assert set(story.prober.state.backends) == {"web1"}


# --- standing still -------------------------------------------------------------------------------


def test_after_a_stop_it_is_a_new_incarnation_that_knows_nothing(story: Story) -> None:
    story.assign("web1")
    story.assign("web2")
    before = story.prober.state.incarnation
    effects = story.tell(Stopped(4.0))
    assert done(effects) == [("end", "web1"), ("end", "web2")]
    *withdrawn, present = said(effects)
    assert withdrawn == [VerdictWithdrawn(backend="web1"), VerdictWithdrawn(backend="web2")]
    assert isinstance(present, ProberPresent)
    assert present.incarnation > before


def test_after_a_stop_it_waits_until_it_is_assigned_again(story: Story) -> None:
    story.assign(state="up", counter=4)
    story.tell(Stopped(4.0))
    assert story.assign(state="up", counter=4) == []  # said before the aggregator knew
    assert story.synced(assignment(state="up", counter=4)) == []
    again = story.assign(state="up", counter=4, generation=2)
    assert verdicts(again) == [("web1", "up", 4, 2)]
