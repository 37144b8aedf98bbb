# SPDX-License-Identifier: Apache-2.0
"""Conversations with a prober: what it says of itself and of the results of its probes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maglev.actor import Log, Publish, WakeAt
from maglev.core.schedule import wait_s
from maglev.core.timers import Timers
from maglev.messages import Check, ProberPace, ProberPresent, ProbesSeen
from maglev.prober.actor import NAMES_PER_MESSAGE, Prober
from maglev.prober.state import NetnsEntered, PaceMeasured
from maglev.probes.result import Result
from tests.prober.story import FAILED, FAULT, ME, PASSED, Story, said


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
    measured = PaceMeasured(2, 100, 0.1, 0.9, 3.0, 102, 0.04)
    assert said(story.tell(measured)) == [
        ProberPace(
            prober=ME,
            backends=1,
            in_flight=2,
            probes_total=100,
            lateness_ms_p50=0.1,
            lateness_ms_p99=0.9,
            lateness_ms_max=3.0,
            starts_total=102,
            lateness_s_total=0.04,
        )
    ]


def test_entering_a_netns_is_logged_with_what_went_wrong(story: Story) -> None:
    assert story.tell(NetnsEntered("x", "")) == [Log("info", "netns-entered", {"netns": "x"})]
    [log] = story.tell(NetnsEntered("x", "no such file"))
    assert isinstance(log, Log)
    assert (log.level, log.fields["error"]) == ("warn", "no such file")
