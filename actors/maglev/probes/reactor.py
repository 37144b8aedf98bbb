# SPDX-License-Identifier: Apache-2.0
"""The loop under all probes: one epoll, one calendar, a cap on what is in flight.

Descriptors are edge-triggered, the work of a turn is bounded, and starts go before answers, so that
a flood of answers does not make starts late.  The times of a probe are in the probe, its bookings
in the calendar; look at `turn`.
"""

from __future__ import annotations

import resource
import select
from collections import deque
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Protocol

from maglev.probes.calendar import Calendar
from maglev.probes.lateness import Lateness
from maglev.probes.probe import (
    BOOKED,
    FLYING,
    IDLE,
    MARK_BYTES,
    QUEUED,
    Handler,
    Probe,
)
from maglev.probes.result import Result

STALL_S = 0.05
"""A loop that stands still for longer has been stopped; what is in flight gets that time back."""

IN_FLIGHT_MAX = 16_384

_EVENTS_PER_TURN = 32
_STARTS_PER_TURN = 32
_EVENTS_S_MAX = 0.002  # TLS handshakes may take a millisecond each
_DESCRIPTORS_KEPT = 128  # for the bus, logs, namespaces and the interpreter
_WHOLE_MARK = slice(0, MARK_BYTES)
_NO_MARK = bytes(MARK_BYTES)
STREAM_EVENTS = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET


class Finished(Protocol):
    """Told of each result; books the next round if there shall be one."""

    def __call__(self, probe: Probe, result: Result, now_s: float) -> None:
        """Take the result of a round that began at probe.started_s (CLOCK_MONOTONIC)."""


def in_flight_cap() -> int:
    """Return how many probes may be in flight under the limit of open files."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return IN_FLIGHT_MAX
    return max(1, min(IN_FLIGHT_MAX, soft - _DESCRIPTORS_KEPT))


class Reactor:
    """Probes backends on time and tells each result; the caller turns it."""

    def __init__(
        self,
        finished: Finished,
        *,
        in_flight_max: int | None = None,
        stalled: Callable[[float], None] | None = None,
        marker: memoryview | None = None,
    ) -> None:
        """Take who is told of results and of stalls (seconds stood still).

        `marker` (MARK_BYTES long) always holds the name of the probe whose answer is being handled.
        """
        self.started: Callable[[Probe], None] | None = None
        self.fault: Result | None = None  # why no probe can be made at all, while that is so
        self.in_flight = 0
        self.in_flight_max = in_flight_max or in_flight_cap()
        self.probes_total = 0
        self.lateness = Lateness()
        self._finished = finished
        self._stalled = stalled
        self._marker = memoryview(bytearray(MARK_BYTES)) if marker is None else marker
        self._epoll = select.epoll()
        self._handlers: dict[int, Handler] = {}
        self._calendar = Calendar()
        self._ready: Iterator[tuple[int, int]] | None = None  # events of the turn before
        self._due: list[Probe] = []  # their time has come, and they were not looked at yet
        self._queue: deque[Probe] = deque()  # to be started as soon as there is a place
        self._turned_at_s = monotonic()
        self._stall_at_s = 0.0
        self._stall_s = 0.0

    def close(self) -> None:
        """End all probes and give the epoll descriptor back."""
        for probe in [one for one in self._handlers.values() if isinstance(one, Probe)]:
            self.cancel(probe)
        self._epoll.close()

    # --- bookings ---------------------------------------------------------------------------------

    def book(self, probe: Probe, due_s: float) -> None:
        """Have the next round begin at due_s (CLOCK_MONOTONIC); replaces an earlier booking."""
        assert probe.state in (IDLE, BOOKED), f"{probe.state=} {probe.mark=}"
        probe.state = BOOKED
        probe.when_s = due_s
        self._calendar.put(probe, due_s)

    def cancel(self, probe: Probe) -> None:
        """End a probe: no result, no further round."""
        if probe.state == FLYING:
            self.in_flight -= 1
            probe.close(self)
        probe.state = IDLE
        self._calendar.drop(probe)

    # --- descriptors ------------------------------------------------------------------------------

    def watch(self, descriptor: int, handler: Handler, events: int = STREAM_EVENTS) -> None:
        """Tell the handler when the descriptor gets ready; OSError if the kernel refuses."""
        self._epoll.register(descriptor, events)
        self._handlers[descriptor] = handler

    def forget(self, descriptor: int) -> None:
        """Stop watching; to be closed next, which takes the descriptor out of the epoll set."""
        self._handlers.pop(descriptor, None)

    # --- the loop ---------------------------------------------------------------------------------

    def turn(self, wait_s: float) -> None:
        """Wait up to wait_s seconds, less if a probe is due; do what is to be done, in bounds."""
        before_s = monotonic()
        next_s = before_s if self._due or self._ready else self._calendar.next_s()
        if wait_s > next_s - before_s:
            wait_s = next_s - before_s
        if wait_s < 0.0:
            wait_s = 0.0
        ready = self._ready or iter(self._epoll.poll(wait_s, _EVENTS_PER_TURN))
        now_s = monotonic()
        if now_s - before_s > wait_s + STALL_S or before_s - self._turned_at_s > STALL_S:
            self._stall(now_s, now_s - self._turned_at_s)
        self._turned_at_s = now_s
        self._begin(now_s)
        self._ready = ready if self._handle(ready, monotonic() + _EVENTS_S_MAX) else None
        self._marker[_WHOLE_MARK] = _NO_MARK

    def _handle(self, ready: Iterator[tuple[int, int]], until_s: float) -> bool:
        """Have descriptors handled; return whether some are left because they took too long."""
        handlers, marker = self._handlers, self._marker
        for descriptor, events in ready:
            handler = handlers.get(descriptor)
            if handler is None:
                continue  # closed since
            marker[_WHOLE_MARK] = handler.mark
            result = handler.ready(events)
            if result is not None:
                assert isinstance(handler, Probe), f"{handler=} {result=}"
                self.finish(handler, result)
            if monotonic() > until_s:
                return True
        return False

    def _stall(self, now_s: float, stood_s: float) -> None:
        self._stall_at_s, self._stall_s = now_s, stood_s
        if self._stalled is not None:
            self._stalled(stood_s)

    def finish(self, probe: Probe, result: Result) -> None:
        """End a round and tell its result."""
        assert probe.state == FLYING, f"{probe.state=} {probe.mark=}"
        probe.close(self)
        probe.state = IDLE
        self.in_flight -= 1
        self.probes_total += 1
        self._finished(probe, result, monotonic())

    def handling(self, probe: Probe) -> None:
        """Note that an answer for this probe is handled from now on, to the end of the turn."""
        self._marker[_WHOLE_MARK] = probe.mark

    def _begin(self, until_s: float) -> None:
        """Start what is due and end what has run out of time by until_s, up to a bound.

        The time of this turn counts, not the present: should the process be stopped right here, no
        deadline passes before the stall is known.
        """
        queue = self._queue
        while queue and self.in_flight < self.in_flight_max:
            probe = queue.popleft()
            if probe.state == QUEUED:
                self._start(probe)
        for _ in range(_STARTS_PER_TURN):
            if not self._due:
                self._due = self._calendar.take(until_s)
                if not self._due:
                    break
            probe = self._due.pop()
            if probe.state == IDLE:
                continue  # cancelled since
            if probe.when_s > until_s:
                self._calendar.put(probe, probe.when_s)
            elif probe.state == FLYING:
                self._expire(probe)
            elif self.in_flight < self.in_flight_max:
                self._start(probe)
            else:
                probe.state = QUEUED
                queue.append(probe)

    def _start(self, probe: Probe) -> None:
        now_s = monotonic()
        self.lateness.add(now_s - probe.when_s)
        probe.started_s = now_s
        probe.when_s = now_s + probe.timeout_s
        probe.state = FLYING
        self.in_flight += 1
        self._calendar.put(probe, probe.when_s)
        if self.started is not None:
            self.started(probe)
        result = self.fault or probe.start(self)
        if result is not None:
            self.finish(probe, result)

    def _expire(self, probe: Probe) -> None:
        """The deadline of a round has come; what we did not do in time is not held against it."""
        stood_still = probe.started_s < self._stall_at_s
        if stood_still and probe.when_s == probe.started_s + probe.timeout_s:
            probe.when_s += self._stall_s
            self._calendar.put(probe, probe.when_s)
            return
        self.handling(probe)
        # An answer may be here already, behind others in this turn.
        self.finish(probe, probe.ready(select.EPOLLIN) or probe.timed_out())
        self._marker[_WHOLE_MARK] = _NO_MARK
