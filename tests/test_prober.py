# SPDX-License-Identifier: Apache-2.0
"""Conversations with a prober: what it is told, and what it does about that."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maglev.actor import (
    Effect,
    Event,
    Found,
    Heard,
    Instant,
    Log,
    Lost,
    Publish,
    Synced,
    WakeAt,
    Woke,
)
from maglev.core.schedule import wait_s
from maglev.core.timers import Timers
from maglev.messages import (
    Assignment,
    AssignmentEnded,
    Check,
    ProberPace,
    ProberPresent,
    ProbesSeen,
    Verdict,
    VerdictWithdrawn,
)
from maglev.prober.actor import NAMES_PER_MESSAGE, Prober
from maglev.prober.state import (
    BeginProbing,
    EndProbing,
    EnterNetns,
    NetnsEntered,
    PaceMeasured,
    Stopped,
)
from maglev.probes.result import Result

ME = "prober-0"
CHECK = Check(name="c", type="http", port=80, rise=2, fall=3)
PASSED = Result(True, "L7OK", "HTTP 200")
FAILED = Result(False, "L7STS", "HTTP 503")
FAULT = Result(None, "", "open a socket: too many open files")


class Story:
    """A prober and a clock."""

    def __init__(self, **args: Any) -> None:
        self.timers = Timers()
        self.prober = Prober(ME, self.timers, **args)
        self.now_s = 1000.0
        self.begun = self.prober.start(self.now())

    def now(self) -> Instant:
        """Return the present."""
        return Instant(self.now_s, int(self.now_s * 1e9) + 10**18)

    def tell(self, event: Event) -> list[Effect]:
        """Hand the prober an event; return what it wants done, but for wakes."""
        effects = self.prober.handle(event, self.now())
        return [effect for effect in effects if not isinstance(effect, WakeAt)]

    def assign(self, backend: str = "web1", **others: Any) -> list[Effect]:
        """Hear an assignment."""
        return self.tell(Heard("aggregator", assignment(backend, **others)))

    def synced(self, *messages: Assignment, epoch: int = 1) -> list[Effect]:
        """Hear the aggregator's whole word."""
        return self.tell(Synced("aggregator", epoch, messages))

    def result(self, result: Result, backend: str = "web1") -> Verdict | None:
        """Have a round end now; return what is said about it."""
        found = self.prober.state.backends[backend]
        at = self.now()
        if self.prober.finished(found, result, 0.01, at.mono_s, at.unix_ns):
            return found.verdict(ME)
        return None

    def wake(self) -> list[Effect]:
        """Let seen_s pass."""
        self.now_s += self.timers.seen_s
        return self.tell(Woke())


def assignment(backend: str = "web1", **others: Any) -> Assignment:
    """Return an assignment to this prober of a backend nothing is known of."""
    plain = {
        "prober": ME,
        "generation": 1,
        "address": "192.0.2.1",
        "check": CHECK,
        "state": "unknown",
        "counter": 1,
        "changes": 0,
    }
    return Assignment(backend=backend, **(plain | others))


def said(effects: list[Effect]) -> list[object]:
    """Return the messages among effects."""
    return [effect.message for effect in effects if isinstance(effect, Publish)]


def done(effects: list[Effect]) -> list[tuple[str, str]]:
    """Return what becomes of the probing: begin (spread, soon or late), end, enter."""
    found = []
    for effect in effects:
        match effect:
            case BeginProbing(backend, first):
                found.append((first, backend.name))
            case EndProbing(backend):
                found.append(("end", backend))
            case EnterNetns(name):
                found.append(("enter", name))
    return found


def verdicts(effects: list[Effect]) -> list[tuple[str, str, int, int]]:
    """Return (backend, state, counter, generation) of each verdict said."""
    return [
        (one.backend, one.state, one.counter, one.generation)
        for one in said(effects)
        if isinstance(one, Verdict)
    ]


@pytest.fixture
def story() -> Story:
    """A prober that has just started."""
    return Story()


# --- the beginning --------------------------------------------------------------------------------


def test_it_says_that_it_is_there_and_probes_nothing(story: Story) -> None:
    present, wake = story.begun
    assert isinstance(present, Publish)
    assert present.message == ProberPresent(prober=ME, incarnation=story.now().unix_ns)
    assert isinstance(wake, WakeAt)


def test_it_says_what_the_last_process_died_of() -> None:
    present = said(list(Story(suspect="web7", suspect_at_ns=17).begun))[0]
    assert isinstance(present, ProberPresent)
    assert (present.suspect, present.suspect_at_ns) == ("web7", 17)


def test_a_later_process_has_a_higher_incarnation(story: Story) -> None:
    later = Prober(ME, Timers())
    story.now_s += 0.1
    later.start(story.now())
    assert later.state.incarnation > story.prober.state.incarnation


# --- assignments ----------------------------------------------------------------------------------


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


# --- results --------------------------------------------------------------------------------------


def test_a_verdict_is_said_when_something_changes_and_not_else(story: Story) -> None:
    story.assign()
    first = story.result(PASSED)
    assert first is not None
    assert (first.state, first.counter, first.changes, first.code) == ("up", 4, 1, "L7OK")
    assert (first.decided_at_s, first.at_ns) == (story.now_s, story.now().unix_ns)
    for _ in range(5):
        assert story.result(PASSED) is None
    states = []
    for _ in range(5):
        verdict = story.result(FAILED)
        states.append((verdict.state, verdict.counter) if verdict else None)
    assert states == [("up", 3), ("up", 2), ("down", 0), None, None]
    another = story.result(Result(False, "L4CON", "connection refused"))
    assert another is not None
    assert (another.state, another.code, another.changes) == ("down", "L4CON", 2)


def test_equal_results_are_the_same_result(story: Story) -> None:
    story.assign()
    story.result(PASSED)
    assert story.result(Result(True, "L7OK", "HTTP 200")) is None


def test_a_fault_of_the_checker_leaves_verdict_and_counter_alone(story: Story) -> None:
    story.assign()
    story.result(PASSED)
    before = story.prober.state.backends["web1"].health
    decided_at_s = story.now_s
    story.now_s += 1
    verdict = story.result(FAULT)
    assert verdict is not None
    assert verdict.fault == "open a socket: too many open files"
    assert (verdict.state, verdict.code, verdict.detail) == ("up", "L7OK", "HTTP 200")
    assert verdict.decided_at_s == decided_at_s
    for _ in range(10):
        assert story.result(FAULT) is None
    assert story.prober.state.backends["web1"].health is before
    mended = story.result(PASSED)
    assert mended is not None
    assert (mended.fault, mended.counter) == ("", 4)


@given(st.lists(st.sampled_from([PASSED, FAILED, FAULT]), max_size=30))
def test_faults_never_move_a_counter(results: list[Result]) -> None:
    with_faults, without = Story(), Story()
    with_faults.assign()
    without.assign()
    for result in results:
        with_faults.result(result)
        if result.passed is not None:
            without.result(result)
    assert (
        with_faults.prober.state.backends["web1"].health
        == without.prober.state.backends["web1"].health
    )


def test_what_was_said_last_is_always_what_is_known(story: Story) -> None:
    story.assign()
    last = None
    for result in [PASSED, FAILED, FAULT, FAILED, PASSED, FAILED, FAILED, FAILED, FAULT, PASSED]:
        last = story.result(result) or last
    assert last is not None
    assert last == story.prober.state.backends["web1"].verdict(ME)


DURATION = st.integers(1, 40).map(lambda tenths: tenths / 10)


@given(
    rise=st.integers(1, 3),
    fall=st.integers(1, 4),
    interval_s=DURATION,
    fast_s=DURATION,
    timeout_s=DURATION,
    chances=st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=5),
    dies_s=st.floats(0, 20),
    answer_s=st.floats(0, 0.1),
)
def test_a_dead_backend_is_down_within_the_promised_time(
    rise: int,
    fall: int,
    interval_s: float,
    fast_s: float,
    timeout_s: float,
    chances: list[float],
    dies_s: float,
    answer_s: float,
) -> None:
    """Wherever in the schedule it dies, and however chance falls."""
    check = Check(
        name="c",
        type="http",
        port=80,
        rise=rise,
        fall=fall,
        interval_s=interval_s,
        fast_interval_s=fast_s,
        timeout_s=timeout_s,
    )
    story = Story()
    story.assign(check=check, state="up", counter=rise + fall - 1)
    backend = story.prober.state.backends["web1"]
    at_s = 0.0  # a round begins
    rounds = 0
    while backend.health.state == "up":
        answers = at_s < dies_s
        at_s += min(answer_s, timeout_s) if answers else timeout_s
        story.prober.finished(backend, PASSED if answers else FAILED, 0.0, at_s, 0)
        died_after_s = at_s - dies_s
        at_s += wait_s(check, backend.health, chances[rounds % len(chances)])
        rounds += 1
    promised_s = 1.1 * interval_s + (fall - 1) * 1.1 * fast_s + fall * timeout_s
    assert died_after_s <= promised_s + answer_s + 1e-9


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


# --- once in a while ------------------------------------------------------------------------------


def test_the_backends_probed_are_told_four_times_a_second_each_once(story: Story) -> None:
    for name in ("web1", "web2"):
        story.assign(name)
    assert story.wake() == []
    for name in ("web1", "web2", "web1"):
        story.result(PASSED, name)
    assert said(story.wake()) == [ProbesSeen(prober=ME, backends=("web1", "web2"))]
    assert story.wake() == []


def test_thousands_of_backends_are_told_in_bounded_messages(story: Story) -> None:
    for number in range(NAMES_PER_MESSAGE + 1):
        story.assign(f"web{number}", generation=number)
        story.result(PASSED, f"web{number}")
    told = said(story.wake())
    assert [len(one.backends) for one in told if isinstance(one, ProbesSeen)] == [1000, 1]


def test_the_pace_is_told_with_the_number_of_backends(story: Story) -> None:
    story.assign()
    measured = PaceMeasured(2, 100, 0.1, 0.9, 3.0)
    assert said(story.tell(measured)) == [
        ProberPace(
            prober=ME,
            backends=1,
            in_flight=2,
            probes_total=100,
            lateness_ms_p50=0.1,
            lateness_ms_p99=0.9,
            lateness_ms_max=3.0,
        )
    ]


def test_entering_a_netns_is_logged_with_what_went_wrong(story: Story) -> None:
    assert story.tell(NetnsEntered("x", "")) == [Log("info", "netns-entered", {"netns": "x"})]
    [log] = story.tell(NetnsEntered("x", "no such file"))
    assert isinstance(log, Log)
    assert (log.level, log.fields["error"]) == ("warn", "no such file")
