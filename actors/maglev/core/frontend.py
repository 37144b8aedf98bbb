# SPDX-License-Identifier: Apache-2.0
"""A frontend as a whole: its pools with their weights, and the one state that sums them up.

Computed anew from the configuration and the states of its backends whenever one of these changes;
there is no state.  Look at `survey`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from maglev.core.failover import active_pool, weight_effective
from maglev.core.settings import PoolConf
from maglev.messages import BackendState, FrontendState, Pool, PoolBackend


def survey(
    pools: Sequence[PoolConf], states: Mapping[str, BackendState]
) -> tuple[tuple[Pool, ...], FrontendState]:
    """Return the pools with effective weights, in order, and the frontend's state.

    `pools` carry the weights in force (file or operator); `states` has every backend of theirs.
    """
    active = active_pool(pools, states)
    surveyed = tuple(
        Pool(
            name=pool.name,
            active=index == active,
            backends=tuple(
                PoolBackend(
                    name=name,
                    state=states[name],
                    weight=weight,
                    weight_effective=weight_effective(states[name], index == active, weight),
                )
                for name, weight in pool.weights.items()
            ),
        )
        for index, pool in enumerate(pools)
    )
    return surveyed, _state(surveyed)


def _state(pools: Sequence[Pool]) -> FrontendState:
    """Return `up` if anything may carry traffic, `unknown` if nothing is known, else `down`."""
    backends = [backend for pool in pools for backend in pool.backends]
    if any(backend.weight_effective for backend in backends):
        return "up"
    if all(backend.state == "unknown" for backend in backends):
        return "unknown"
    return "down"
