# SPDX-License-Identifier: Apache-2.0
"""What was ever counted of each backend: probes by their results, and transitions.

The state is a Totals, with the backends in blocks by their names, because that is how they are said
and written down (rounds.py).  Numbers only grow; look at core/totals.py for how they add up, and
at `Totals.heard` for what comes in.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from zlib import crc32

from msgspec import Struct

from maglev.core.totals import BOUNDS_S, Counter, Life
from maglev.messages import (
    BackendState,
    BackendTotals,
    CheckType,
    ProbeTally,
    ProbeTotals,
    TotalsBlock,
    TransitionTally,
)

BLOCKS = 64


class Kept(Struct, frozen=True, array_like=True):
    """One backend as it is on disk: what is over, and the last words of what still grows."""

    backend: str
    over: tuple[ProbeTally, ...]
    lives: tuple[Life, ...]
    transitions: tuple[TransitionTally, ...]


@dataclass(slots=True)
class Counted:
    """One backend."""

    block: int
    probes: dict[CheckType, Counter] = field(default_factory=dict)
    transitions: dict[tuple[BackendState, BackendState], int] = field(default_factory=dict)

    def told(self, backend: str) -> BackendTotals:
        """Return what is said of it."""
        probes = tuple(counter.total() for counter in self.probes.values())
        return BackendTotals(backend, probes, self._transitions())

    def kept(self, backend: str) -> Kept:
        """Return what is written down of it."""
        counters = self.probes.values()
        over = tuple(counter.over for counter in counters if counter.over is not None)
        lives = tuple(life for counter in counters for life in counter.lives)
        return Kept(backend, over, lives, self._transitions())

    def _transitions(self) -> tuple[TransitionTally, ...]:
        return tuple(
            TransitionTally(before, after, count)
            for (before, after), count in self.transitions.items()
        )


@dataclass(slots=True)
class Totals:
    """All backends, and how far the round under way has come."""

    backends: dict[str, Counted] = field(default_factory=dict)
    blocks: list[dict[str, Counted]] = field(default_factory=lambda: [{} for _ in range(BLOCKS)])
    changed: set[int] = field(default_factory=set)  # blocks, since they were taken into a round
    round_at_s: float = 0.0  # CLOCK_MONOTONIC, of the next round
    step_at_s: float = 0.0  # and of the next step of the one under way
    to_pack: deque[int] = field(default_factory=deque)
    packed: list[bytes] = field(default_factory=lambda: [b""] * BLOCKS)  # as on disk
    to_say: deque[TotalsBlock] = field(default_factory=deque)
    writing: bool = False

    def heard(self, said: ProbeTotals, configured: Container[str]) -> None:
        """Take what a prober has counted of backends that are configured."""
        for tally in said.tallies:
            if tally.backend not in configured or len(tally.buckets) != len(BOUNDS_S) + 1:
                continue
            counted = self._counted(tally.backend)
            counter = counted.probes.get(tally.type)
            if counter is None:
                counter = counted.probes[tally.type] = Counter()
            if counter.heard(Life(said.prober, said.since_ns, tally)):
                self.changed.add(counted.block)

    def moved(self, backend: str, before: BackendState, after: BackendState) -> None:
        """Count a transition."""
        counted = self._counted(backend)
        step = before, after
        counted.transitions[step] = counted.transitions.get(step, 0) + 1
        self.changed.add(counted.block)

    def forget(self, backend: str) -> None:
        """Drop a backend that left the configuration."""
        counted = self.backends.pop(backend, None)
        if counted is not None:
            del self.blocks[counted.block][backend]
            self.changed.add(counted.block)

    def recall(
        self, kept: Iterable[Kept], configured: Container[str], probers: Iterable[str]
    ) -> None:
        """Take back what is on disk of backends that are configured; to be said anew."""
        names = frozenset(probers)
        for one in kept:
            if one.backend not in configured:
                continue
            counted = self._counted(one.backend)
            for tally in one.over:
                counted.probes[tally.type] = Counter(tally)
            for life in one.lives:
                counted.probes.setdefault(life.tally.type, Counter()).heard(life)
            for counter in counted.probes.values():
                counter.end_others(names)
            counted.transitions = {(two.before, two.after): two.count for two in one.transitions}
            self.changed.add(counted.block)

    def _counted(self, backend: str) -> Counted:
        counted = self.backends.get(backend)
        if counted is None:
            counted = self.backends[backend] = Counted(crc32(backend.encode()) % BLOCKS)
            self.blocks[counted.block][backend] = counted
        return counted
