# SPDX-License-Identifier: Apache-2.0
"""What operators do to a running daemon, and what others do to VPP behind its back."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from maglev.messages import Done, OperateBackend, ProbeFinished, ProbeStarted, SetWeight
from tests.support import eventually
from tests.system.conftest import FRONTENDS, SCALE, Make, sync_often
from tests.system.listener import Listener
from tests.system.places import Pace, addresses, vip
from tests.system.stalls import Stalls
from tests.system.system import System

WWW = f"{vip(0)}/32 tcp 80"
API = f"{vip(1)}/32 tcp 80"
STOP_S = 10


def operated(system: System, backend: str, operation: Any) -> None:
    request = OperateBackend(backend=backend, operation=operation, who="test", origin="unix")
    answer = system.ask("aggregator", request)
    assert isinstance(answer, Done), answer
    assert answer.changed


def weighted(system: System, frontend: str, pool: str, backend: str, weight: int) -> None:
    about = {"frontend": frontend, "pool": pool, "backend": backend}
    answer = system.ask("aggregator", SetWeight(**about, weight=weight, who="test", origin="unix"))
    assert isinstance(answer, Done), answer
    assert answer.changed


def restarted(system: System) -> None:
    """Stop maglevd and start it again."""
    system.stop()
    system.start()
    system.wait_up()


def test_wishes_of_operators_survive_a_restart_of_the_daemon(small: System) -> None:
    operated(small, "web4", "pause")
    operated(small, "web5", "disable")
    weighted(small, "www", "primary", "web1", 30)
    wished = {
        "www": {"web1": 30, "web2": 100, "web3": 0},
        "api": {"web4": 0, "web5": 0, "web6": 100},
    }
    small.wait_weights(wished)
    since = small.mark()
    restarted(small)
    small.wait_synced(since)
    small.assert_unchanged(since)
    small.kill("aggregator")
    small.wait_synced(since)
    small.assert_unchanged(since)
    operated(small, "web4", "resume")
    operated(small, "web5", "enable")
    weighted(small, "www", "primary", "web1", 100)
    small.wait_weights()


def test_an_operator_drains_a_pool_by_its_weights(small: System) -> None:
    weighted(small, "www", "primary", "web1", 0)
    weighted(small, "www", "primary", "web2", 0)
    small.wait_weights(small.healthy() | {"www": {"web1": 0, "web2": 0, "web3": 100}})
    weighted(small, "www", "primary", "web2", 100)
    weighted(small, "www", "primary", "web1", 100)
    small.wait_weights()


def test_a_second_maglevd_is_refused(small: System) -> None:
    (maglevd,) = small.started
    since, pids = small.mark(), small.actor_pids()
    for arguments in ((), ("--run-dir", str(small.dir / "other"))):
        command = [sys.executable, "-m", "maglev.daemon", *arguments]
        second = subprocess.run(command, env=small.variables, capture_output=True, timeout=30)
        assert second.returncode == 1
        assert f"another maglevd, pid {maglevd.pid}\n" in second.stderr.decode()
    assert small.actor_pids() == pids
    small.assert_unchanged(since)


def halved(maglev: dict[str, Any]) -> None:
    maglev["frontends"]["www"]["pools"][0]["backends"]["web1"] = {"weight": 50}


def broken(maglev: dict[str, Any]) -> None:
    halved(maglev)
    maglev["frontends"]["www"]["pools"][0]["backends"]["web7"] = {}


def test_a_good_file_is_taken_on_sighup_and_a_bad_one_refused(small: System) -> None:
    (maglevd,) = small.started
    since, pids = small.mark(), small.actor_pids()
    reloads = len(small.logged("config-reload"))

    def reload(change: Callable[[dict[str, Any]], None] | None) -> dict[str, Any]:
        """Change the file, say so, and return what the aggregator logs about it."""
        nonlocal reloads
        small.write(change)
        maglevd.send_signal(signal.SIGHUP)
        told = eventually(lambda: aggregators(small)[reloads:], 60, "config-reload")
        reloads += len(told)
        return told[0]

    reloads = len(aggregators(small))
    refused = reload(broken)
    assert refused["ok"] is False
    assert "no backend is called 'web7'" in refused["error"]
    small.wait_synced(since)
    small.assert_unchanged(since)

    assert reload(halved)["ok"] is True
    small.wait_weights(small.healthy() | {"www": {"web1": 50, "web2": 100, "web3": 0}})
    assert reload(None)["ok"] is True
    small.wait_weights()
    assert len(small.changes(since)) == 2
    assert small.actor_pids() == pids


def aggregators(system: System) -> list[dict[str, Any]]:
    """Return what the aggregator logged of reloads."""
    return [line for line in system.logged("config-reload") if line["actor"] == "aggregator"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_leaves_vpp_as_it_is_and_takes_no_ten_seconds(
    small: System, number: signal.Signals
) -> None:
    small.backends.be("refuse", small.address["web4"])
    wounded = small.healthy() | {"api": {"web4": 0, "web5": 100, "web6": 100}}
    small.wait_weights(wounded)
    since = small.mark()
    with Stalls() as stalls:
        asked_s = time.monotonic()
        small.stop(number)
        taken_s = time.monotonic() - asked_s
    assert taken_s < STOP_S + stalls.seconds
    assert small.pids() == []
    small.assert_unchanged(since)
    assert small.weights() == wounded
    small.start()


def test_what_somebody_changes_in_vpp_is_mended(small: System) -> None:
    control = small.vpp.control
    control.set_weight(WWW, small.address["web1"], 7)
    control.set_weight(WWW, small.address["web3"], 70)
    control.del_as(API, small.address["web5"])
    control.add_vip("198.51.100.1/32 tcp 80")
    small.wait_weights()
    control.del_vip(API)
    small.wait_weights()


def test_a_vpp_that_was_restarted_and_forgot_everything_is_programmed_again(small: System) -> None:
    small.vpp.control.restart(away_s=0.5)
    assert small.weights() == {}
    small.wait_weights()
    conf = small.vpp.control.state()["conf"]
    assert conf["ip4_src_address"] == "10.0.0.1"


def test_a_vpp_that_comes_later_than_maglevd_is_programmed_when_it_comes(make: Make) -> None:
    system = make(addresses(6), FRONTENDS)
    later = system.dir / "later.sock"
    system.variables["MAGLEV_VPP_API_ADDR"] = str(later)
    system.start()
    eventually(lambda: system.logged("vpp-disconnect"), 60, "no VPP")
    later.symlink_to(system.vpp.socket)
    system.wait_weights()
    system.stop()


def test_nobody_reading_stdout_stalls_nothing(make: Make) -> None:
    pace = Pace(interval_ms=20, fast_ms=20, down_ms=20)
    system = make(addresses(6), FRONTENDS, pace, sync_often)
    system.variables["MAGLEV_LOG_LEVEL"] = "debug"
    system.start(reads=False)
    listener = Listener(system.run_dir, SCALE, (ProbeStarted, ProbeFinished))
    system.wait_weights()
    try:
        # Two lines of more than 100 bytes for each: several times what all pipes hold.
        listener.until(lambda: len(listener.all(ProbeFinished)) > 1500, what="1500 probes")
        since = system.mark()
        system.backends.be("refuse", system.address["web4"])
        system.wait_set(since, "web4", 0)
        listener.forget()
        listener.until(lambda: len(listener.all(ProbeFinished)) > 100, what="100 probes")
    finally:
        listener.close()
    maglevd = system.started.pop()
    asked_s = time.monotonic()
    maglevd.terminate()
    assert maglevd.wait(30) == 0
    assert time.monotonic() - asked_s < STOP_S
    output, _ = maglevd.communicate()
    assert len(output) > 1 << 15  # it was full, and that is a pipe of 64 KiB
    assert system.pids() == []
