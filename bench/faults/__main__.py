# SPDX-License-Identifier: Apache-2.0
"""`python -m bench.faults`: kills, stops and restarts of a large system, many times.

All timers are those of the product.  VPP's log of calls is the judge: it tells how many changed
anything in VPP, where nothing may change.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import time
from collections.abc import Callable

from bench.table import tell, within
from bench.whole import even, lb, running
from tests.support import eventually
from tests.system.listener import Listener
from tests.system.places import Pace, addresses
from tests.system.system import System

from maglev.environment import Environment
from maglev.messages import BackendStatus, ProberPace

FRONTENDS, BACKENDS = 200, 2000
PACE = Pace(interval_ms=1000, fast_ms=500, down_ms=500)
DEAD = [f"web{10 * number + 1}" for number in range(20)]  # while maglevd is restarted
PROCESSES = (*Environment().actor_names, "supervisord")
LATE_S_MAX = 3.0  # a killed process may delay a failover by as much
LATE_MS_MAX = 50.0  # a process that stands still may delay no probe by more


def unchanged(what: str, system: System, since: int) -> None:
    """Tell how many calls changed anything in VPP since a mark; none should have."""
    system.wait_synced(since)
    changes = len(system.changes(since))
    tell(what, f"{changes} changes", budget="0", ok=changes == 0)


# --- kills ---


def kills(times: int) -> None:
    """Kill each process with all backends healthy, and with one that fails."""
    frontends = even(20, 200, standby=2)
    with running(addresses(200), frontends, PACE, lb(sync_interval="1s")) as system:
        for process in PROCESSES:
            since = system.mark()
            rounds = times if process != "supervisord" else min(times, 4)
            for _ in range(rounds):
                system.kill(process)
            unchanged(f"kill -9 {process} x {rounds}", system, since)
        for process in PROCESSES:
            rounds = times if process != "supervisord" else min(times, 2)
            failovers_with_kill(system, process, rounds)


def failovers_with_kill(system: System, process: str, times: int) -> None:
    """Kill a process when a backend dies, and tell how late the failover is because of it."""
    late = []
    others = 0
    for number in range(times):
        backend = a_backend(system, process, number)
        since = system.mark()
        died_s = system.backends.be("refuse", system.address[backend])
        system.kill_only(process)
        lost_s = system.wait_set(since, backend, 0) - died_s
        system.wait_back()
        if process == "supervisord":  # the more often it dies, the longer maglevd waits on purpose
            lost_s -= system.logged("supervisord-died")[-1]["wait_s"]
        late.append(lost_s - PACE.promise_s(silent=False))
        others += sum(1 for one in system.changes(since) if one["as"] != system.address[backend])
        system.backends.be("ok", system.address[backend])
        system.wait_weights()
    words = f"failover while {process} is killed x {times}, late by at most"
    within(words, max(0.0, *late), LATE_S_MAX, "s")
    print(f"  p50 {statistics.median(late):.2f} s (below 0: in time); {others} other changes")


def a_backend(system: System, process: str, number: int) -> str:
    """Return a primary backend, one that is probed by `process` if that is a prober."""
    listener = Listener(system.run_dir, 1.0)
    names = [f"web{1 + 10 * frontend}" for frontend in range(20)]
    names = names[number:] + names[:number]

    def found() -> str:
        for name in names:
            status = listener.level(BackendStatus, name)
            wanted = (process,) if process.startswith("prober") else ("prober-0", "prober-1")
            if status and status.state == "up" and status.prober and status.prober in wanted:
                return name
        return ""

    try:
        return listener.until(found, what=f"a backend of {process}")
    finally:
        listener.close()


# --- stops ---


def stops(seconds: float) -> None:
    """Let the programmer and VPP stand still for a while, and look at the probes meanwhile."""
    frontends = even(20, 200, standby=2)
    with running(addresses(200), frontends, PACE, lb(sync_interval="1s")) as system:
        for who in ("programmer", "VPP"):
            stop(system, who, seconds)


def stop(system: System, who: str, seconds: float) -> None:
    pid = system.vpp.process.pid if who == "VPP" else system.pid(who)
    before_ms = lateness_ms(system, seconds / 2)
    since = system.mark()
    with system.stopped(pid):
        system.backends.be("refuse", system.address["web1"])
        late_ms = lateness_ms(system, seconds)
    resumed_s = time.monotonic()
    came_s = system.wait_set(since, "web1", 0) - resumed_s
    words = f"probes late while {who} stands still for {seconds:g} s, at most"
    within(words, late_ms, LATE_MS_MAX, "ms")
    print(f"  before: {before_ms:.1f} ms; the failover came {came_s:+.2f} s after its end")
    system.backends.be("ok", system.address["web1"])
    system.wait_up()
    system.wait_weights()


def lateness_ms(system: System, seconds: float) -> float:
    """Return by how much a probe was late at most, within so many seconds."""
    listener = Listener(system.run_dir, 1.0)
    listener.until(lambda: listener.all(ProberPace), what="the pace of a prober")
    listener.forget()
    listener.listen_for(seconds)
    late_ms = max(pace.lateness_ms_max for pace in listener.all(ProberPace))
    listener.close()
    return late_ms


# --- restarts ---


def restarts(times: int) -> None:
    """Restart and reload with many frontends up, some of them wounded."""
    frontends = even(FRONTENDS, BACKENDS, standby=2)
    change = lb(startup_min_delay="1s", sync_interval="2s")
    with running(addresses(BACKENDS), frontends, PACE, change) as system:
        system.backends.be("refuse", *(system.address[name] for name in DEAD))
        wounded = system.healthy()
        for number, name in enumerate(DEAD):
            wounded[f"front{number}"][name] = 0
        system.wait_weights(wounded)
        what = f"{FRONTENDS} frontends, {BACKENDS} backends: "
        for words, act in (
            ("restart of maglevd", restart),
            ("restart without its state-dir", restart_without_state),
            ("reload that edits every timeout", edit_timeout),
            ("aggregator and a prober killed", lambda one: one.kill("aggregator", "prober-0")),
            ("all actors killed", lambda one: one.kill(*Environment().actor_names)),
        ):
            repeated(what + words, system, act, times)


def repeated(what: str, system: System, act: Callable[[System], None], times: int) -> None:
    since, began_s = system.mark(), time.monotonic()
    for _ in range(times):
        act(system)
        every_backend_probed(system)
    taken_s = (time.monotonic() - began_s) / times
    unchanged(f"{what} x {times}", system, since)
    print(f"  {taken_s:.1f} s each, until every backend was probed again")


def every_backend_probed(system: System) -> None:
    """Wait until every backend that answers has been asked several times more."""
    dead = {system.address[name] for name in DEAD}
    before = {one: n for one, n in system.backends.served().items() if one not in dead}

    def probed() -> bool:
        served = system.backends.served()
        return all(served[one] >= count + 2 for one, count in before.items())

    eventually(probed, 120, "every backend probed")


def restart(system: System) -> None:
    system.stop()
    system.start()
    system.wait_up()


def restart_without_state(system: System) -> None:
    warm = len(system.logged("warmup"))
    system.stop()
    shutil.rmtree(system.dir / "state")
    system.start()
    system.wait_up()
    eventually(lambda: [one["to"] for one in system.logged("warmup")[warm:]][-1:] == ["full"], 120)


def edit_timeout(system: System) -> None:
    longer_ms = 4000 + 10 * (time.monotonic_ns() % 50)

    def change(maglev: dict) -> None:
        maglev["healthchecks"]["web"]["timeout"] = f"{longer_ms}ms"

    system.reload(change)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.faults", description=__doc__)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--only", choices=["kills", "stops", "restarts"])
    wanted = parser.parse_args()
    if wanted.only in (None, "kills"):
        kills(10 if wanted.long else 2)
    if wanted.only in (None, "stops"):
        stops(30.0 if wanted.long else 6.0)
    if wanted.only in (None, "restarts"):
        restarts(5 if wanted.long else 1)


if __name__ == "__main__":
    main()
