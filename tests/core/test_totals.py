# SPDX-License-Identifier: Apache-2.0
"""Totals of probes: whatever is lost, moved or restarted, no number falls and none counts twice."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maglev.core.totals import BOUNDS_S, Counter, Life, Tally
from maglev.messages import ProbeTally

PROBERS = ("prober-0", "prober-1", "prober-2")


def tally(**codes: int) -> ProbeTally:
    """Counts as a prober says them, each probe of a millisecond and a half."""
    counted = Tally("web1", "http")
    for code, count in codes.items():
        for _ in range(count):
            counted.add(code, 0.0015)
    return counted.said()


def life(prober: str, since_ns: int, **codes: int) -> Life:
    return Life(prober, since_ns, tally(**codes))


def flat(total: ProbeTally) -> list[int]:
    """All numbers of a tally in an order that does not change."""
    codes = [total.codes.get(code, 0) for code in ("L7OK", "L4CON", "")]
    return [*codes, *total.buckets, total.duration_ns_sum]


# --- counting -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("duration_s", "bucket"),
    [(0.0, 0), (0.001, 0), (0.0011, 1), (0.0025, 1), (1.0, 9), (1.001, 10), (5.0, 11), (99.0, 12)],
)
def test_a_duration_is_counted_under_the_lowest_bound_it_does_not_exceed(
    duration_s: float, bucket: int
) -> None:
    counted = Tally("web1", "tcp")
    counted.add("L4OK", duration_s)
    assert [index for index, count in enumerate(counted.said().buckets) if count] == [bucket]
    assert len(counted.said().buckets) == len(BOUNDS_S) + 1


def test_a_fault_of_the_checker_is_counted_and_has_no_duration() -> None:
    counted = Tally("web1", "tcp")
    counted.add("", 0.5)
    said = counted.said()
    assert (said.codes, sum(said.buckets), said.duration_ns_sum) == ({"": 1}, 0, 0)
    assert said.probes == 1


def test_what_was_said_does_not_change_when_counting_goes_on() -> None:
    counted = Tally("web1", "http")
    counted.add("L7OK", 0.25)
    said = counted.said()
    counted.add("L7OK", 0.25)
    assert said == ProbeTally("web1", "http", {"L7OK": 1}, said.buckets, 250_000_000)
    assert sum(said.buckets) == 1
    assert counted.said().codes == {"L7OK": 2}


# --- adding up ------------------------------------------------------------------------------------


def total_of(*said: Life) -> dict[str, int]:
    counter = Counter()
    for one in said:
        counter.heard(one)
    return counter.total().codes


def test_a_later_word_of_the_same_process_replaces_the_earlier_one() -> None:
    assert total_of(life("prober-0", 1, L7OK=3), life("prober-0", 1, L7OK=7)) == {"L7OK": 7}


def test_a_word_said_twice_counts_once() -> None:
    assert total_of(life("prober-0", 1, L7OK=3), life("prober-0", 1, L7OK=3)) == {"L7OK": 3}


def test_another_process_of_the_same_prober_begins_on_top() -> None:
    said = (life("prober-0", 1, L7OK=3), life("prober-0", 2, L7OK=5, L4CON=1))
    assert total_of(*said) == {"L7OK": 8, "L4CON": 1}


def test_two_probers_that_had_the_backend_add_up() -> None:
    said = (life("prober-0", 1, L7OK=3), life("prober-1", 1, L7OK=5), life("prober-0", 1, L7OK=4))
    assert total_of(*said) == {"L7OK": 9}


def test_a_process_that_forgot_the_backend_begins_on_top() -> None:
    assert total_of(life("prober-0", 1, L7OK=3), life("prober-0", 1, L7OK=1)) == {"L7OK": 4}


def test_what_probers_counted_that_are_no_more_stays() -> None:
    counter = Counter(lives=[life("prober-0", 1, L7OK=3), life("prober-9", 1, L7OK=4)])
    counter.end_others(PROBERS)
    assert [one.prober for one in counter.lives] == ["prober-0"]
    assert counter.total().codes == {"L7OK": 7}


def test_nothing_is_no_total() -> None:
    with pytest.raises(AssertionError, match="nothing was ever counted"):
        Counter().total()


# --- any story ------------------------------------------------------------------------------------


@dataclass
class World:
    """Probers that count, a Counter that hears some of it, and what is true."""

    counter: Counter = field(default_factory=Counter)
    tallies: dict[str, Tally] = field(default_factory=dict)
    since_ns: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PROBERS, 1))
    heard: dict[tuple[str, int], ProbeTally] = field(default_factory=dict)
    shown: list[int] = field(default_factory=list)
    probes: int = 0

    def probe(self, prober: str, code: str, duration_ms: int) -> None:
        found = self.tallies.setdefault(prober, Tally("web1", "http"))
        found.add(code, duration_ms / 1000)
        self.probes += 1

    def say(self, prober: str) -> None:
        if prober not in self.tallies:
            return
        said = self.tallies[prober].said()
        if not said.probes:
            return
        self.counter.heard(Life(prober, self.since_ns[prober], said))
        self.heard[prober, self.since_ns[prober]] = said

    def restart(self, prober: str) -> None:
        self.tallies.pop(prober, None)
        self.since_ns[prober] += 1

    def restore(self) -> None:
        """The one who adds up is restarted, and finds what it knew."""
        self.counter = Counter(self.counter.over, self.counter.lives)

    def truth(self) -> list[int]:
        """The sum of the last words of all lives, added up in the plainest way."""
        return [sum(column) for column in zip(*map(flat, self.heard.values()), strict=True)]

    def forget(self, prober: str) -> None:
        """The backend left the configuration and came back, and only the prober noticed."""
        self.tallies.pop(prober, None)

    def look(self) -> None:
        if not self.heard:
            return
        shown = flat(self.counter.total())
        assert all(now >= before for now, before in zip(shown, self.shown, strict=False))
        assert self.counter.total().probes <= self.probes
        self.shown = shown


prober = st.sampled_from(PROBERS)
codes = st.sampled_from(["L7OK", "L4CON", ""])
STEPS = [
    st.tuples(st.just("probe"), prober, codes, st.integers(0, 6000)),
    st.tuples(st.just("say"), prober),  # a word that is lost is one that is not said
    st.tuples(st.just("restart"), prober),
    st.tuples(st.just("restore")),
]
FORGET = st.tuples(st.just("forget"), prober)
Steps = Iterable[tuple[object, ...]]


@given(st.lists(st.one_of(STEPS), max_size=60))
def test_the_total_is_the_last_word_of_every_process_whatever_is_lost(steps: Steps) -> None:
    world = World()
    for name, *arguments in steps:
        getattr(world, str(name))(*arguments)
        world.look()
        assert not world.heard or world.shown == world.truth()


@given(st.lists(st.one_of(*STEPS, FORGET), max_size=60))
def test_no_total_falls_or_counts_twice_whatever_is_forgotten(steps: Steps) -> None:
    world = World()
    for name, *arguments in steps:
        getattr(world, str(name))(*arguments)
        world.look()
