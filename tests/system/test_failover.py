# SPDX-License-Identifier: Apache-2.0
"""From a configuration file to the right weights in VPP, and what becomes of them on failures."""

from __future__ import annotations

import pytest

from tests.support import eventually
from tests.system.conftest import FRONTENDS, Make
from tests.system.places import Pace, addresses
from tests.system.stalls import Stalls
from tests.system.system import System


def test_a_configuration_file_becomes_weights_in_vpp(small: System) -> None:
    assert small.weights() == {
        "www": {"web1": 100, "web2": 100, "web3": 0},
        "api": {"web4": 100, "web5": 100, "web6": 100},
    }


@pytest.mark.parametrize("mood", ["refuse", "busy"])
def test_a_dead_backend_loses_its_weight_in_time_and_gets_it_back_after_its_rise(
    small: System, mood: str
) -> None:
    address = small.address["web4"]
    since = small.mark()
    with Stalls() as stalls:
        died_s = small.backends.be(mood, address)
        lost_s = small.wait_set(since, "web4", 0) - died_s
    assert lost_s <= small.pace.promise_s(silent=False) + stalls.seconds
    since, served = small.mark(), small.backends.served()[address]
    with Stalls() as stalls:
        back_s = small.backends.be("ok", address)
        found_s = small.wait_set(since, "web4", 100) - back_s
    assert small.backends.served()[address] - served >= small.pace.rise
    assert found_s <= small.pace.recovery_s() + stalls.seconds
    assert small.weights() == small.healthy()


def test_a_backend_that_says_nothing_any_more_loses_its_weight_in_time(make: Make) -> None:
    pace = Pace(timeout_ms=300)
    system = make(addresses(6), FRONTENDS, pace)
    system.start()
    system.wait_weights()
    for backend in ("web1", "web4"):
        since = system.mark()
        with Stalls() as stalls:
            died_s = system.backends.be("silent", system.address[backend])
            lost_s = system.wait_set(since, backend, 0) - died_s
        assert lost_s <= pace.promise_s(silent=True) + stalls.seconds
        system.backends.be("ok", system.address[backend])
        system.wait_weights()
    system.stop()


def test_the_standby_carries_traffic_in_the_sync_in_which_the_last_primary_loses_it(
    small: System,
) -> None:
    small.backends.be("refuse", small.address["web1"])
    small.wait_weights(small.healthy() | {"www": {"web1": 0, "web2": 100, "web3": 0}})
    since = small.mark()
    small.backends.be("refuse", small.address["web2"])
    small.wait_weights(small.healthy() | {"www": {"web1": 0, "web2": 0, "web3": 100}})
    assert told(small, since) == [("web3", 100, False), ("web2", 0, True)]
    assert calls_are_neighbours(small, since)

    since = small.mark()
    small.backends.be("ok", small.address["web2"])
    small.wait_weights(small.healthy() | {"www": {"web1": 0, "web2": 100, "web3": 0}})
    assert told(small, since) == [("web2", 100, False), ("web3", 0, False)]
    assert calls_are_neighbours(small, since)


def told(system: System, since: int) -> list[tuple[str, int, bool]]:
    """Return the changes as backend, weight, flush."""
    return [
        (system.name[one["as"]], one["weight"], bool(one["flush"])) for one in system.changes(since)
    ]


def calls_are_neighbours(system: System, since: int) -> bool:
    """Say if nothing came between the changes: they were one plan, sent at once."""
    numbers = [one["n"] for one in system.changes(since)]
    return numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_all_backends_gone_leaves_a_frontend_without_weight_and_the_others_alone(
    small: System,
) -> None:
    for name in ("web1", "web2", "web3"):
        small.backends.be("refuse", small.address[name])
    small.wait_weights(small.healthy() | {"www": dict.fromkeys(("web1", "web2", "web3"), 0)})
    frontends = [line for line in small.logged("frontend-transition") if line["frontend"] == "www"]
    assert frontends[-1]["to"] == "down"
    small.backends.be("ok")
    small.wait_weights()
    eventually(lambda: small.logged("frontend-transition")[-1]["to"] == "up", what="www up")
