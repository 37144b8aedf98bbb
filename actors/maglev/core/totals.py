# SPDX-License-Identifier: Apache-2.0
"""Counting probes so that no number ever falls, whoever restarts.

A prober counts in a Tally for as long as it lives and says it again and again; who hears it keeps
the last word of each life of each prober, and the sum of those is the total.  So a lost message, a
share that moved and a restart cost nothing that was said.  Look at `Counter.heard`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from operator import add
from typing import Final, NamedTuple

from maglev.messages import CheckType, ProbeTally

BOUNDS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
"""Upper bounds of the buckets of durations, inclusive; beyond the last there is one more."""


class Tally:
    """The probes of one backend with one type of check, counted by one prober."""

    __slots__ = ("_buckets", "_codes", "_duration_s_sum", "backend", "type")

    def __init__(self, backend: str, kind: CheckType) -> None:
        """Begin at nothing."""
        self.backend = backend
        self.type = kind
        self._codes: dict[str, int] = {}
        self._buckets = [0] * (len(BOUNDS_S) + 1)
        self._duration_s_sum = 0.0

    def add(self, code: str, duration_s: float) -> None:
        """Count a probe by the code of its result; '' is a fault of the checker."""
        codes = self._codes
        codes[code] = codes.get(code, 0) + 1
        if code:
            self._buckets[bisect_left(BOUNDS_S, duration_s)] += 1
            self._duration_s_sum += duration_s

    @property
    def empty(self) -> bool:
        """Whether nothing was counted yet."""
        return not self._codes

    def said(self) -> ProbeTally:
        """Return the counts as they are now."""
        return ProbeTally(
            self.backend,
            self.type,
            self._codes.copy(),
            tuple(self._buckets),
            int(self._duration_s_sum * 1e9),
        )


class Life(NamedTuple):
    """What one process of a prober said last of one backend and one type of check."""

    prober: str
    since_ns: int  # tells the process from others of its name
    tally: ProbeTally


class Counter:
    """The total of one backend and one type of check: what is over, and what still grows."""

    __slots__ = ("_lives", "_over")

    def __init__(self, over: ProbeTally | None = None, lives: Iterable[Life] = ()) -> None:
        """Begin at nothing, or where another Counter was."""
        self._over = over
        self._lives = {life.prober: life for life in lives}

    @property
    def over(self) -> ProbeTally | None:
        """What lives counted that are over; None if there was none."""
        return self._over

    @property
    def lives(self) -> tuple[Life, ...]:
        """The last word of each prober's last life."""
        return tuple(self._lives.values())

    def heard(self, said: Life) -> bool:
        """Take the counts of a prober, in the order in which it said them; return if they are news.

        They replace its last word, unless they begin anew: another process, or one that has
        forgotten the backend meanwhile.
        """
        known = self._lives.get(said.prober)
        if known == said:
            return False
        if known is not None and (
            known.since_ns != said.since_ns or said.tally.probes < known.tally.probes
        ):
            self._end(known)
        self._lives[said.prober] = said
        return True

    def end_others(self, probers: Iterable[str]) -> None:
        """Note that only these probers will be heard again."""
        for name in self._lives.keys() - set(probers):
            self._end(self._lives.pop(name))

    def total(self) -> ProbeTally:
        """Return the sum; there must be something to sum up."""
        tallies = [life.tally for life in self._lives.values()]
        if self._over is not None:
            tallies.append(self._over)
        assert tallies, "nothing was ever counted here"
        return tallies[0] if len(tallies) == 1 else _sum(tallies)

    def _end(self, life: Life) -> None:
        self._over = life.tally if self._over is None else _sum([self._over, life.tally])


def _sum(tallies: list[ProbeTally]) -> ProbeTally:
    first = tallies[0]
    codes = first.codes.copy()
    buckets = first.buckets
    duration_ns_sum = first.duration_ns_sum
    for tally in tallies[1:]:
        assert len(tally.buckets) == len(buckets), f"{tally=} {first=}"
        for code, count in tally.codes.items():
            codes[code] = codes.get(code, 0) + count
        buckets = tuple(map(add, buckets, tally.buckets))
        duration_ns_sum += tally.duration_ns_sum
    return ProbeTally(first.backend, first.type, codes, buckets, duration_ns_sum)
