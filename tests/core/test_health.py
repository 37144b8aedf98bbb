# SPDX-License-Identifier: Apache-2.0
"""The counter against a model that knows no counter: runs of equal results, counted by hand."""

from itertools import product

import pytest

from maglev.core.health import Health, adopted, after, counter_max, unknown

LIMITS = list(product((1, 2, 3), repeat=2))
HISTORIES = [history for length in range(10) for history in product((True, False), repeat=length)]


def states_by_runs(start, history, rise, fall):
    """Return the state after each result: `fall` failures in a row, `rise` passes in a row."""
    state, passes, failures, states = start, 0, 0, []
    for passed in history:
        passes, failures = (passes + 1, 0) if passed else (0, failures + 1)
        if state == "unknown":
            state = "up" if passed else "down"
        elif state == "up" and failures >= fall:
            state = "down"
        elif state == "down" and passes >= rise:
            state = "up"
        states.append(state)
    return states


@pytest.mark.parametrize(("rise", "fall"), LIMITS)
@pytest.mark.parametrize("start", ["unknown", "up", "down"])
def test_every_history_gives_the_states_that_counting_runs_gives(start, rise, fall):
    for history in HISTORIES:
        health, seen = adopted(start, rise, fall, 0), []
        for passed in history:
            health = after(health, passed, rise, fall)
            seen.append(health.state)
        assert seen == states_by_runs(start, history, rise, fall), f"{history=}"


@pytest.mark.parametrize(("rise", "fall"), LIMITS)
def test_every_history_keeps_counter_state_and_changes_in_step(rise, fall):
    for history in HISTORIES:
        health, changes = unknown(rise), 0
        for passed in history:
            before, health = health, after(health, passed, rise, fall)
            changes += before.state != health.state
            assert 0 <= health.counter <= counter_max(rise, fall)
            assert (health.counter >= rise) == (health.state == "up")
            assert health.changes == changes
            assert (health is before) == (health == before)


@pytest.mark.parametrize(("rise", "fall"), LIMITS)
def test_an_unknown_backend_is_decided_by_its_first_result_and_surely(rise, fall):
    assert after(unknown(rise), True, rise, fall) == Health("up", counter_max(rise, fall), 1)
    assert after(unknown(rise), False, rise, fall) == Health("down", 0, 1)


def test_the_counter_moves_as_haproxy_moves_it():
    rise, fall = 2, 3
    health = adopted("up", rise, fall, 0)
    counters = [health.counter]
    for passed in (False, False, True, False, False, False, True, False, True, True):
        health = after(health, passed, rise, fall)
        counters.append(health.counter)
    assert counters == [4, 3, 2, 4, 3, 2, 0, 1, 0, 1, 4]


def test_a_backend_as_good_or_as_bad_as_can_be_stays_the_same_object():
    up, down = adopted("up", 2, 3, 7), adopted("down", 2, 3, 7)
    assert after(up, True, 2, 3) is up
    assert after(down, False, 2, 3) is down


def test_other_limits_keep_the_verdict_and_forget_how_sure_it_was():
    assert adopted("up", 3, 5, 4) == Health("up", 7, 4)
    assert adopted("down", 3, 5, 4) == Health("down", 0, 4)
    assert adopted("unknown", 3, 5, 4) == Health("unknown", 2, 4) == unknown(3, 4)


@pytest.mark.parametrize("counter", [-1, 5])
def test_a_counter_outside_its_limits_is_not_counted_on(counter):
    with pytest.raises(AssertionError, match="rise=2 fall=3"):
        after(Health("up", counter, 0), True, 2, 3)
