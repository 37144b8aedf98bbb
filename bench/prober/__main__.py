# SPDX-License-Identifier: Apache-2.0
"""`python -m bench.prober`: CPU per HTTP probe next to HAProxy's, and how late probes start.

nginx has one core to itself, HAProxy and the prober have the other, one after the other; both
probe 10,000 backends once a second, a new connection each.  The prober is the real process with
its bus; the aggregator is this one and shares the core of nginx.  On a machine that others use,
--realtime puts all three before everybody else.
"""

import argparse
import os
import statistics
import tempfile
from pathlib import Path

from bench.prober.others import Haproxy, Nginx, Prober, cpu_s, memory_kb
from bench.table import beside, within

RATIO_MAX = 1.6
LATENESS_MS_P99_MAX = 2.0
SETTLE_S = 3
SETTLE_S_MAX = 15


def settle(nginx: Nginx, prober: Haproxy | Prober, backends: int) -> None:
    """Wait until nearly all backends are probed in each second."""
    prober.live(SETTLE_S)
    for _ in range(SETTLE_S_MAX - SETTLE_S):
        before = nginx.requests()
        prober.live(1.0)
        if nginx.requests() - before > 0.97 * backends:
            return


def measured(nginx: Nginx, prober: Haproxy | Prober, seconds: float) -> float:
    """Return CPU microseconds per request that reached nginx."""
    pid = prober.process.pid
    requests, used_s = nginx.requests(), cpu_s(pid)
    prober.live(seconds)
    requests, used_s = nginx.requests() - requests, cpu_s(pid) - used_s
    rate = requests / seconds
    each_us = used_s / requests * 1e6
    name = type(prober).__name__.lower()
    print(
        f"{name:8} {rate:7.0f} probes/s {used_s / seconds:6.1%} of a core {each_us:6.1f} us/probe"
    )
    return each_us


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.prober", description=__doc__)
    parser.add_argument("--backends", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--realtime", action="store_true")
    wanted = parser.parse_args()
    probing, probed = min(os.sched_getaffinity(0)), max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {probed})
    print(f"{wanted.backends} backends at 1 s; core {probing} probes, core {probed} is probed")
    taken, late_ms = [], []
    with tempfile.TemporaryDirectory() as directory:
        where = Path(directory)
        nginx = Nginx(where, probed, wanted.realtime)
        try:
            nginx.wait()
            given = (where, probing, wanted.realtime, nginx.port, wanted.backends)
            for _ in range(wanted.rounds):
                haproxy = Haproxy(*given)
                settle(nginx, haproxy, wanted.backends)
                theirs_us = measured(nginx, haproxy, wanted.seconds)
                haproxy.stop()
                prober = Prober(*given)
                settle(nginx, prober, wanted.backends)
                ours_us = measured(nginx, prober, wanted.seconds)
                print(f"{'':8} {memory_kb(prober.process.pid) / 1024:.0f} MB, {len(prober.up)} up")
                paces = prober.paces[-int(wanted.seconds) :]
                prober.stop()
                late_ms += [pace.lateness_ms_p99 for pace in paces]
                p50_ms = statistics.median(pace.lateness_ms_p50 for pace in paces)
                each = " ".join(f"{pace.lateness_ms_p99:.2f}" for pace in paces)
                print(f"{'':8} late: p50 {p50_ms:.2f} ms, p99 of each second {each}")
                taken.append((ours_us, theirs_us))
        finally:
            nginx.process.kill()
            nginx.process.wait()
    ours_us, theirs_us = sorted(taken, key=lambda pair: pair[0] / pair[1])[len(taken) // 2]
    beside("CPU per HTTP probe", ours_us, theirs_us, "us", "HAProxy", at_most=RATIO_MAX)
    within("probes late, p99", statistics.median(late_ms), LATENESS_MS_P99_MAX, "ms")


if __name__ == "__main__":
    main()
