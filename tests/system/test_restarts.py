# SPDX-License-Identifier: Apache-2.0
"""Restarts and reloads with many frontends: VPP is not told of a single weight."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import eventually
from tests.system.conftest import SCALE
from tests.system.places import Pace, Pools, addresses
from tests.system.system import System

FRONTENDS, BACKENDS = 20, 200


def crowd(frontends: int, backends: int) -> dict[str, Pools]:
    """Return frontends with as many backends each, half of them in a standby pool."""
    share = backends // frontends
    names = [f"web{number}" for number in range(1, backends + 1)]
    return {
        f"front{number}": {
            "primary": names[number * share : number * share + share // 2],
            "standby": names[number * share + share // 2 : (number + 1) * share],
        }
        for number in range(frontends)
    }


@pytest.fixture(scope="module")
def kept() -> Iterator[System]:
    system = System(SCALE)
    try:
        pace = Pace(interval_ms=500, fast_ms=250, down_ms=250)
        system.begin(addresses(BACKENDS), crowd(FRONTENDS, BACKENDS), pace, slowly)
        system.start()
        system.wait_weights()
        yield system
        system.stop()
    finally:
        system.close()


def slowly(maglev: dict[str, Any]) -> None:
    """Leave time for verdicts before VPP is touched."""
    maglev["vpp"]["lb"] |= {"startup-min-delay": "200ms", "sync-interval": "1s"}


@pytest.fixture
def many(kept: System) -> System:
    """Many frontends, one with a backend that is down, one that runs on its standby."""
    kept.write()
    kept.backends.be("ok")
    kept.backends.be("refuse", *(kept.address[f"web{number}"] for number in (1, 11, 12, 13, 14)))
    kept.backends.be("refuse", kept.address["web15"])
    kept.wait_up()
    kept.wait_weights(as_wounded(kept))
    return kept


def as_wounded(system: System) -> dict[str, dict[str, int]]:
    wanted = system.healthy()
    wanted["front0"]["web1"] = 0
    for number in range(11, 16):
        wanted["front1"][f"web{number}"] = 0
    for number in range(16, 21):
        wanted["front1"][f"web{number}"] = 100
    return wanted


@pytest.mark.parametrize("state", ["kept", "lost"])
def test_a_restart_of_maglevd_changes_no_weight(many: System, state: str) -> None:
    since = many.mark()
    many.stop()
    many.assert_unchanged(since)
    if state == "lost":
        shutil.rmtree(many.dir / "state")
    warm = len(many.logged("warmup"))
    many.start()
    many.wait_up()
    if state == "lost":
        eventually(lambda: [one["to"] for one in many.logged("warmup")[warm:]][-1:] == ["full"], 60)
    many.wait_synced(since)
    many.assert_unchanged(since)
    assert many.weights() == as_wounded(many)


def set_timeout(maglev: dict[str, Any]) -> None:
    maglev["healthchecks"]["web"]["timeout"] = "4s"


def test_a_reload_that_edits_the_timeout_of_all_backends_changes_no_weight(many: System) -> None:
    since = many.mark()
    served = sum(many.backends.served().values())
    many.reload(set_timeout)
    eventually(lambda: sum(many.backends.served().values()) >= served + 2 * BACKENDS, 60)
    many.wait_synced(since)
    many.assert_unchanged(since)


def test_aggregator_and_probers_killed_together_change_no_weight_of_many(many: System) -> None:
    since = many.mark()
    many.kill("aggregator", "prober-0")
    many.wait_synced(since)
    many.kill("aggregator", "prober-0", "prober-1", "programmer")
    many.wait_synced(since)
    many.assert_unchanged(since)


def test_maglevd_killed_and_started_again_changes_no_weight(many: System) -> None:
    since = many.mark()
    (maglevd,) = many.started
    maglevd.send_signal(signal.SIGKILL)
    maglevd.communicate()
    many.started.clear()
    eventually(lambda: many.pids() == [], 20, "all gone with it")
    many.start()
    many.wait_up()
    many.wait_synced(since)
    many.assert_unchanged(since)


def test_a_reload_adds_and_takes_away_what_the_file_does_and_nothing_else(many: System) -> None:
    since = many.mark()

    def change(maglev: dict[str, Any]) -> None:
        del maglev["frontends"]["front19"]
        pools = maglev["frontends"]["front18"]["pools"]
        del pools[0]["backends"]["web181"]

    many.reload(change)
    wanted = as_wounded(many)
    del wanted["front19"], wanted["front18"]["web181"]
    many.wait_weights(wanted)
    told = {(one["vip"], one["message"], one["del"]) for one in many.changes(since)}
    vips = {name: vip for vip, name in many.vips.items()}
    assert told == {
        (vips["front19"], "lb_add_del_as_v2", 1),
        (vips["front19"], "lb_add_del_vip_v2", 1),
        (vips["front18"], "lb_add_del_as_v2", 1),
    }
    many.reload()
    many.wait_weights(as_wounded(many))
