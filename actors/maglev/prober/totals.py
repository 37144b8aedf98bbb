# SPDX-License-Identifier: Apache-2.0
"""What a prober has counted, and when it says which part of that.

Once a second those are said that were probed since, and all of them as often as levels are said
again, so whatever is missed comes again.  They leave a few at a time, because a long pause would
make probes late.  The state is the tallies, kept for as long as the backends are in the
configuration; look at `next_message`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import get_args

from maglev.core.timers import Timers
from maglev.core.totals import Tally
from maglev.messages import CheckType, ProbeTally, ProbeTotals

TALLIES_PER_MESSAGE = 256
"""Takes about 0.1 ms to say."""

_MESSAGES_PER_ROUND = 100
_TYPES: tuple[CheckType, ...] = get_args(CheckType)


@dataclass(slots=True)
class Totals:
    """The counts of one process, and what of them is to be said."""

    timers: Timers
    since_ns: int = 0  # when the process began to count
    due_s: float = 0.0  # CLOCK_MONOTONIC, of the next message
    tallies: dict[tuple[str, CheckType], Tally] = field(default_factory=dict)
    probed: dict[Tally, None] = field(default_factory=dict)  # since the last round; an ordered set
    waiting: deque[Tally] = field(default_factory=deque)  # of this round, not said yet
    round_at_s: float = 0.0
    all_at_s: float = 0.0

    def tally(self, backend: str, kind: CheckType) -> Tally:
        """Return where the probes of a backend with this type of check are counted."""
        found = self.tallies.get((backend, kind))
        if found is None:
            found = self.tallies[backend, kind] = Tally(backend, kind)
        return found

    def forget(self, backend: str) -> None:
        """Drop the counts of a backend that left the configuration."""
        for kind in _TYPES:
            self.tallies.pop((backend, kind), None)

    def next_message(self, prober: str, now_s: float) -> ProbeTotals | None:
        """Return what is to be said now, if anything; `due_s` tells when to ask again."""
        timers = self.timers
        if not self.waiting and now_s >= self.round_at_s:
            self.round_at_s = now_s + timers.totals_s
            self.waiting.extend(self.probed)
            self.probed.clear()
            if now_s >= self.all_at_s:
                self.all_at_s = now_s + timers.refresh_s
                self.waiting = deque(self.tallies.values())
        said: list[ProbeTally] = []
        while self.waiting and len(said) < TALLIES_PER_MESSAGE:
            tally = self.waiting.popleft()
            kept = self.tallies.get((tally.backend, tally.type)) is tally
            if kept and not tally.empty:
                said.append(tally.said())
        spacing_s = timers.totals_s / _MESSAGES_PER_ROUND
        self.due_s = now_s + spacing_s if self.waiting else self.round_at_s
        if not said:
            return None
        return ProbeTotals(prober=prober, since_ns=self.since_ns, tallies=tuple(said))
