# SPDX-License-Identifier: Apache-2.0
"""One small system for all tests that leave it as they found it, and others made to measure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.system.places import addresses
from tests.system.system import System

SCALE = 0.3
"""All timers that the configuration does not set are this part of what they are otherwise."""

FRONTENDS = {
    "www": {"primary": ["web1", "web2"], "standby": ["web3"]},
    "api": {"all": ["web4", "web5", "web6"]},
}

Make = Callable[..., System]


def sync_often(maglev: dict[str, Any]) -> None:
    """Compare all of VPP with what it should have every second."""
    maglev["vpp"]["lb"]["sync-interval"] = "1s"


@pytest.fixture(scope="session")
def shared() -> Iterator[System]:
    """The small system, started once."""
    system = System(SCALE)
    try:
        system.begin(addresses(6), FRONTENDS, change=sync_often)
        system.start()
        yield system
        system.stop()
    finally:
        system.close()


@pytest.fixture
def small(shared: System) -> System:
    """The small system, healthy and complete."""
    shared.calm_down()
    return shared


@pytest.fixture
def make() -> Iterator[Make]:
    """Make systems that leave nothing behind."""
    made: list[System] = []

    def make_one(*arguments: object, scale: float = SCALE, **more: object) -> System:
        system = System(scale)
        made.append(system)
        system.begin(*arguments, **more)
        return system

    yield make_one
    for system in made:
        system.close()
