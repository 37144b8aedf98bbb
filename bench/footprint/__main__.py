# SPDX-License-Identifier: Apache-2.0
"""`python -m bench.footprint`: what the processes of a daemon take, idle and with 10,000 backends.

Memory is the proportional set size (a page that four processes share counts a quarter in each), CPU
is user and system time, both from /proc.  nginx is probed; HAProxy probes the same one for as long.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.prober.others import Haproxy, Nginx, cpu_s, memory_kb
from bench.table import beside, within
from bench.whole import even, lb, running
from tests.system.listener import Listener
from tests.system.places import Pace, addresses
from tests.system.system import System

from maglev.messages import Done, ProberPace, SyncFinished, SyncVpp, VipProgrammed

IDLE, MANY = 10, 10_000
IDLE_PACE = Pace(interval_ms=2000, fast_ms=2000, down_ms=2000, timeout_ms=1000)
MANY_PACE = Pace(interval_ms=1000, fast_ms=1000, down_ms=1000, timeout_ms=5000)
IDLE_MB_MAX, MANY_MB_MAX = 220.0, 450.0
IDLE_CPU_PERCENT_MAX = 2.0
PROBE_RATIO_MAX = 2.2
LATE_MS_P99_MAX = 2.0
CHECK_S_MAX = 1.5
NOOP_S_MAX = 1.0
SETTLE_S = 5.0


def processes(system: System) -> dict[str, int]:
    """Return the pids of all processes of the daemon, by name."""
    (maglevd,) = system.started
    named = {"maglevd": maglevd.pid, "supervisord": system.supervisord_pid()}
    named |= system.actor_pids()
    assert sorted(named.values()) == system.pids(), f"{named} {system.pids()}"
    return named


def used(system: System, seconds: float) -> tuple[dict[str, float], dict[str, float], float]:
    """Return MB and percent of a core by process, and how late probes started (p99, ms)."""
    listener = Listener(system.run_dir, 1.0)
    listener.listen_for(SETTLE_S)
    listener.forget()
    pids = processes(system)
    before, began_s = {name: cpu_s(pid) for name, pid in pids.items()}, time.monotonic()
    listener.listen_for(seconds)
    taken_s = time.monotonic() - began_s
    percent = {name: 100 * (cpu_s(pid) - before[name]) / taken_s for name, pid in pids.items()}
    memory_mb = {name: memory_kb(pid) / 1024 for name, pid in pids.items()}
    late_ms = [pace.lateness_ms_p99 for pace in listener.all(ProberPace)]
    listener.close()
    show(memory_mb, percent)
    return memory_mb, percent, statistics.median(late_ms)


def show(memory_mb: dict[str, float], percent: dict[str, float]) -> None:
    for name, size in memory_mb.items():
        print(f"  {name:12} {size:6.1f} MB  {percent[name]:6.2f} % of a core")
    print(f"  {'all':12} {sum(memory_mb.values()):6.1f} MB  {sum(percent.values()):6.2f} %")


def idle(nginx: Nginx, seconds: float) -> None:
    """Measure a daemon with hardly anything to do."""
    with running(addresses(IDLE), even(2, IDLE), IDLE_PACE, port=nginx.port) as system:
        memory_mb, percent, _ = used(system, seconds)
    within(f"memory, {IDLE} backends", sum(memory_mb.values()), IDLE_MB_MAX, "MB")
    within("CPU, idle, of a core", sum(percent.values()), IDLE_CPU_PERCENT_MAX, "%")


def many(where: Path, nginx: Nginx, seconds: float) -> None:
    """Measure a daemon that probes 10,000 backends every second, and then HAProxy."""
    began_s = time.monotonic()
    change = lb(startup_min_delay="1s")
    frontends = even(MANY // 10, MANY)
    with running(addresses(MANY), frontends, MANY_PACE, change, port=nginx.port) as system:
        print(f"all in VPP after {time.monotonic() - began_s:.1f} s, all processes started anew")
        check(system)
        compare(system)
        requests = nginx.requests()
        memory_mb, percent, late_ms = used(system, seconds)
        rate = (nginx.requests() - requests) / (seconds + SETTLE_S)
    within(f"memory, {MANY} backends", sum(memory_mb.values()), MANY_MB_MAX, "MB")
    within("probes late, p99", late_ms, LATE_MS_P99_MAX, "ms")
    each_us = sum(percent.values()) * 1e4 / rate
    theirs_us = haproxy(where, nginx, seconds)
    ours = f"CPU per probe, all processes, {rate:.0f}/s"
    beside(ours, each_us, theirs_us, "us", "HAProxy", at_most=PROBE_RATIO_MAX)


def compare(system: System) -> None:
    """Measure a sync that finds nothing to do."""
    listener = Listener(system.run_dir, 1.0)
    listener.until(lambda: listener.level(VipProgrammed, "front0"), what="the programmer")
    listener.forget()
    answer = system.ask("programmer", SyncVpp(who="bench", origin="unix"))
    assert isinstance(answer, Done), answer
    finished = listener.until(lambda: listener.all(SyncFinished), what="a sync")[0]
    listener.close()
    assert not answer.changed, finished
    within(f"sync that finds nothing, {MANY} ASes", finished.duration_s, NOOP_S_MAX, "s")


def haproxy(where: Path, nginx: Nginx, seconds: float) -> float:
    """Return CPU microseconds of HAProxy per probe."""
    peer = Haproxy(where, 0, False, nginx.port, MANY)
    try:
        time.sleep(SETTLE_S)
        requests, used_s = nginx.requests(), cpu_s(peer.process.pid)
        time.sleep(seconds)
        requests, used_s = nginx.requests() - requests, cpu_s(peer.process.pid) - used_s
    finally:
        peer.stop()
    return used_s / requests * 1e6


def check(system: System) -> None:
    """Measure how long it takes to parse and check the configuration, without Python's start."""
    checks = [maglevd(system, "--check", "--config", str(system.config)) for _ in range(3)]
    starts = [maglevd(system, "--version") for _ in range(3)]
    within(f"parse and check {MANY} backends, CPU", min(checks) - min(starts), CHECK_S_MAX, "s")


def maglevd(system: System, *arguments: str) -> float:
    """Return the CPU seconds of a run of maglevd."""
    command = [sys.executable, "-m", "maglev.daemon", *arguments]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=system.variables, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.footprint", description=__doc__)
    parser.add_argument("--long", action="store_true")
    seconds = 60.0 if parser.parse_args().long else 15.0
    with tempfile.TemporaryDirectory() as directory:
        where = Path(directory)
        nginx = Nginx(where, 1, False, ["0.0.0.0"])
        try:
            nginx.wait()
            idle(nginx, seconds)
            many(where, nginx, seconds)
        finally:
            nginx.process.kill()
            nginx.process.wait()


if __name__ == "__main__":
    main()
