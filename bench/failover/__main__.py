# SPDX-License-Identifier: Apache-2.0
"""`python -m bench.failover`: how long a dead backend keeps its weight, with real processes.

Times are monotonic and come from those who know: the web servers when one died, the simulated VPP
when a call came, the programmer how long it took from the deciding result to VPP's reply.
"""

from __future__ import annotations

import argparse
import random
import time

from bench.sync.others import Ceiling, Plain
from bench.table import beside, within
from bench.whole import even, failovers, full_syncs, lb, percentile, running, spread
from tests.system.listener import Listener
from tests.system.places import Pace, addresses
from tests.system.stalls import Stalls
from tests.system.system import System

from maglev.messages import BackendStatus, ConfigStatus, SyncFinished

PACE = Pace(interval_ms=500, fast_ms=200, down_ms=200, timeout_ms=250)
REPLY_MS_P99_MAX = 5.0
MASS_RATIO_MAX = 2.0
HEALTHY_S = 3.0  # within that, whoever is back is up for sure again


def promise(runs: int) -> None:
    """Kill backends at random moments, and compare with the promised time."""
    with running(addresses(8), even(2, 8, standby=1), PACE) as system:
        for mood in ("refuse", "silent"):
            promised_s = PACE.promise_s(silent=mood == "silent")
            taken, stalled = [], []
            for number in range(runs):
                lost_s, stalled_s = one_death(system, f"web{1 + number % 3}", mood)
                taken.append(lost_s)
                stalled.append(stalled_s)
            late = sum(1 for one in taken if one > promised_s)
            print(f"{mood}: {spread(taken, 'ms', 1000)}, promised {1000 * promised_s:.0f} ms")
            print(f"{mood}: the machine let others wait, in each: {spread(stalled, 'ms', 1000)}")
            within(
                f"failover, {mood}, longest of {runs}", 1000 * max(taken), 1000 * promised_s, "ms"
            )
            assert late == 0 or max(stalled) > 0.01, f"{late} of {runs} too late on an idle machine"


def one_death(system: System, backend: str, mood: str) -> tuple[float, float]:
    """Return how long a backend kept its weight, and how long the machine stood in the way."""
    # Somewhere in the interval between two probes.
    pause(random.random() * 1.2 * PACE.interval_ms / 1000)
    since = system.mark()
    with Stalls() as stalls:
        died_s = system.backends.be(mood, system.address[backend])
        lost_s = system.wait_set(since, backend, 0) - died_s
    system.backends.be("ok", system.address[backend])
    system.wait_weights()
    pause(PACE.interval_ms / 1000)  # until its counter is at its top again
    return lost_s, stalls.seconds


def pause(seconds: float) -> None:
    time.sleep(seconds)


def replies(wanted: int, count: int = 1000) -> None:
    """Measure from a deciding result to VPP's reply with many backends, also during full syncs."""
    pace = Pace(interval_ms=1000, fast_ms=500, down_ms=500, timeout_ms=900, rise=1, fall=1)
    frontends = even(count // 10, count)
    for words, interval in (("", "3600s"), (" during full syncs", "1ms")):
        with running(addresses(count), frontends, pace, lb(sync_interval=interval)) as system:
            taken, syncs = measured_replies(system, wanted)
        p99_ms = 1000 * percentile(taken, 99)
        reading_s = sum(one.duration_s for one in syncs)
        print(f"result to reply{words}: {spread(taken, 'ms', 1000)}")
        print(f"  {len(syncs)} full syncs, {reading_s:.1f} s of them")
        within(f"result to VPP's reply{words}, p99", p99_ms, REPLY_MS_P99_MAX, "ms")


def measured_replies(system: System, wanted: int) -> tuple[list[float], list[SyncFinished]]:
    """Return seconds from deciding results to replies, and the full syncs meanwhile."""
    listener = Listener(system.run_dir, 1.0)
    listener.until(lambda: len(listener.levels) > len(system.address), what="everything said")
    listener.forget()
    taken = deaths(system, listener, wanted)
    syncs = full_syncs(listener)
    listener.close()
    return taken, syncs


def deaths(system: System, listener: Listener, wanted: int) -> list[float]:
    """Let backends die and come back one after the other until so many changes were measured."""
    names = list(system.address)
    random.shuffle(names)
    for name in names:
        taken = failovers(listener)
        if len(taken) >= wanted:
            return taken
        system.backends.be("refuse", system.address[name])
        listener.listen_for(0.04)
        system.backends.be("ok", *(system.address[one] for one in earlier(names, name)))
    return failovers(listener)


def earlier(names: list[str], name: str) -> list[str]:
    """Return who died more than an interval before this one."""
    place = names.index(name)
    return names[max(0, place - 31) : max(1, place - 30)]


def mass(count: int = 1000) -> None:
    """Change the weights of 1,000 ASes at once, and let VPP do the same packed beforehand."""
    pace = Pace(interval_ms=5000, fast_ms=1000, down_ms=1000)
    frontends = even(100, count)
    with running(addresses(count), frontends, pace, lb(sync_interval="3600s")) as system:
        taken = [mass_change(system, weight) for weight in (50, 100, 50)]
        ceilings = [ceiling(system, weight) for weight in (40, 60, 80)]
    print(f"mass change: {[f'{1000 * one:.0f} ms' for one in taken]} from the accepted file on")
    beside(
        f"{count} ASes of 100 VIPs at once",
        1000 * min(taken),
        1000 * min(ceilings),
        "ms",
        "packed calls",
        at_most=MASS_RATIO_MAX,
    )


def mass_change(system: System, weight: int) -> float:
    """Return seconds from the acceptance of a file that changes every weight to the last call."""

    def change(maglev: dict) -> None:
        for frontend in maglev["frontends"].values():
            for pool in frontend["pools"]:
                pool["backends"] = {name: {"weight": weight} for name in pool["backends"]}

    since = system.mark()
    system.reload(change)
    wanted = {name: dict.fromkeys(ases, weight) for name, ases in system.healthy().items()}
    system.wait_weights(wanted)
    calls = system.changes(since)
    assert len(calls) == len(system.address), len(calls)
    return calls[-1]["at_ns"] / 1e9 - accepted_s(system)


def accepted_s(system: System) -> float:
    """Return when the configuration in force was accepted, on the monotonic clock."""
    listener = Listener(system.run_dir, 1.0, aggregator=(BackendStatus, ConfigStatus))
    status = listener.until(lambda: listener.level(ConfigStatus), what="the configuration")
    listener.close()
    return status.accepted_at_ns / 1e9 - (time.time() - time.monotonic())


def ceiling(system: System, weight: int) -> float:
    """Return how long VPP takes for the same calls, packed beforehand."""
    plain = Plain(system.vpp.socket)
    vips = {name: vip for vip, name in system.vips.items()}
    changes = []
    for name, ases in system.healthy().items():
        prefix, _, port = vips[name].split()
        vip = {"pfx": prefix, "protocol": 6, "port": int(port)}
        for one in ases:
            change = {"as_address": system.address[one], "weight": weight, "is_flush": False}
            changes.append(("lb_as_set_weight", vip | change))
    packed = plain.packed(changes)
    plain.close()
    bare = Ceiling(system.vpp.socket)
    taken_s = bare.make(packed)
    bare.close()
    return taken_s


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.failover", description=__doc__)
    parser.add_argument("--long", action="store_true")
    long = parser.parse_args().long
    promise(60 if long else 20)
    replies(1000 if long else 200)
    mass()


if __name__ == "__main__":
    main()
