# SPDX-License-Identifier: Apache-2.0
"""One round of a probe, from booking to result, on a reactor of its own."""

from __future__ import annotations

import time
from typing import Any

from maglev.messages import Check
from maglev.probes.factory import Factory
from maglev.probes.probe import Probe
from maglev.probes.reactor import Reactor
from maglev.probes.result import Result

GIVE_UP_S = 30.0


def check(kind: Any, port: int = 0, **others: Any) -> Check:
    """Return a check with a deadline that no sane answer on loopback misses."""
    others.setdefault("timeout_s", 5.0)
    return Check(name="test", type=kind, port=port, **others)


def outcome(check: Check, address: str = "127.0.0.1") -> Result:
    """Return how one round ends."""
    return timed_outcome(check, address)[0]


def timed_outcome(check: Check, address: str = "127.0.0.1") -> tuple[Result, float]:
    """Return how one round ends, and after how many seconds."""
    return outcomes(check, [address])[0]


def outcomes(check: Check, addresses: list[str], **reactor_args: Any) -> list[tuple[Result, float]]:
    """Return how a round per address ends, in the order of the addresses."""
    found: dict[int, tuple[Result, float]] = {}

    def finished(probe: Probe, result: Result, now_s: float) -> None:
        found[probe.owner] = result, now_s - probe.started_s

    reactor = Reactor(finished, **reactor_args)
    factory = Factory()
    for index, address in enumerate(addresses):
        reactor.book(factory.make(f"b{index}", address, check, index), time.monotonic())
    give_up_s = time.monotonic() + GIVE_UP_S
    while len(found) < len(addresses):
        assert time.monotonic() < give_up_s, f"{len(found)} of {len(addresses)} results"
        reactor.turn(0.05)
    factory.pings.renew()
    reactor.close()
    return [found[index] for index in range(len(addresses))]
