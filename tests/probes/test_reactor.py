# SPDX-License-Identifier: Apache-2.0
"""The loop under all probes: bookings, deadlines, the cap, stalls, and what it does not do."""

from __future__ import annotations

import os
import random
import select
import time
from collections.abc import Iterator

import pytest

from maglev.probes.calendar import SLOTS_PER_S
from maglev.probes.probe import BOOKED, FLYING, IDLE, QUEUED, Probe, mark_of
from maglev.probes.reactor import STALL_S, Reactor
from maglev.probes.result import Result
from tests.probes.puppet import LATE, PASSED, Bed, Puppet
from tests.support import eventually


@pytest.fixture
def bed() -> Iterator[Bed]:
    """A reactor."""
    made = Bed()
    yield made
    made.reactor.close()


def test_a_probe_starts_when_it_is_due_and_not_before(bed: Bed) -> None:
    probe = Puppet()
    bed.book(probe, 0.05)
    before_s = time.monotonic()
    bed.turn(3)
    assert probe.started == 0
    while not probe.started:
        bed.reactor.turn(0.01)
    assert probe.started_s >= before_s + 0.05
    assert probe.state == FLYING
    assert bed.reactor.in_flight == 1


def test_a_result_is_told_once_and_the_probe_is_closed(bed: Bed) -> None:
    probe = Puppet(owner="anybody")
    bed.book(probe)
    bed.turn()
    probe.tell()
    assert bed.until_told(1) == [PASSED]
    assert bed.told[0][0].owner == "anybody"
    assert (probe.closed, probe.state, bed.reactor.in_flight) == (1, IDLE, 0)
    bed.turn(5)
    assert len(bed.told) == 1
    assert bed.reactor.probes_total == 1


def test_a_round_ends_at_its_deadline(bed: Bed) -> None:
    probe = Puppet(timeout_s=0.05)
    bed.book(probe)
    began_s = time.monotonic()
    assert bed.until_told(1) == [LATE]
    assert time.monotonic() - began_s >= 0.05
    assert probe.closed == 1


def test_an_answer_that_is_here_at_the_deadline_counts(bed: Bed) -> None:
    probe = Puppet(timeout_s=0.01)
    bed.book(probe)
    bed.turn()
    probe.tell()
    time.sleep(0.02)  # the deadline passes, and the answer has not been looked at
    assert bed.until_told(1) == [PASSED]


def test_one_probe_can_be_booked_again_and_again_from_its_result() -> None:
    left = 50

    def again(probe: Probe, result: Result, now_s: float) -> None:
        nonlocal left
        left -= 1
        if left:
            reactor.book(probe, now_s + random.random() * 0.002)

    reactor = Reactor(again)
    probe = Puppet(timeout_s=0.001)
    reactor.book(probe, time.monotonic())
    while left:
        reactor.turn(0.05)
    assert probe.started == probe.closed == 50
    reactor.close()


@pytest.mark.parametrize("waits", [(0.02, 0.0), (0.0, 0.02), (0.02, 0.01, 0.03, 0.0)])
def test_the_last_booking_counts(bed: Bed, waits: tuple[float, ...]) -> None:
    probe = Puppet()
    for wait_s in waits:
        bed.book(probe, wait_s)
    due_s = probe.when_s
    until_s = time.monotonic() + 0.06
    while time.monotonic() < until_s:
        bed.reactor.turn(0.005)
    assert probe.started == 1
    assert probe.started_s >= due_s


def test_a_cancelled_probe_is_heard_of_no_more(bed: Bed) -> None:
    booked, flying = Puppet(), Puppet(timeout_s=0.03)
    bed.book(flying)
    bed.turn()
    bed.book(booked, 0.01)
    bed.reactor.cancel(booked)
    bed.reactor.cancel(flying)
    assert (flying.closed, bed.reactor.in_flight) == (1, 0)
    until_s = time.monotonic() + 0.06
    while time.monotonic() < until_s:
        bed.reactor.turn(0.01)
    assert bed.told == []
    assert booked.started == 0


def test_a_cancelled_probe_may_be_booked_again(bed: Bed) -> None:
    probe = Puppet(timeout_s=0.01)
    bed.book(probe, 5.0)
    bed.reactor.cancel(probe)
    bed.book(probe)
    assert bed.until_told(1) == [LATE]


def test_thousands_of_cancelled_bookings_take_no_room(bed: Bed) -> None:
    keep = [bed.book(Puppet(), 3600.0) for _ in range(100)]
    for _ in range(20):
        for probe in [bed.book(Puppet(), 3600.0) for _ in range(100)]:
            bed.reactor.cancel(probe)
        for probe in keep:
            bed.book(probe, 3600.0 - bed.reactor.probes_total)
    assert len(bed.reactor._calendar) < 1000
    assert all(probe.state == BOOKED for probe in keep)


def test_no_more_are_in_flight_than_may_be_and_the_others_follow_in_order() -> None:
    bed = Bed(in_flight_max=3)
    probes = [Puppet(str(number)) for number in range(10)]
    for probe in probes:
        bed.book(probe)
    bed.turn(5)
    assert [probe.state for probe in probes] == [FLYING] * 3 + [QUEUED] * 7
    bed.reactor.cancel(probes[3])
    for number, probe in enumerate(probes):
        if number != 3:
            assert probe.state == FLYING, number
            probe.tell()
            bed.until_told(number + 1 if number < 3 else number)
            bed.turn(2)
    assert probes[3].started == 0
    assert bed.reactor.in_flight == 0
    bed.reactor.close()


def test_work_per_turn_is_bounded(bed: Bed) -> None:
    probes = [Puppet() for _ in range(300)]
    for probe in probes:
        bed.book(probe)
    bed.turn()
    started = sum(probe.started for probe in probes)
    assert 0 < started < 100
    bed.turn(20)
    for probe in probes:
        probe.tell()
    bed.turn()
    assert 0 < len(bed.told) < 100
    bed.until_told(300)


def test_answers_that_take_long_do_not_keep_others_from_starting(bed: Bed) -> None:
    class Slow(Puppet):
        def ready(self, events: int) -> Result | None:
            time.sleep(0.01)
            return super().ready(events)

    slow = [Slow() for _ in range(20)]
    for probe in slow:
        bed.book(probe)
    bed.turn(3)
    for probe in slow:
        probe.tell()
    late = Puppet()
    bed.turn()
    assert 0 < len(bed.told) < 10
    bed.book(late)
    bed.turn()
    assert late.started == 1
    bed.until_told(20)


def test_a_fault_that_concerns_all_ends_rounds_before_they_start(bed: Bed) -> None:
    bed.reactor.fault = Result(None, "", 'enter netns "x": operation not permitted')
    probe = Puppet()
    bed.book(probe)
    assert bed.until_told(1) == [bed.reactor.fault]
    assert probe.started == 0


def test_a_start_is_told_while_somebody_wants_to_know(bed: Bed) -> None:
    told: list[Probe] = []
    first, second = Puppet(timeout_s=0.01), Puppet(timeout_s=0.01)
    bed.reactor.started = told.append
    bed.book(first)
    bed.until_told(1)
    bed.reactor.started = None
    bed.book(second)
    bed.until_told(2)
    assert told == [first]


# --- standing still -------------------------------------------------------------------------------


def test_time_in_which_the_loop_stood_still_is_given_back(bed: Bed) -> None:
    probe = Puppet(timeout_s=0.1)
    bed.book(probe)
    bed.turn()
    time.sleep(0.3)
    bed.turn(2)
    assert bed.told == []  # its deadline is long past, but not by its own fault
    assert bed.stalls
    assert bed.stalls[0] > STALL_S
    assert bed.until_told(1) == [LATE]
    assert time.monotonic() - probe.started_s >= 0.35


def test_a_stall_is_told_before_anything_that_is_ready(bed: Bed) -> None:
    order: list[str] = []
    bed.reactor._stalled = lambda stood_s: order.append("stall")
    bed.reactor._finished = lambda probe, result, now_s: order.append("result")
    probe = Puppet()
    bed.book(probe)
    bed.turn()
    probe.tell()
    time.sleep(2 * STALL_S)
    bed.turn()
    assert order == ["stall", "result"]


def test_waiting_is_no_stall(bed: Bed) -> None:
    def waits_without_a_stall() -> bool:
        bed.turn()
        bed.stalls.clear()
        bed.reactor.turn(1.2 * STALL_S)
        return not bed.stalls

    eventually(waits_without_a_stall)  # on a busy machine it may oversleep now and then


# --- descriptors and markers ----------------------------------------------------------------------


def test_the_marker_names_whose_answer_is_handled_and_nobody_between() -> None:
    marker = memoryview(bytearray(256))
    seen: list[bytes] = []

    def finished(probe: Probe, result: Result, now_s: float) -> None:
        seen.append(bytes(marker))

    reactor = Reactor(finished, marker=marker)
    names = ["web1", "web2"]
    probes = [Puppet(name, timeout_s=0.05) for name in names]
    for probe in probes:
        reactor.book(probe, time.monotonic() - 1 / SLOTS_PER_S)
    reactor.turn(0.0)
    assert bytes(marker) == bytes(256)
    probes[0].tell()
    while len(seen) < 2:  # one answers, one runs out of time
        reactor.turn(0.01)
        assert bytes(marker) == bytes(256)
    assert seen == [mark_of(name) for name in names]
    reactor.close()


def test_an_event_of_a_descriptor_closed_in_the_same_turn_is_dropped(bed: Bed) -> None:
    first, second = Puppet("1"), Puppet("2")
    for probe in (first, second):
        bed.book(probe)
    bed.turn()

    def cancel_the_other(probe: Probe, result: Result, now_s: float) -> None:
        bed.told.append((probe, result))
        bed.reactor.cancel(second if probe is first else first)

    bed.reactor._finished = cancel_the_other
    first.tell()
    second.tell()
    bed.turn(3)
    assert len(bed.told) == 1


def test_any_descriptor_may_be_watched(bed: Bed) -> None:
    class Bell:
        mark = mark_of("")
        rung = 0

        def ready(self, events: int) -> Result | None:
            self.rung += 1
            return None

    bell = Bell()
    near, far = os.pipe()
    bed.reactor.watch(near, bell, select.EPOLLIN)
    bed.turn()
    assert bell.rung == 0
    os.write(far, b"x")
    bed.turn(2)
    assert bell.rung == 2  # level-triggered, as asked for
    bed.reactor.forget(near)
    os.close(near)
    os.close(far)
    bed.turn()
    assert bell.rung == 2


def test_lateness_counts_from_the_due_time_also_for_those_that_waited_for_a_place() -> None:
    bed = Bed(in_flight_max=1)
    for _ in range(2):
        bed.book(Puppet(timeout_s=0.05))
    bed.until_told(2)
    assert bed.reactor.lateness.summary().ms_max >= 50
    bed.reactor.close()
