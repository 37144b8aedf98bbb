# SPDX-License-Identifier: Apache-2.0
"""What the programmer counts since its start: syncs, failovers, messages to and from VPP.

The state is a Totals; it is said once a second if it changed.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from itertools import product
from typing import Literal, get_args

from maglev.core.totals import BOUNDS_S
from maglev.messages import ApiTally, SyncKind, SyncTally, VppTotals

Scope = Literal["all", "vip"]

KINDS: tuple[SyncKind, ...] = get_args(SyncKind)
SCOPES: tuple[Scope, ...] = get_args(Scope)


@dataclass(slots=True)
class Totals:
    """All counts."""

    api: tuple[ApiTally, ...] = ()
    syncs: Counter[tuple[Scope, SyncKind]] = field(default_factory=Counter)
    failover_buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    failover_s_sum: float = 0.0
    said: VppTotals | None = None

    def failed_over(self, seconds: float) -> None:
        """Count a failover by how long it took."""
        self.failover_buckets[bisect_left(BOUNDS_S, seconds)] += 1
        self.failover_s_sum += seconds

    def news(self) -> VppTotals | None:
        """Return what there is to say, None if nothing changed since the last time."""
        now = VppTotals(
            api=self.api,
            syncs=tuple(
                SyncTally(scope, kind, self.syncs[scope, kind])
                for scope, kind in product(SCOPES, KINDS)
            ),
            failover_buckets=tuple(self.failover_buckets),
            failover_ns_sum=int(self.failover_s_sum * 1e9),
        )
        if now == self.said:
            return None
        self.said = now
        return now
