# SPDX-License-Identifier: Apache-2.0
"""The table of states, enumerated: every state and weight of two pools of two backends."""

from itertools import product
from typing import get_args

import pytest

from maglev.core.failover import active_pool, drains, flush_due, weight_effective
from maglev.core.settings import PoolConf
from maglev.messages import BackendState

STATES = get_args(BackendState)
WEIGHTS = (0, 1, 100)


def pools(*weights):
    a, b, c, d = weights
    return (PoolConf("primary", {"a": a, "b": b}), PoolConf("standby", {"c": c, "d": d}))


def test_the_active_pool_is_the_first_that_can_carry_traffic():
    for weights in product(WEIGHTS, repeat=4):
        tiers = pools(*weights)
        for states in product(STATES, repeat=4):
            able = [s == "up" and w != 0 for s, w in zip(states, weights, strict=True)]
            expected = 1 if any(able[2:]) and not any(able[:2]) else 0
            assert active_pool(tiers, dict(zip("abcd", states, strict=True))) == expected


def test_a_frontend_without_any_backend_has_its_first_pool_active():
    assert active_pool((PoolConf("primary", {}), PoolConf("standby", {})), {}) == 0


def test_an_empty_primary_leaves_the_traffic_to_the_next_pool():
    tiers = (PoolConf("primary", {}), PoolConf("standby", {"c": 1}))
    assert active_pool(tiers, {"c": "up"}) == 1


@pytest.mark.parametrize("weight", WEIGHTS)
@pytest.mark.parametrize("in_active_pool", [True, False])
@pytest.mark.parametrize("state", STATES)
def test_only_an_up_backend_of_the_active_pool_has_its_weight_and_an_unknown_one_is_held(
    state, in_active_pool, weight
):
    effective = weight_effective(state, in_active_pool, weight)
    if state == "unknown":
        assert effective is None
    elif (state, in_active_pool) == ("up", True):
        assert effective == weight
    else:
        assert effective == 0


@pytest.mark.parametrize("weight", [-1, 101])
def test_a_weight_vpp_would_take_but_not_mean_is_refused(weight):
    with pytest.raises(AssertionError, match="weight"):
        weight_effective("up", True, weight)


def test_flows_are_drained_from_disabled_and_removed_and_if_asked_from_down():
    assert {s for s in STATES if drains(s, True)} == {"down", "disabled", "removed"}
    assert {s for s in STATES if drains(s, False)} == {"disabled", "removed"}


@pytest.mark.parametrize("flush_on_down", [True, False])
@pytest.mark.parametrize(("before", "after"), list(product(STATES, repeat=2)))
def test_a_flush_is_due_once_on_entering_a_state_that_drains(before, after, flush_on_down):
    entered = before != after
    asks = after in {"disabled", "removed"} or (after == "down" and flush_on_down)
    assert flush_due(before, after, flush_on_down) == (entered and asks)
