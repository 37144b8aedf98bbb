# SPDX-License-Identifier: Apache-2.0
"""`python -m bench.sync`: print what a sync costs, next to what others take in the same run.

The VPP is the simulated one in a process of its own, made as slow as a real one by --as-call-us, or
with --socket a real one, whose lb plugin must be ours to fill and empty.  The programmer is the
real process, with its log and its bus.
"""

import argparse
import os
import statistics
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.sync.others import Ceiling, Plain, calls
from bench.table import beside, within
from tests.programmer.rig import Rig
from tests.programmer.world import settings, vip
from tests.vpp.simulated import simulated_vpp

from maglev.messages import DesiredAs, SyncVpp

ROUNDS = 3
CHANGES = 200
MASS = 1000
CEILING_RATIO_MIN, MASS_RATIO_MAX = 0.75, 2.0
FAILOVER_MS_P99_MAX = 5.0
SYNC = SyncVpp(who="bench", origin="unix")


def wanted(vips, ases, offset=0):
    return [
        vip(
            f"www{number}",
            *(
                DesiredAs(
                    address=f"10.{number >> 8}.{number & 255}.{index}",
                    backend=f"web{number}-{index}",
                    weight=100,
                )
                for index in range(1, ases + 1)
            ),
            address=f"192.{number >> 8}.{number & 255}.{1 + offset}",
        )
        for number in range(vips)
    ]


class Vpp:
    """The VPP under test; `empty` takes away all it has."""

    def __init__(self, socket, control=None):
        self.socket = socket
        self._control = control

    def empty(self):
        if self._control:
            self._control.restart()
            return
        plain = Plain(self.socket)
        known = plain.api.lb_vip_dump()
        for one in known:
            fields = {"pfx": one.vip.pfx, "protocol": one.vip.protocol, "port": one.vip.port}
            plain.api.lb_add_del_vip_v2(**fields, is_del=True)
        plain.close()


@contextmanager
def vpp_under_test(where, options):
    if options.socket:
        yield Vpp(Path(options.socket))
        return
    with simulated_vpp(where, as_call_us=options.as_call_us) as simulated:
        # As VPP keeps its main thread on a core of its own; whoever talks to it has the others.
        first, *others = sorted(os.sched_getaffinity(0))
        if others:
            os.sched_setaffinity(simulated.process.pid, {first})
            os.sched_setaffinity(0, others)
        yield Vpp(simulated.socket, simulated.control)


@dataclass
class Theirs:
    """Seconds of the others; `during` is VPP's own part in a change while it is read."""

    ceiling: float
    ceiling_mass: float
    plain: float
    read: float
    changes: list[float]
    during: list[float]


@dataclass
class Ours:
    """Seconds of the programmer."""

    full: float
    noop: float
    mass: float
    changes: list[float]
    during: list[float]


def weigh(fields):
    return "lb_as_set_weight", fields | {"weight": 50, "is_flush": False}


def others(vpp, vips):
    plain = Plain(vpp.socket)
    made = calls(vips)
    packed = plain.packed(made)
    plain_s = plain.make(made)
    plain.read()  # a simulated VPP counts buckets when it is asked for them first
    read_s = plain.read()
    weighed = [weigh(fields) for name, fields in made if name == "lb_add_del_as_v2"]
    some = weighed[:: max(1, len(weighed) // CHANGES)][:CHANGES]
    changes_s = [plain.make([one]) for one in some]
    dump = plain.packed([("lb_as_v2_dump", {}), ("control_ping", {})])
    mass = plain.packed(weighed[:MASS])
    packed_some, end_id = plain.packed(some), plain.end_id
    plain.close()
    ceiling, reader = Ceiling(vpp.socket), Ceiling(vpp.socket)
    during_s = [ceiling.change_during(reader, dump, end_id, one) for one in packed_some]
    mass_s = ceiling.make(mass)
    reader.close()
    ceiling.close()
    vpp.empty()
    ceiling = Ceiling(vpp.socket)
    ceiling_s = ceiling.make(packed)
    ceiling.close()
    vpp.empty()
    return Theirs(ceiling_s, mass_s, plain_s, read_s, changes_s, during_s)


def ours(where, vpp, vips):
    where.mkdir()
    rig = Rig(where, vpp.socket)
    rig.say(settings("wait", interval_s=3600.0), *vips)
    rig.start()
    try:
        names = [one.frontend for one in vips]
        rig.until(lambda: all(map(rig.programmed, names)), "all heard of")
        rig.syncs()
        rig.say(settings("full", revision=2, interval_s=3600.0))
        full_s = max(rig.until(rig.syncs, "the end of a sync", 120), key=added).duration_s
        for _ in range(2):
            rig.ask()
            (noop,) = rig.until(rig.syncs, "the end of a sync")
        mass_s = all_at_once(rig, vips)
        return Ours(
            full_s,
            noop.duration_s,
            mass_s,
            failovers(rig, vips),
            failovers(rig, vips, reading=True),
        )
    finally:
        rig.stop()


def all_at_once(rig, vips):
    """Return seconds until VPP has replied to a change of MASS ASes, decided at one moment."""
    some = vips[: MASS // len(vips[0].ases)]
    now_s = time.monotonic()
    changed = [reweighed(one, 50, len(one.ases), decided_at_s=now_s) for one in some]
    rig.say(*changed)
    rig.until(lambda: all(rig.programmed(one.frontend).failover_s for one in some), "changed")
    taken_s = max(rig.programmed(one.frontend).failover_s for one in some)
    rig.say(*vips)
    rig.until(lambda: rig.in_sync(*(one.frontend for one in vips)), "changed back")
    return taken_s


def reweighed(one, weight, count, **others):
    """Return a VIP with another weight for its first ASes."""
    ases = [
        DesiredAs(address=each.address, backend=each.backend, weight=weight)
        for each in one.ases[:count]
    ]
    return vip(one.frontend, *ases, *one.ases[count:], address=one.prefix[:-3], **others)


def added(sync):
    return sync.vip_added


def failovers(rig, vips, *, reading=False):
    """Return seconds from a decision to VPP's reply, of single changes one after the other."""
    taken = []
    for number in range(CHANGES):
        one = vips[number % len(vips)]
        before = rig.programmed(one.frontend)
        if reading:  # a sync of everything begins with its read, and then comes the change
            rig.node.ask("programmer", SYNC, 30.0, 10**6 + number)
            rig.turn()
        weight = 50 if before.ases[0].weight == 100 else 100
        rig.say(reweighed(one, weight, 1, decided_at_s=time.monotonic()))
        rig.until(lambda name=one.frontend, old=before: rig.programmed(name) != old, "changed")
        taken.append(rig.programmed(one.frontend).failover_s)
        if reading:
            rig.until(rig.syncs, "the end of a sync")
    return taken


def main():
    parser = argparse.ArgumentParser(prog="python -m bench.sync")
    parser.add_argument("--socket", help="of a real VPP")
    parser.add_argument("--as-call-us", type=float, default=50.0, help="of the simulated VPP")
    parser.add_argument("--vips", type=int, default=200)
    parser.add_argument("--ases", type=int, default=10)
    options = parser.parse_args()
    vips = wanted(options.vips, options.ases)
    number = options.vips * (options.ases + 1)
    rows = []
    with tempfile.TemporaryDirectory(prefix="maglev-bench-") as directory:
        where = Path(directory)
        with vpp_under_test(where, options) as vpp:
            for turn in range(ROUNDS):
                rows.append((others(vpp, vips), ours(where / str(turn), vpp, vips)))
                vpp.empty()
    report(options, number, rows)


def report(options, number, rows):
    theirs, mine = zip(*rows, strict=True)
    ceiling_s, plain_s = (
        min(getattr(one, name) for one in theirs) for name in ("ceiling", "plain")
    )
    print(f"{options.vips} VIPs x {options.ases} ASes, best of {ROUNDS}, {number} calls")
    print(f"{'full sync':34} {'seconds':>8} {'calls/s':>8} {'of ceiling':>10} {'x plain':>8}")
    for name, seconds in (
        ("ceiling: packed beforehand", ceiling_s),
        ("vpp_papi, synchronous", plain_s),
        ("programmer, with its read", min(one.full for one in mine)),
    ):
        rate, share = number / seconds, ceiling_s / seconds
        print(f"{name:34} {seconds:8.3f} {rate:8.0f} {share:10.2f} {plain_s / seconds:8.1f}")
    for title, name, base_s, taken_s in (
        (
            "no-op sync",
            "vpp_papi, its dumps",
            [one.read for one in theirs],
            [one.noop for one in mine],
        ),
        (
            f"{MASS} ASes at once",
            "ceiling",
            [one.ceiling_mass for one in theirs],
            [one.mass for one in mine],
        ),
    ):
        print(f"{title:34} {'seconds':>8} {'ratio':>8}")
        print(f"{name:34} {min(base_s):8.3f} {1:8.2f}")
        print(f"{'programmer':34} {min(taken_s):8.3f} {min(taken_s) / min(base_s):8.2f}")
    print(f"{'one AS':34} {'p50 ms':>8} {'p99 ms':>8} {'max ms':>8}")
    for name, who, what in (
        ("vpp_papi, one call", theirs, "changes"),
        ("programmer, decision to reply", mine, "changes"),
        ("packed call, during a dump", theirs, "during"),
        ("programmer, during a read", mine, "during"),
    ):
        taken = [seconds for one in who for seconds in getattr(one, what)]
        p99 = statistics.quantiles(taken, n=100)[98]
        told = (statistics.median(taken), p99, max(taken))
        print(f"{name:34} " + " ".join(f"{1000 * one:8.2f}" for one in told))
    rate, most = (number / seconds for seconds in (min(one.full for one in mine), ceiling_s))
    words = f"full sync of {options.vips} VIPs x {options.ases} ASes"
    beside(words, rate, most, "calls/s", "packed calls", at_least=CEILING_RATIO_MIN)
    mass_s, base_s = min(one.mass for one in mine), min(one.ceiling_mass for one in theirs)
    words = f"{MASS} ASes at once, programmer alone"
    beside(words, 1000 * mass_s, 1000 * base_s, "ms", "packed calls", at_most=MASS_RATIO_MAX)
    words = "decision to VPP's reply during a read, programmer alone, p99"
    within(words, 1000 * p99, FAILOVER_MS_P99_MAX, "ms")


if __name__ == "__main__":
    main()
