# SPDX-License-Identifier: Apache-2.0
"""A prober to talk to: a clock, words for what it is told and for what it wants done."""

from __future__ import annotations

from typing import Any

from maglev.actor import Effect, Event, Heard, Instant, Publish, Synced, WakeAt, Woke
from maglev.core.timers import Timers
from maglev.messages import Assignment, Check, Verdict
from maglev.prober.actor import Prober
from maglev.prober.state import BeginProbing, EndProbing, EnterNetns
from maglev.probes.result import Result

ME = "prober-0"
CHECK = Check(name="c", type="http", port=80, rise=2, fall=3)
PASSED = Result(True, "L7OK", "HTTP 200")
FAILED = Result(False, "L7STS", "HTTP 503")
FAULT = Result(None, "", "open a socket: too many open files")


class Story:
    """A prober and a clock."""

    def __init__(self, **args: Any) -> None:
        self.timers = Timers()
        self.prober = Prober(ME, self.timers, **args)
        self.now_s = 1000.0
        self.begun = self.prober.start(self.now())

    def now(self) -> Instant:
        """Return the present."""
        return Instant(self.now_s, int(self.now_s * 1e9) + 10**18)

    def tell(self, event: Event) -> list[Effect]:
        """Hand the prober an event; return what it wants done, but for wakes."""
        effects = self.prober.handle(event, self.now())
        return [effect for effect in effects if not isinstance(effect, WakeAt)]

    def assign(self, backend: str = "web1", **others: Any) -> list[Effect]:
        """Hear an assignment."""
        return self.tell(Heard("aggregator", assignment(backend, **others)))

    def synced(self, *messages: Assignment, epoch: int = 1) -> list[Effect]:
        """Hear the aggregator's whole word."""
        return self.tell(Synced("aggregator", epoch, messages))

    def result(self, result: Result, backend: str = "web1") -> Verdict | None:
        """Have a round end now; return what is said about it."""
        found = self.prober.state.backends[backend]
        at = self.now()
        if self.prober.finished(found, result, 0.01, at.mono_s, at.unix_ns):
            return found.verdict(ME)
        return None

    def wake(self) -> list[Effect]:
        """Let seen_s pass."""
        self.now_s += self.timers.seen_s
        return self.tell(Woke())


def assignment(backend: str = "web1", **others: Any) -> Assignment:
    """Return an assignment to this prober of a backend nothing is known of."""
    plain = {
        "prober": ME,
        "generation": 1,
        "address": "192.0.2.1",
        "check": CHECK,
        "state": "unknown",
        "counter": 1,
        "changes": 0,
    }
    return Assignment(backend=backend, **(plain | others))


def said(effects: list[Effect]) -> list[object]:
    """Return the messages among effects."""
    return [effect.message for effect in effects if isinstance(effect, Publish)]


def done(effects: list[Effect]) -> list[tuple[str, str]]:
    """Return what becomes of the probing: begin (spread, soon or late), end, enter."""
    found = []
    for effect in effects:
        match effect:
            case BeginProbing(backend, first):
                found.append((first, backend.name))
            case EndProbing(backend):
                found.append(("end", backend))
            case EnterNetns(name):
                found.append(("enter", name))
    return found


def verdicts(effects: list[Effect]) -> list[tuple[str, str, int, int]]:
    """Return (backend, state, counter, generation) of each verdict said."""
    return [
        (one.backend, one.state, one.counter, one.generation)
        for one in said(effects)
        if isinstance(one, Verdict)
    ]
