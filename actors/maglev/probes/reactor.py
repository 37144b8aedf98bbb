# SPDX-License-Identifier: Apache-2.0
"""The loop under all probes: one epoll, one heap of times, a cap on what is in flight.

A probe has one live entry in the heap, for its start or for its deadline.  A time that moves later
keeps its entry, which is moved when it comes up; so a round costs two sifts and leaves no litter.
Descriptors are edge-triggered and bounded in number per turn, and starts go before answers, so that
a flood of answers does not make starts late.  Look at `turn`.
"""

from __future__ import annotations

import resource
import select
from collections import deque
from collections.abc import Callable
from heapq import heapify, heappop, heappush, heapreplace
from time import monotonic
from typing import Protocol

from maglev.probes.lateness import Lateness
from maglev.probes.probe import (
    BOOKED,
    FLYING,
    IDLE,
    MARK_BYTES,
    NEVER_S,
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
_DESCRIPTORS_KEPT = 128  # for the bus, logs, namespaces and the interpreter
_LITTER_MIN = 256
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
        self._heap: list[tuple[float, int, Probe]] = []
        self._litter = 0  # entries of cancelled probes
        self._queue: deque[Probe] = deque()
        self._turned_at_s = monotonic()
        self._stall_at_s = 0.0
        self._stall_s = 0.0

    def close(self) -> None:
        """End all probes and give the epoll descriptor back."""
        for _, _, probe in list(self._heap):
            if probe.state == FLYING:
                self.cancel(probe)
        self._epoll.close()

    # --- bookings ---------------------------------------------------------------------------------

    def book(self, probe: Probe, due_s: float) -> None:
        """Have the next round begin at due_s (CLOCK_MONOTONIC); replaces an earlier booking."""
        assert probe.state in (IDLE, BOOKED), f"{probe.state=} {probe.mark=}"
        probe.state = BOOKED
        probe.when_s = due_s
        if due_s < probe.entry_s:
            if probe.entry_s != NEVER_S:
                self._litter += 1
                self._sweep()
            probe.entry_s = due_s
            heappush(self._heap, (due_s, probe.serial, probe))

    def cancel(self, probe: Probe) -> None:
        """End a probe: no result, no further round."""
        if probe.state == FLYING:
            self.in_flight -= 1
            probe.close(self)
        probe.state = IDLE
        probe.when_s = NEVER_S
        if probe.entry_s != NEVER_S:
            self._litter += 1
            self._sweep()

    def _sweep(self) -> None:
        """Take dead entries out of the heap once there are more of them than of live ones."""
        if self._litter < max(_LITTER_MIN, len(self._heap) // 2):
            return
        live = []
        for entry in self._heap:
            entry_s, _, probe = entry
            if entry_s == probe.entry_s and probe.state == IDLE:
                probe.entry_s = NEVER_S
            elif entry_s == probe.entry_s:
                live.append(entry)
        heapify(live)
        self._heap[:] = live
        self._litter = 0

    def next_s(self) -> float:
        """Return when the reactor has something to do even if no descriptor gets ready."""
        return self._heap[0][0] if self._heap else NEVER_S

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
        if self._heap:
            wait_s = min(wait_s, self._heap[0][0] - before_s)
        wait_s = max(wait_s, 0.0)
        events = self._epoll.poll(wait_s, _EVENTS_PER_TURN)
        now_s = monotonic()
        if now_s - before_s > wait_s + STALL_S or before_s - self._turned_at_s > STALL_S:
            self._stall(now_s, now_s - self._turned_at_s)
        self._turned_at_s = now_s
        self._begin(now_s)
        handlers, marker = self._handlers, self._marker
        for descriptor, ready in events:
            handler = handlers.get(descriptor)
            if handler is None:
                continue  # closed earlier in this turn
            marker[_WHOLE_MARK] = handler.mark
            result = handler.ready(ready)
            if result is not None:
                assert isinstance(handler, Probe), f"{handler=} {result=}"
                self.finish(handler, result)
        marker[_WHOLE_MARK] = _NO_MARK

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
        heap, queue = self._heap, self._queue
        while queue and self.in_flight < self.in_flight_max:
            probe = queue.popleft()
            if probe.state == QUEUED:
                self._start(probe)
        left = _STARTS_PER_TURN
        while heap and left:
            entry_s, serial, probe = heap[0]
            if entry_s > until_s:
                break
            if entry_s != probe.entry_s:  # booked for earlier meanwhile
                heappop(heap)
                self._litter -= 1
            elif probe.state != IDLE and probe.when_s > entry_s:  # for later
                probe.entry_s = probe.when_s
                heapreplace(heap, (probe.when_s, serial, probe))
            else:
                heappop(heap)
                probe.entry_s = NEVER_S
                left -= 1
                self._due(probe)

    def _due(self, probe: Probe) -> None:
        """The time of a probe has come: its start, or its deadline."""
        if probe.state == FLYING:
            self._expire(probe)
        elif probe.state == BOOKED and self.in_flight < self.in_flight_max:
            self._start(probe)
        elif probe.state == BOOKED:
            probe.state = QUEUED
            self._queue.append(probe)

    def _start(self, probe: Probe) -> None:
        now_s = monotonic()
        self.lateness.add(now_s - probe.when_s)
        probe.started_s = now_s
        probe.state = FLYING
        self.in_flight += 1
        self._deadline(probe, now_s + probe.timeout_s)
        if self.started is not None:
            self.started(probe)
        result = self.fault or probe.start(self)
        if result is not None:
            self.finish(probe, result)

    def _deadline(self, probe: Probe, when_s: float) -> None:
        probe.when_s = probe.entry_s = when_s
        heappush(self._heap, (when_s, probe.serial, probe))

    def _expire(self, probe: Probe) -> None:
        """The deadline of a round has come; what we did not do in time is not held against it."""
        stood_still = probe.started_s < self._stall_at_s
        if stood_still and probe.when_s == probe.started_s + probe.timeout_s:
            self._deadline(probe, probe.when_s + self._stall_s)
            return
        self.handling(probe)
        # An answer may be here already, behind others in this turn.
        self.finish(probe, probe.ready(select.EPOLLIN) or probe.timed_out())
        self._marker[_WHOLE_MARK] = _NO_MARK
