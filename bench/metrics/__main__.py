# SPDX-License-Identifier: Apache-2.0
"""`python -m bench.metrics`: how long a scrape of 10,000 backends takes, and gRPC waits for it.

The gateway is the real process; an aggregator here says the backends and new totals of a block
every 80 ms, as when each is probed once a second.  prometheus_client renders the same in this run.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import grpc
from bench.metrics import peer
from bench.metrics.world import Aggregator, Gateway, World
from bench.prober.others import cpu_s, memory_kb
from bench.table import beside, within
from tests.support import eventually

from maglev.rpc.service import pb, unary

SCRAPE_S_MAX = 1.0
GRPC_MS_P99_MAX = 10.0
CALL_EVERY_S = 0.002


def scrape(port: int, *more: str) -> tuple[float, int]:
    """Return seconds and bytes on the wire of one scrape, by a process of its own."""
    url = f"http://127.0.0.1:{port}/metrics"
    told = "%{time_total} %{size_download}"
    done = subprocess.run(
        ["curl", "-s", "-S", "-f", "-o", "/dev/null", "-w", told, *more, url],
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, length = done.stdout.split()
    return float(seconds), int(length)


class Caller:
    """Calls GetBackend again and again, and notes how long each call takes."""

    def __init__(self, port: int) -> None:
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self._call = unary(self._channel, "GetBackend")
        self._request = pb.GetBackendRequest(name="backend00007")

    def during(self, begun: threading.Thread) -> list[float]:
        """Return the milliseconds of all calls until a thread ends."""
        taken_ms = []
        begun.start()
        while begun.is_alive():
            begun_s = time.perf_counter()
            self._call(self._request, timeout=30)
            taken_ms.append((time.perf_counter() - begun_s) * 1000)
            time.sleep(CALL_EVERY_S)
        return taken_ms

    def close(self) -> None:
        self._channel.close()


def p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.metrics", description=__doc__)
    parser.add_argument("--backends", type=int, default=10_000)
    parser.add_argument("--scrapes", type=int, default=8)
    wanted = parser.parse_args()
    world = World(wanted.backends)
    with tempfile.TemporaryDirectory(prefix="maglev-") as directory:
        gateway = Gateway(Path(directory))
        aggregator = Aggregator(Path(directory), world)
        caller = Caller(gateway.ports["grpc-listening"])
        try:
            return measure(wanted, world, gateway, caller)
        finally:
            caller.close()
            aggregator.stop()
            gateway.stop()


def measure(wanted: argparse.Namespace, world: World, gateway: Gateway, caller: Caller) -> int:
    port, pid = gateway.ports["metrics-listening"], gateway.process.pid
    whole = wanted.backends * 1500  # bytes: below that something is missing yet
    eventually(lambda: scrape(port)[1] > whole, 60, "all backends on the page")
    idle_ms = caller.during(threading.Thread(target=time.sleep, args=(3.0,)))
    oks = []
    for what, more in (("plain", ()), ("gzip", ("--compressed",))):
        taken: list[tuple[float, int]] = []

        def scrapes(more: tuple[str, ...] = more, into: list[tuple[float, int]] = taken) -> None:
            into.extend(scrape(port, *more) for _ in range(wanted.scrapes))

        used_s = cpu_s(pid)
        busy_ms = caller.during(threading.Thread(target=scrapes))
        used_s = (cpu_s(pid) - used_s) / wanted.scrapes
        seconds = [one for one, _ in taken]
        print(
            f"{what:6} {statistics.median(seconds):.3f} s (longest {max(seconds):.3f}), "
            f"{taken[-1][1] / 1e6:.1f} MB, {used_s:.3f} s of a core each; "
            f"GetBackend p50 {statistics.median(busy_ms):.2f} ms, p99 {p99(busy_ms):.2f} ms, "
            f"longest {max(busy_ms):.2f} ms (idle: p99 {p99(idle_ms):.2f} ms)"
        )
        oks.append(within(f"scrape, {what}", statistics.median(seconds), SCRAPE_S_MAX, "s"))
        oks.append(
            within(f"GetBackend beside it, p99, {what}", p99(busy_ms), GRPC_MS_P99_MAX, "ms")
        )
        ours_s = statistics.median(seconds)
    theirs_s = peer.seconds(world)
    oks.append(
        beside("scrape, gzip", ours_s, theirs_s, "s", "prometheus_client alone", at_most=1.0)
    )
    print(f"{'':6} gateway {memory_kb(pid) / 1024:.0f} MB")
    return 0 if all(oks) else 1


if __name__ == "__main__":
    sys.exit(main())
