# SPDX-License-Identifier: Apache-2.0
"""A probe that does as it is told, and a reactor for it that notes everything."""

from __future__ import annotations

import select
import socket
import time
from typing import Any

from maglev.probes.calendar import SLOTS_PER_S
from maglev.probes.probe import Probe
from maglev.probes.reactor import Reactor
from maglev.probes.result import Result

PASSED = Result(True, "T", "told to")
LATE = Result(False, "TOUT", "late")


class Puppet(Probe):
    """A probe on a socket pair: passes when told to, fails when its time is up."""

    __slots__ = ("closed", "far", "near", "readied", "started")

    def __init__(self, name: str = "b", timeout_s: float = 60.0, owner: Any = None) -> None:
        super().__init__(name, timeout_s, owner)
        self.started = self.readied = self.closed = 0
        self.near: socket.socket | None = None
        self.far: socket.socket | None = None

    def start(self, reactor: Reactor) -> Result | None:
        """Open a pair."""
        self.started += 1
        self.near, self.far = socket.socketpair()
        reactor.watch(self.near.fileno(), self)
        return None

    def ready(self, events: int) -> Result | None:
        """Pass if something was said."""
        self.readied += 1
        assert self.near is not None
        said = select.select([self.near], [], [], 0)[0]
        return PASSED if said else None

    def timed_out(self) -> Result:
        """Fail."""
        return LATE

    def close(self, reactor: Reactor) -> None:
        """Close the pair."""
        self.closed += 1
        if self.near is not None:
            assert self.far is not None
            reactor.forget(self.near.fileno())
            self.near.close()
            self.far.close()
            self.near = None

    def tell(self) -> None:
        """Make it pass."""
        assert self.far is not None
        self.far.send(b"x")


class Bed:
    """A reactor with everything it told."""

    def __init__(self, **args: Any) -> None:
        self.told: list[tuple[Probe, Result]] = []
        self.stalls: list[float] = []
        self.reactor = Reactor(self.finished, stalled=self.stalls.append, **args)

    def finished(self, probe: Probe, result: Result, now_s: float) -> None:
        """Note a result."""
        self.told.append((probe, result))

    def book(self, probe: Probe, in_s: float = -1 / SLOTS_PER_S) -> Probe:
        """Book a probe from now; by default so that the next turn starts it."""
        self.reactor.book(probe, time.monotonic() + in_s)
        return probe

    def turn(self, times: int = 1) -> None:
        """Turn without waiting."""
        for _ in range(times):
            self.reactor.turn(0.0)

    def until_told(self, count: int) -> list[Result]:
        """Turn until so many results were told; return them."""
        give_up_s = time.monotonic() + 20
        while len(self.told) < count:
            assert time.monotonic() < give_up_s, f"{len(self.told)} of {count}"
            self.reactor.turn(0.05)
        return [result for _, result in self.told]
