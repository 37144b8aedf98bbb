# SPDX-License-Identifier: Apache-2.0
"""Bookings: nothing early, nothing late by more than a slot, nothing lost, nothing twice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from maglev.probes.calendar import SLOTS_PER_S, Calendar
from maglev.probes.probe import NEVER, NEVER_S, Probe

SLOT_S = 1 / SLOTS_PER_S


def test_a_probe_comes_up_after_its_time_and_within_a_slot() -> None:
    calendar = Calendar()
    probe = Probe("b", 1.0)
    calendar.put(probe, 5.0001)
    assert 5.0001 <= calendar.next_s() <= 5.0001 + SLOT_S
    assert calendar.take(5.0001) == []
    assert calendar.take(5.0001 + SLOT_S) == [probe]
    assert calendar.take(100.0) == []
    assert calendar.next_s() == NEVER_S


def test_an_earlier_time_replaces_a_later_one_and_a_later_one_waits_for_the_earlier() -> None:
    calendar = Calendar()
    probe = Probe("b", 1.0)
    calendar.put(probe, 9.0)
    calendar.put(probe, 5.0)
    calendar.put(probe, 7.0)
    assert calendar.take(6.0) == [probe]
    assert calendar.take(10.0) == []  # whoever takes it puts it back at its real time
    assert probe.slot == NEVER


def test_a_dropped_probe_comes_up_no_more_and_may_be_put_again() -> None:
    calendar = Calendar()
    probe = Probe("b", 1.0)
    calendar.put(probe, 5.0)
    calendar.drop(probe)
    calendar.drop(probe)
    calendar.put(probe, 5.0)
    assert calendar.take(6.0).count(probe) >= 1
    assert calendar.take(6.0) == []


def test_dead_entries_are_fewer_than_live_ones_in_the_long_run() -> None:
    calendar = Calendar()
    probes = [Probe(str(number), 1.0) for number in range(1000)]
    for time_s in range(100, 50, -1):
        for probe in probes:
            calendar.put(probe, float(time_s))
    assert len(calendar) <= 2 * len(probes) + 1
    assert sorted(map(id, calendar.take(60.0))) == sorted(map(id, probes))


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 2), st.integers(0, 40)),
        st.tuples(st.just("drop"), st.integers(0, 2), st.just(0)),
        st.tuples(st.just("take"), st.just(0), st.integers(0, 40)),
    ),
    max_size=40,
)


@given(ACTIONS)
def test_whatever_happens_each_probe_comes_up_by_its_earliest_time(
    actions: list[tuple[str, int, int]],
) -> None:
    """Against a plain dictionary of earliest times."""
    calendar = Calendar()
    probes = [Probe(str(number), 1.0) for number in range(3)]
    expected: dict[int, int] = {}
    for action, number, tick in actions:
        at_s = tick * SLOT_S
        match action:
            case "put":
                calendar.put(probes[number], at_s)
                expected[number] = min(expected.get(number, tick), tick)
            case "drop":
                calendar.drop(probes[number])
                expected.pop(number, None)
            case _:
                came = set()
                while found := calendar.take(at_s + 1e-9):
                    came |= {probes.index(probe) for probe in found}
                due = {number for number, tick_due in expected.items() if tick_due < tick}
                assert due <= came <= set(expected)
                for number in came:
                    del expected[number]
    left = set()
    while found := calendar.take(1.0):
        left |= {probes.index(probe) for probe in found}
    assert left == set(expected)
