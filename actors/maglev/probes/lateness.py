# SPDX-License-Identifier: Apache-2.0
"""How late probes start, summed up once a second.

The state is the samples since the last summary, bounded; look at `summary`.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

SAMPLES_MAX = 65_536


class LatenessSummary(NamedTuple):
    """Behind the due time: of the last second (all 0 if nothing started), and of all starts."""

    ms_p50: float
    ms_p99: float
    ms_max: float
    starts_total: int
    s_total: float


class Lateness:
    """Collects seconds behind the due time of each start."""

    __slots__ = ("_s_total", "_samples", "_starts_total", "add")

    def __init__(self) -> None:
        """Begin without samples; `add` is the bare append, because it runs per probe."""
        self._samples: deque[float] = deque(maxlen=SAMPLES_MAX)
        self.add = self._samples.append
        self._starts_total = 0
        self._s_total = 0.0

    def summary(self) -> LatenessSummary:
        """Return percentiles since the last summary, and begin anew."""
        late_s = sorted(self._samples)
        self._samples.clear()
        self._starts_total += len(late_s)
        self._s_total += sum(late_s)
        if not late_s:
            return LatenessSummary(0.0, 0.0, 0.0, self._starts_total, self._s_total)
        p50_s = late_s[len(late_s) // 2]
        p99_s = late_s[len(late_s) * 99 // 100]
        return LatenessSummary(
            p50_s * 1000, p99_s * 1000, late_s[-1] * 1000, self._starts_total, self._s_total
        )
