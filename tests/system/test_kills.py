# SPDX-License-Identifier: Apache-2.0
"""kill -9 of any process: VPP keeps what it has, and a failover comes nevertheless."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from maglev.environment import Environment
from maglev.messages import BackendStatus
from tests.system.conftest import SCALE
from tests.system.listener import Listener
from tests.system.system import System

ACTORS = Environment().actor_names
PROCESSES = (*ACTORS, "supervisord")


@pytest.mark.parametrize("process", PROCESSES)
def test_a_kill_changes_no_weight_while_all_backends_are_healthy(
    small: System, process: str
) -> None:
    since = small.mark()
    for _ in range(2):
        small.kill(process)
    small.wait_synced(since)
    small.assert_unchanged(since)
    assert small.weights() == small.healthy()


@pytest.fixture
def listener(small: System) -> Iterator[Listener]:
    listener = Listener(small.run_dir, SCALE)
    yield listener
    listener.close()


def probed_by(listener: Listener, prober: str) -> str:
    """Return a backend that is probed by this prober."""

    def found() -> str:
        told = [one for one in listener.levels.values() if isinstance(one, BackendStatus)]
        return next((one.name for one in told if one.prober == prober and one.name != "web3"), "")

    return listener.until(found, what=f"a backend of {prober}")


@pytest.mark.parametrize("process", PROCESSES)
def test_a_failover_comes_although_a_process_is_killed_at_the_same_time(
    small: System, listener: Listener, process: str
) -> None:
    backend = probed_by(listener, process if process.startswith("prober") else "prober-0")
    since = small.mark()
    small.backends.be("refuse", small.address[backend])
    small.kill_only(process)
    small.wait_set(since, backend, 0)
    small.wait_back()
    assert {small.name[one["as"]] for one in small.changes(since)} == {backend}
    since = small.mark()
    small.backends.be("ok", small.address[backend])
    small.wait_set(since, backend, 100)
    assert {small.name[one["as"]] for one in small.changes(since)} == {backend}


def test_aggregator_and_a_prober_killed_together_change_no_weight(small: System) -> None:
    since = small.mark()
    for prober in ("prober-0", "prober-1"):
        small.kill("aggregator", prober)
    small.wait_synced(since)
    small.assert_unchanged(since)


def test_all_actors_killed_together_change_no_weight(small: System) -> None:
    since = small.mark()
    small.kill(*ACTORS)
    small.wait_synced(since)
    small.assert_unchanged(since)
