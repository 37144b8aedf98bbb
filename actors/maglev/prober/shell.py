# SPDX-License-Identifier: Apache-2.0
"""The loop of a prober: the reactor's epoll, with the bus inside.

A turn of the reactor is bounded, then the bus gets its turn if there is something to hear or to
say, so neither a flood of answers nor one of messages makes the other wait.  Verdicts leave at the
end of the turn that made them.  Look at `run` for the order and at `_finished` for the path that
every probe takes.
"""

from __future__ import annotations

import gc
import select
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from random import random

from maglev.actor import Effect
from maglev.core.schedule import first_wait_s, wait_s
from maglev.core.timers import Timers
from maglev.log import Log
from maglev.messages import ProbeFinished, ProbeStarted
from maglev.prober.actor import Prober
from maglev.prober.marker import Marker
from maglev.prober.state import (
    Backend,
    BeginProbing,
    EndProbing,
    EnterNetns,
    First,
    NetnsEntered,
    PaceMeasured,
    Stopped,
)
from maglev.probes.factory import BadCheck, Factory
from maglev.probes.netns import Netns
from maglev.probes.probe import Probe, mark_of
from maglev.probes.reactor import Reactor
from maglev.probes.result import Result
from maglev.runtime import Runtime

SOON_SPACING_S = 0.0001
"""Rounds that are to begin at once begin this far apart."""

_BEGUN_PER_TURN = 16
_BEGUN_MANY = 1000
_STOPS = (signal.SIGTERM, signal.SIGINT)


class Doorbell:
    """Notes that a descriptor is readable; whoever owns it looks when its turn has come."""

    def __init__(self) -> None:
        """Begin as not rung."""
        self.mark = mark_of("")
        self.rung = False

    def ready(self, events: int) -> Result | None:
        """Note it."""
        self.rung = True
        return None


class Shell:
    """Carries out what the actor decides."""

    def __init__(self, actor: Prober, timers: Timers, marker: Marker, log: Log) -> None:
        """Take the actor; `runtime` is to be set before `run`."""
        self.runtime: Runtime
        self._actor = actor
        self._timers = timers
        self._marker = marker
        self._log = log
        self._reactor = Reactor(self._finished, stalled=self._stalled, marker=marker.name)
        self._factory = Factory()
        self._netns = Netns()
        self._netns_error = ""
        self._entered_at_s = 0.0
        self._dark = False  # in a namespace made anew, from which nothing was reached yet
        self._probes: dict[str, Probe] = {}
        self._to_begin: dict[str, BeginProbing] = {}  # probes to be made, a few per turn
        self._begun = 0  # since the garbage collector last put aside what will stay
        self._soon_s = 0.0
        self._second_s = 0.0  # when to look at the clock of seconds next
        self._news = False  # something was published since the last turn of the bus
        self._watched = False  # somebody wants to hear of single probes

    # --- effects ----------------------------------------------------------------------------------

    def perform(self, effect: Effect) -> None:
        """Carry out one effect of the actor."""
        match effect:
            case BeginProbing(backend, _):
                self._end(backend.name)
                self._to_begin[backend.name] = effect
            case EndProbing(name):
                self._end(name)
            case EnterNetns(name):
                self._enter(name)
            case _:
                raise AssertionError(f"an effect nobody performs: {effect}")

    def _end(self, name: str) -> None:
        self._to_begin.pop(name, None)
        probe = self._probes.pop(name, None)
        if probe is not None:
            self._reactor.cancel(probe)

    def _begin_some(self) -> None:
        """Make some of the probes that are to begin; each takes tens of microseconds."""
        for name in list(self._to_begin)[:_BEGUN_PER_TURN]:
            begin = self._to_begin.pop(name)
            self._begin(begin.backend, begin.first)
            self._begun += 1
        if not self._to_begin and self._begun >= _BEGUN_MANY:
            # What lives as long as an assignment need not be looked at by every collection.
            self._begun = 0
            gc.collect()
            gc.freeze()

    def _begin(self, backend: Backend, first: First) -> None:
        now_s = time.monotonic()
        try:
            probe = self._factory.make(backend.name, backend.address, backend.check, backend)
        except BadCheck as error:
            result = Result(None, "", str(error))
            if self._actor.finished(backend, result, 0.0, now_s, time.time_ns()):
                self._say(backend)
            return
        self._probes[backend.name] = probe
        due_s = now_s + first_wait_s(backend.check, backend.health, random())
        if first == "soon":
            due_s = self._soon_s = max(now_s, self._soon_s + SOON_SPACING_S)
        elif first == "late":
            due_s += self._timers.silent_s
        self._reactor.book(probe, due_s)

    def _enter(self, name: str) -> None:
        """Make all further sockets in a namespace; while that fails every probe is a fault."""
        error = self._netns.enter(name)
        self._entered_at_s = time.monotonic()
        self._reactor.fault = Result(None, "", error) if error else None
        self._factory.pings.renew()
        if not error or error != self._netns_error:
            self.runtime.feed(NetnsEntered(name, error))
            self._news = True
        self._netns_error = error

    # --- results ----------------------------------------------------------------------------------

    def _finished(self, probe: Probe, result: Result, now_s: float) -> None:
        """Count a result, book the next round, say what is new."""
        backend: Backend = probe.owner
        if self._dark and result.passed and probe.started_s >= self._entered_at_s:
            self._dark = False
        if result.passed is False and (self._netns.name or self._entered_at_s):
            result = self._doubted(probe, result)
        duration_s = now_s - probe.started_s
        if self._actor.finished(backend, result, duration_s, now_s, time.time_ns()):
            self._say(backend)
        self._reactor.book(probe, now_s + wait_s(backend.check, backend.health, random()))
        if self._watched:
            self._tell(backend, result, duration_s)

    def _doubted(self, probe: Probe, result: Result) -> Result:
        """Return a failure, or a fault if the namespace it was seen from is not the one it was."""
        name = self._netns.name
        if not self._netns.intact():
            return Result(None, "", f'netns "{name}" is gone or was made anew')
        if probe.started_s < self._entered_at_s:
            return Result(None, "", f'netns "{name}" was entered while the probe was under way')
        if self._dark:
            # Whoever made it anew may still have to make its interfaces.
            return Result(
                None, "", f'netns "{name}" was made anew, nothing was reached from it yet'
            )
        return result

    def _say(self, backend: Backend) -> None:
        self.runtime.node.publish(backend.verdict(self._actor.name))
        self._news = True

    # --- for whoever watches single probes --------------------------------------------------------

    def _watch(self) -> None:
        node = self.runtime.node
        self._watched = node.listened(ProbeFinished) or node.listened(ProbeStarted)
        self._reactor.started = self._tell_start if self._watched else None

    def _tell_start(self, probe: Probe) -> None:
        name, now_ns = probe.owner.name, time.time_ns()
        self.runtime.node.publish(ProbeStarted(backend=name, prober=self._actor.name, at_ns=now_ns))
        self._log.write("debug", "probe-start", {"backend": name}, now_ns)
        self._news = True

    def _tell(self, backend: Backend, result: Result, duration_s: float) -> None:
        now_ns = time.time_ns()
        self.runtime.node.publish(
            ProbeFinished(
                backend=backend.name,
                prober=self._actor.name,
                ok=result.passed is True,
                code=result.code,
                detail=result.detail,
                duration_s=duration_s,
                at_ns=now_ns,
            )
        )
        fields: dict[str, object] = {
            "backend": backend.name,
            "code": result.code,
            "detail": result.detail,
            "duration_ms": round(duration_s * 1000, 3),
        }
        self._log.write("debug", "probe-done", fields, now_ns)
        self._news = True

    # --- the loop ---------------------------------------------------------------------------------

    def run(self) -> None:
        """Probe until SIGTERM or SIGINT."""
        reactor, runtime = self._reactor, self.runtime
        bus = Doorbell()
        reactor.watch(runtime.fileno(), bus, select.EPOLLIN)
        with _ringing_on_signals(reactor) as stop:
            runtime.start()
            due_s = 0.0
            while not stop.rung:
                now_s = time.monotonic()
                if now_s >= self._second_s:
                    self._look(now_s)
                ahead_s = min(due_s, self._second_s) - now_s
                reactor.turn(0.0 if self._to_begin or self._news else ahead_s)
                if self._to_begin:
                    self._begin_some()
                if bus.rung or self._news or time.monotonic() >= due_s:
                    bus.rung = self._news = False
                    due_s = runtime.turn()
                    self._watch()

    def _look(self, now_s: float) -> None:
        """Once a second: tell how it goes, and see whether the namespace is still there."""
        self._second_s = now_s + self._timers.heartbeat_s
        self._marker.alive(time.time_ns())
        if not self._netns.intact():
            self._enter(self._netns.name)
            self._dark = True
        late = self._reactor.lateness.summary()
        self.runtime.feed(
            PaceMeasured(
                in_flight=self._reactor.in_flight,
                probes_total=self._reactor.probes_total,
                lateness_ms_p50=late.ms_p50,
                lateness_ms_p99=late.ms_p99,
                lateness_ms_max=late.ms_max,
                starts_total=late.starts_total,
                lateness_s_total=late.s_total,
            )
        )
        self._news = True

    def _stalled(self, stood_s: float) -> None:
        """Tell the actor of a stop that is longer than the aggregator waits for us."""
        if stood_s > self._timers.stopped_s:
            self.runtime.feed(Stopped(stood_s))
            self._news = True

    def close(self) -> None:
        """End all rounds and give back what they held."""
        self._factory.pings.renew()
        self._reactor.close()
        self._netns.close()
        self._marker.clear()


@contextmanager
def _ringing_on_signals(reactor: Reactor) -> Iterator[Doorbell]:
    """Ring a doorbell on SIGTERM and SIGINT: epoll goes on waiting after a handler has run."""
    bell = Doorbell()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setblocking(False)
        reactor.watch(ours.fileno(), bell, select.EPOLLIN)
        before = {number: signal.signal(number, _noted) for number in _STOPS}
        wakeup = signal.set_wakeup_fd(theirs.fileno())
        try:
            yield bell
        finally:
            signal.set_wakeup_fd(wakeup)
            for number, handler in before.items():
                signal.signal(number, handler)
            reactor.forget(ours.fileno())


def _noted(number: int, frame: object) -> None:
    """Let the wakeup descriptor do what is to be done about a signal."""
