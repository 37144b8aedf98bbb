# SPDX-License-Identifier: Apache-2.0
"""Pace, its chance, and the shares of a pool of probers."""

from collections import Counter
from itertools import permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maglev.core.health import Health, adopted, after, counter_max, unknown
from maglev.core.schedule import first_wait_s, owner, pace_s, wait_s
from maglev.messages import Check

PROBERS = ["prober-0", "prober-1", "prober-2", "prober-3"]
BACKENDS = [f"web{number}" for number in range(4000)]
CHANCE_MAX = 1.0 - 2**-53


def check(rise=2, fall=3):
    return Check(
        name="c",
        type="tcp",
        port=80,
        interval_s=10.0,
        fast_interval_s=1.0,
        down_interval_s=100.0,
        rise=rise,
        fall=fall,
    )


@pytest.mark.parametrize(("rise", "fall"), list(product((1, 2, 3), repeat=2)))
def test_only_a_sure_verdict_is_looked_at_slowly(rise, fall):
    highest = counter_max(rise, fall)
    for counter in range(highest + 1):
        health = Health("up" if counter >= rise else "down", counter, 0)
        expected = {0: 100.0, highest: 10.0}.get(counter, 1.0)
        assert pace_s(check(rise, fall), health) == expected, f"{health=}"


@pytest.mark.parametrize("rise", [1, 2, 3])
def test_an_unknown_backend_is_probed_fast_even_at_counter_zero(rise):
    assert pace_s(check(rise), unknown(rise)) == 1.0


def test_a_failing_backend_is_probed_fast_until_it_is_down():
    health, paces = adopted("up", 2, 3, 0), []
    for passed in (False, False, False, True, True):
        health = after(health, passed, 2, 3)
        paces.append(pace_s(check(), health))
    assert paces == [1.0, 1.0, 100.0, 1.0, 10.0]


@given(st.floats(0.0, CHANCE_MAX))
def test_a_wait_is_the_pace_give_or_take_a_tenth(chance):
    up = adopted("up", 2, 3, 0)
    assert 9.0 <= wait_s(check(), up, chance) <= 11.0
    assert 0.0 <= first_wait_s(check(), up, chance) <= 10.0


def test_chance_reaches_both_ends_of_a_wait():
    up = adopted("up", 2, 3, 0)
    assert [wait_s(check(), up, chance) for chance in (0.0, 0.5)] == pytest.approx([9.0, 10.0])
    assert wait_s(check(), up, CHANCE_MAX) == pytest.approx(11.0)
    assert first_wait_s(check(), up, 0.0) == 0.0
    assert first_wait_s(check(), up, CHANCE_MAX) == pytest.approx(10.0)


@pytest.mark.parametrize("wait", [wait_s, first_wait_s])
@pytest.mark.parametrize("chance", [-0.001, 1.0])
def test_a_chance_that_is_none_is_refused(wait, chance):
    with pytest.raises(AssertionError, match="chance"):
        wait(check(), unknown(2), chance)


def test_nobody_owns_a_backend_while_no_prober_is_there():
    assert owner("web1", []) == ""


def test_the_owner_does_not_depend_on_the_order_of_the_probers():
    for backend in BACKENDS[:50]:
        assert len({owner(backend, order) for order in permutations(PROBERS)}) == 1


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_every_prober_gets_an_even_share(count):
    shares = Counter(owner(backend, PROBERS[:count]) for backend in BACKENDS)
    even = len(BACKENDS) / count
    assert set(shares) == set(PROBERS[:count])
    assert all(abs(share - even) < 0.1 * even for share in shares.values()), shares


@pytest.mark.parametrize("gone", PROBERS)
def test_a_prober_that_goes_moves_its_own_share_and_it_comes_back_with_it(gone):
    rest = [prober for prober in PROBERS if prober != gone]
    for backend in BACKENDS:
        before, during = owner(backend, PROBERS), owner(backend, rest)
        assert during == before or before == gone
        assert during in rest
