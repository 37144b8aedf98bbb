# SPDX-License-Identifier: Apache-2.0
"""Which pool carries the traffic, what that makes of a weight, and which changes flush flows.

Every backend of every pool is in VPP all the time; failover is a change of weights, never of
members.  There is no state; look at `weight_effective` and `drains`, which together say what each
state of a backend means to VPP.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from maglev.core.settings import PoolConf
from maglev.messages import BackendState


def active_pool(pools: Sequence[PoolConf], states: Mapping[str, BackendState]) -> int:
    """Return the index of the first pool with an `up` backend of weight > 0; 0 if there is none."""
    for index, pool in enumerate(pools):
        for name, weight in pool.weights.items():
            if weight > 0 and states[name] == "up":
                return index
    return 0


def weight_effective(state: BackendState, in_active_pool: bool, weight: int) -> int | None:
    """Return the weight VPP should have, 0..100; None: hold, keep what VPP has.

    A backend without a verdict is held in any pool: nothing is lowered because we do not know.
    """
    assert 0 <= weight <= 100, f"{weight=}"
    if state == "unknown":
        return None
    return weight if state == "up" and in_active_pool else 0


def drains(state: BackendState, flush_on_down: bool) -> bool:
    """Return whether flows have no business on a backend in this state."""
    return state in ("disabled", "removed") or (state == "down" and flush_on_down)


def flush_due(before: BackendState, after: BackendState, flush_on_down: bool) -> bool:
    """Return whether this change of state asks for one flush, whatever the weight was before."""
    return before != after and drains(after, flush_on_down)
