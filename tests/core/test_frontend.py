# SPDX-License-Identifier: Apache-2.0
"""Frontends of one and two pools, by every combination of states."""

from itertools import product
from typing import get_args

from maglev.core.frontend import survey
from maglev.core.settings import PoolConf
from maglev.messages import BackendState, Pool, PoolBackend

STATES = get_args(BackendState)


def effective(pools):
    return {b.name: b.weight_effective for pool in pools for b in pool.backends}


def test_a_survey_shows_pools_and_backends_in_order_with_both_weights():
    pools, state = survey(
        (PoolConf("primary", {"web1": 100, "web2": 50}), PoolConf("standby", {"web9": 10})),
        {"web1": "down", "web2": "up", "web9": "up"},
    )
    assert state == "up"
    assert pools == (
        Pool(
            name="primary",
            active=True,
            backends=(
                PoolBackend(name="web1", state="down", weight=100, weight_effective=0),
                PoolBackend(name="web2", state="up", weight=50, weight_effective=50),
            ),
        ),
        Pool(
            name="standby",
            active=False,
            backends=(PoolBackend(name="web9", state="up", weight=10, weight_effective=0),),
        ),
    )


def test_standby_carries_no_weight_while_any_primary_is_up():
    tiers = (PoolConf("primary", {"a": 100, "b": 1}), PoolConf("standby", {"c": 100, "d": 0}))
    for states in product(STATES, repeat=4):
        named = dict(zip("abcd", states, strict=True))
        weights = effective(survey(tiers, named)[0])
        if "up" in states[:2]:
            assert not weights["c"]
        elif named["c"] == "up":
            assert weights["c"] == 100
        assert not weights["d"]


def test_exactly_one_pool_is_active_whatever_the_states():
    tiers = (PoolConf("primary", {"a": 100}), PoolConf("standby", {"b": 0, "c": 1}))
    for states in product(STATES, repeat=3):
        pools, _ = survey(tiers, dict(zip("abc", states, strict=True)))
        assert sum(pool.active for pool in pools) == 1


def test_a_frontend_is_up_exactly_while_something_may_carry_traffic():
    for weights in product((0, 1, 100), repeat=2):
        tiers = (PoolConf("primary", {"a": weights[0]}), PoolConf("standby", {"b": weights[1]}))
        for states in product(STATES, repeat=2):
            pools, state = survey(tiers, dict(zip("ab", states, strict=True)))
            carrying = [w for w in effective(pools).values() if w is not None and w > 0]
            if carrying:
                assert state == "up"
            elif set(states) == {"unknown"}:
                assert state == "unknown"
            else:
                assert state == "down"


def test_a_frontend_without_backends_is_unknown():
    assert survey((PoolConf("primary", {}),), {}) == (
        (Pool(name="primary", active=True, backends=()),),
        "unknown",
    )


def test_setting_all_weights_of_a_pool_to_zero_drains_it_to_the_next():
    tiers = (PoolConf("primary", {"a": 0, "b": 0}), PoolConf("standby", {"c": 100}))
    pools, state = survey(tiers, {"a": "up", "b": "up", "c": "up"})
    assert effective(pools) == {"a": 0, "b": 0, "c": 100}
    assert [pool.active for pool in pools] == [False, True]
    assert state == "up"
