# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks of the whole system share: starting one, waiting, percentiles."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from tests.support import eventually
from tests.system.listener import Listener
from tests.system.places import Pace, Pools
from tests.system.system import Change, System

from maglev.messages import SyncFinished, VipProgrammed

AS_CALL_US = 50.0
"""How long a real VPP takes to change one AS, so that is how long the simulated one takes."""


@contextmanager
def running(
    addresses: Sequence[str],
    frontends: Mapping[str, Pools],
    pace: Pace,
    change: Change | None = None,
    *,
    scale: float = 1.0,
    port: int = 0,
    as_call_us: float = AS_CALL_US,
) -> Iterator[System]:
    """Run a whole system, all of whose backends are up; it ends with the block."""
    system = System(scale)
    try:
        system.begin(addresses, frontends, pace, change, port=port, as_call_us=as_call_us)
        system.start()
        eventually(lambda: is_full(system), 180, "all told")
        system.wait_weights(deadline_s=180)
        yield system
        system.stop()
    finally:
        system.close()


def is_full(system: System) -> bool:
    """Say if the last start of the system has told VPP all there is."""
    return [line["to"] for line in system.logged("warmup")][-1:] == ["full"]


def even(frontends: int, backends: int, standby: int = 0) -> dict[str, Pools]:
    """Return frontends that share backends evenly, the last `standby` of each in a second pool."""
    share = backends // frontends
    return {f"front{number}": _pools(number * share, share, standby) for number in range(frontends)}


def _pools(first: int, share: int, standby: int) -> Pools:
    names = [f"web{number}" for number in range(first + 1, first + share + 1)]
    cut = share - standby
    return {"primary": names[:cut]} | ({"standby": names[cut:]} if standby else {})


def lb(**knobs: str) -> Change:
    """Return a change of the `vpp.lb` block (`sync_interval="1s"`)."""
    wanted = {name.replace("_", "-"): value for name, value in knobs.items()}

    def change(maglev: dict[str, Any]) -> None:
        maglev["vpp"]["lb"] |= wanted

    return change


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that so many percent of the values do not exceed."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def spread(values: Sequence[float], unit: str, factor: float = 1.0) -> str:
    """Return median, 99th percentile and maximum in words."""
    told = (statistics.median(values), percentile(values, 99), max(values))
    p50, p99, most = (factor * one for one in told)
    return f"p50 {p50:.3g}, p99 {p99:.3g}, max {most:.3g} {unit} ({len(values)})"


def failovers(listener: Listener) -> list[float]:
    """Return seconds from a deciding result to VPP's reply, of all changes heard since `forget`."""
    told = {(one.frontend, one.failover_s) for one in listener.all(VipProgrammed) if one.failover_s}
    return [seconds for _, seconds in told]


def full_syncs(listener: Listener) -> list[SyncFinished]:
    """Return the syncs of everything heard since `forget`."""
    return [one for one in listener.all(SyncFinished) if one.scope == "all"]
