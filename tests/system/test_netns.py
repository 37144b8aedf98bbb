# SPDX-License-Identifier: Apache-2.0
"""Probes leave through a namespace that VPP takes along when it stops.

The web servers live in a namespace of their own, the probers enter another; a pair of interfaces
connects the two.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from subprocess import CalledProcessError
from typing import Any

import pytest

from tests.probes.namespaces import fresh_name, ip, needs_netns
from tests.support import eventually
from tests.system.conftest import FRONTENDS, SCALE, sync_often
from tests.system.system import System

pytestmark = needs_netns

ADDRESSES = [f"198.18.0.{number}" for number in range(1, 7)]
DARK_S = 2.0  # how long interfaces take to come up in a namespace made again


class Namespaces:
    """`inside` is where probes are made, `servers` where the web servers are."""

    def __init__(self) -> None:
        self.inside, self.servers = fresh_name(), fresh_name()
        ip("netns", "add", self.servers)
        ip("-n", self.servers, "link", "set", "lo", "up")
        for address in ADDRESSES:
            ip("-n", self.servers, "address", "add", f"{address}/32", "dev", "lo")
        self.add()
        self.connect()

    def add(self) -> None:
        """Make the namespace of the probes; nothing can be reached from there."""
        ip("netns", "add", self.inside)

    def connect(self) -> None:
        """Let the probes reach the web servers."""
        peer = ("type", "veth", "peer", "name", "probes", "netns", self.inside)
        ip("-n", self.servers, "link", "add", "servers", *peer)
        ip("-n", self.servers, "address", "add", "192.0.2.1/24", "dev", "servers")
        ip("-n", self.inside, "address", "add", "192.0.2.2/24", "dev", "probes")
        ip("-n", self.servers, "link", "set", "servers", "up")
        ip("-n", self.inside, "link", "set", "probes", "up")
        ip("-n", self.inside, "route", "add", "198.18.0.0/24", "via", "192.0.2.1")

    def disconnect(self) -> None:
        """Take the interfaces away."""
        ip("-n", self.servers, "link", "delete", "servers")

    def delete(self) -> None:
        """Delete the namespace of the probes; whoever is in it stays there."""
        ip("netns", "delete", self.inside)

    def close(self) -> None:
        for name in (self.inside, self.servers):
            with suppress(CalledProcessError):
                ip("netns", "delete", name)


@pytest.fixture(scope="module")
def kept() -> Iterator[tuple[System, Namespaces]]:
    system, namespaces = System(SCALE), Namespaces()

    def change(maglev: dict[str, Any]) -> None:
        sync_often(maglev)
        maglev["healthchecker"] = {"netns": namespaces.inside}

    try:
        system.begin(ADDRESSES, FRONTENDS, change=change, netns=namespaces.servers)
        system.start()
        yield system, namespaces
        system.stop()
    finally:
        system.close()
        namespaces.close()


@pytest.fixture
def system(kept: tuple[System, Namespaces]) -> System:
    kept[0].calm_down()
    return kept[0]


@pytest.fixture
def namespaces(kept: tuple[System, Namespaces]) -> Namespaces:
    return kept[1]


def wait_probed(system: System) -> None:
    """Wait until every backend has been probed again."""
    before = system.backends.served()
    eventually(lambda: all(n > before[one] for one, n in system.backends.served().items()), 60)


def both_log(system: System, msg: str) -> Callable[[], bool]:
    """Return a condition: both probers have logged something from now on."""
    before = len(system.logged(msg))
    return lambda: len({line["actor"] for line in system.logged(msg)[before:]}) == 2


def test_a_namespace_deleted_and_made_again_changes_no_weight(
    system: System, namespaces: Namespaces
) -> None:
    since = system.mark()
    failed, entered = both_log(system, "netns-failed"), both_log(system, "netns-entered")
    namespaces.delete()
    eventually(failed, 60, "netns missed")
    namespaces.disconnect()
    namespaces.add()
    namespaces.connect()
    eventually(entered, 60, "netns entered again")
    wait_probed(system)
    system.wait_synced(since)
    system.assert_unchanged(since)


def test_a_namespace_made_again_that_is_dark_at_first_changes_no_weight(
    system: System, namespaces: Namespaces
) -> None:
    since = system.mark()
    entered = both_log(system, "netns-entered")
    namespaces.disconnect()
    namespaces.delete()
    namespaces.add()
    eventually(entered, 60, "netns entered again")
    until_s = time.monotonic() + DARK_S
    eventually(lambda: time.monotonic() > until_s, 60)
    namespaces.connect()
    wait_probed(system)
    system.wait_synced(since)
    system.assert_unchanged(since)


def test_a_vpp_that_takes_the_interfaces_along_gets_the_weights_it_had(
    system: System, namespaces: Namespaces
) -> None:
    since = system.mark()
    system.vpp.control.restart(away_s=DARK_S)
    namespaces.disconnect()
    eventually(lambda: system.logged("alarm")[-1:] and system.weights() != {}, 60)
    namespaces.connect()
    wait_probed(system)
    system.wait_weights()
    assert [one for one in system.changes(since) if one["message"] == "lb_as_set_weight"] == []
