# SPDX-License-Identifier: Apache-2.0
"""A prober: probes the backends assigned to it and keeps a rise/fall counter of each.

Owns: the verdict on each backend assigned to it, with its counter; the counts of its own probes.
Hears: Assignment, AssignmentEnded of the aggregator.
Says: ProberPresent, Verdict, VerdictWithdrawn, ProberPace, ProbesSeen, ProbeTotals; ProbeStarted
    and ProbeFinished while somebody listens.
Answers: nothing.
Crash: its verdicts stand, stale; restarted it says which backend's answer it was handling, and the
    aggregator hands each backend over with its counter, to this prober or to another.

The shell asks `finished` about each result directly and not by an event: that is the path of every
probe.  Without an aggregator a prober goes on with what it has.  Look at `_assigned` for whose
knowledge counts when an assignment comes for a backend that is being probed already.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from maglev.actor import (
    Effect,
    Event,
    Found,
    Heard,
    Instant,
    Log,
    Lost,
    Publish,
    Synced,
    WakeAt,
    Woke,
)
from maglev.core import health
from maglev.core.health import Health
from maglev.core.timers import Timers
from maglev.messages import (
    Assignment,
    AssignmentEnded,
    Check,
    Message,
    ProbeFinished,
    ProberPace,
    ProberPresent,
    ProbesSeen,
    ProbeStarted,
    ProbeTotals,
    Request,
    Verdict,
    VerdictWithdrawn,
)
from maglev.prober.state import (
    Backend,
    BeginProbing,
    EndProbing,
    EnterNetns,
    First,
    NetnsEntered,
    PaceMeasured,
    State,
    Stopped,
)
from maglev.prober.totals import Totals
from maglev.probes.result import Result

NAMES_PER_MESSAGE = 1000


class Prober:
    """The actor; all that it knows is in `state`."""

    hears: ClassVar[tuple[type[Message], ...]] = (Assignment, AssignmentEnded)
    says: ClassVar[tuple[type[Message], ...]] = (
        ProberPresent,
        Verdict,
        VerdictWithdrawn,
        ProberPace,
        ProbesSeen,
        ProbeTotals,
        ProbeStarted,
        ProbeFinished,
    )
    answers: ClassVar[tuple[type[Request], ...]] = ()

    def __init__(
        self, name: str, timers: Timers, suspect: str = "", suspect_at_ns: int = 0
    ) -> None:
        """Take a name on the bus, and what the last process of this name was doing at its end."""
        self.name = name
        self.state = State(Totals(timers))
        self._timers = timers
        self._suspect = suspect
        self._suspect_at_ns = suspect_at_ns

    def start(self, now: Instant) -> Sequence[Effect]:
        """Say that we are ready."""
        self.state.totals.since_ns = now.unix_ns
        return [self._present(now), WakeAt(now.mono_s)]

    def handle(self, event: Event, now: Instant) -> Sequence[Effect]:
        """Follow the aggregator, and say once in a while how it goes."""
        match event:
            case Heard(_, Assignment() as assignment):
                return self._assigned(assignment, now)
            case Heard(_, AssignmentEnded(backend=backend)):
                return self._ended(backend)
            case Synced(_, _, messages):
                return self._synced(messages, now)
            case Woke():
                return self._woke(now)
            case PaceMeasured():
                return [Publish(self._pace(event))]
            case Stopped(stood_s):
                return self._stopped(stood_s, now)
            case NetnsEntered(name, error):
                fields: dict[str, object] = {"netns": name}
                if error:
                    return [Log("warn", "netns-failed", fields | {"error": error})]
                return [Log("info", "netns-entered", fields)]
            case Lost() | Found():
                return []  # we go on with what we have
            case _:
                raise AssertionError(f"an event nobody sends here: {event}")

    def finished(
        self, backend: Backend, result: Result, duration_s: float, now_s: float, now_ns: int
    ) -> bool:
        """Count the result of a round; return whether there is something new to say."""
        state, check = self.state, backend.check
        state.seen.append(backend.name)
        backend.tally.add(result.code, duration_s)
        before = backend.health
        after = before
        if result.passed is not None:
            after = health.after(before, result.passed, check.rise, check.fall)
        if after is before and (result is backend.last or result == backend.last):
            return False
        backend.health = after
        backend.last = result
        backend.duration_s = duration_s
        backend.at_ns = now_ns
        if result.passed is None:
            backend.fault = result.detail
        else:
            backend.fault = ""
            backend.code, backend.detail = result.code, result.detail
            backend.decided_at_s = now_s
        return True

    # --- assignments ------------------------------------------------------------------------------

    def _assigned(self, said: Assignment, now: Instant) -> list[Effect]:
        """Probe, go on probing, or stop.

        Each assignment has a generation of its own, so one with the last one's is only said again.
        """
        state = self.state
        if state.unconfirmed:
            state.unconfirmed.discard(said.backend)
            state.confirm_until_s = min(state.confirm_until_s, now.mono_s + self._timers.refresh_s)
        if state.generations.get(said.backend) == said.generation:
            return []
        state.generations[said.backend] = said.generation
        if said.prober != self.name or said.check is None:
            return self._end(said.backend)
        effects: list[Effect] = []
        if said.netns != state.netns:
            state.netns = said.netns
            effects.append(EnterNetns(said.netns))
        known = state.backends.get(said.backend)
        if known is None:
            # The last process died of it.  Should this one, too, that must have been told before.
            first: First = "late" if said.backend == self._suspect else "spread"
            return [*effects, *self._begin(said, said.check, first)]
        if known.address != said.address:
            return [*effects, *self._begin(said, said.check, "soon")]
        return [*effects, *self._continued(known, said, said.check)]

    def _begin(self, said: Assignment, check: Check, first: First) -> list[Effect]:
        """Probe a backend as it was handed over."""
        fresh = Backend(
            name=said.backend,
            generation=said.generation,
            address=said.address,
            check=check,
            health=Health(said.state, said.counter, said.changes),
            tally=self.state.totals.tally(said.backend, check.type),
        )
        self.state.backends[said.backend] = fresh
        return [BeginProbing(fresh, first), Publish(fresh.verdict(self.name))]

    def _continued(self, known: Backend, said: Assignment, check: Check) -> list[Effect]:
        """Take a new generation, and what is new in it, for a backend that is being probed.

        `changes` tells whose state is the later one.  At the same number a differing state is the
        aggregator's will (an operator resumed the backend); else our counter is the later one.
        """
        own = known.health
        theirs = Health(said.state, said.counter, said.changes)
        overruled = (own.changes, own.state) != (theirs.changes, theirs.state) and (
            own.changes <= theirs.changes
        )
        if overruled:
            return self._begin(said, check, "soon")
        old, known.check = known.check, check
        known.generation = said.generation
        if old.type != check.type:
            self._count_elsewhere(known)
        if (old.rise, old.fall) != (check.rise, check.fall):
            known.health = health.adopted(own.state, check.rise, check.fall, own.changes)
        said_again = Publish(known.verdict(self.name))
        return [said_again] if old == check else [said_again, BeginProbing(known, "soon")]

    def _count_elsewhere(self, known: Backend) -> None:
        """Count a backend's probes under another type of check from now on."""
        totals = self.state.totals
        totals.probed[known.tally] = None
        known.tally = totals.tally(known.name, known.check.type)

    def _ended(self, backend: str) -> list[Effect]:
        self.state.generations.pop(backend, None)
        self.state.unconfirmed.discard(backend)
        self.state.totals.forget(backend)
        return self._end(backend)

    def _end(self, backend: str) -> list[Effect]:
        """Stop probing a backend and speaking for it, if we do."""
        known = self.state.backends.pop(backend, None)
        if known is None:
            return []
        self.state.totals.probed[known.tally] = None
        return [EndProbing(backend), Publish(VerdictWithdrawn(backend=backend))]

    def _synced(self, messages: Sequence[Message], now: Instant) -> list[Effect]:
        """Take the aggregator's whole word: what it does not contain is gone.

        But an aggregator that has just started says nothing until it has heard what we know; then
        whatever it has not named refresh_s after its first word is gone.
        """
        state = self.state
        assignments = [one for one in messages if isinstance(one, Assignment)]
        if not assignments:
            state.unconfirmed = set(state.backends)
            state.confirm_until_s = float("inf")
            return []
        named = {one.backend for one in assignments}
        effects = [
            effect
            for name in [name for name in state.generations if name not in named]
            for effect in self._ended(name)
        ]
        for assignment in assignments:
            effects += self._assigned(assignment, now)
        state.unconfirmed.clear()
        return effects

    # --- time -------------------------------------------------------------------------------------

    def _woke(self, now: Instant) -> list[Effect]:
        state = self.state
        effects: list[Effect] = []
        if now.mono_s >= state.seen_at_s:
            state.seen_at_s = now.mono_s + self._timers.seen_s
            effects += self._seen()
        if state.unconfirmed and now.mono_s >= state.confirm_until_s:
            effects += [effect for name in state.unconfirmed.copy() for effect in self._ended(name)]
        counted = state.totals.next_message(self.name, now.mono_s)
        if counted is not None:
            effects.append(Publish(counted))
        return [*effects, WakeAt(min(state.seen_at_s, state.totals.due_s))]

    def _seen(self) -> list[Effect]:
        """Say who was probed since the last time."""
        state = self.state
        seen = tuple(dict.fromkeys(state.seen))
        state.seen.clear()
        for name in seen:
            backend = state.backends.get(name)
            if backend is not None:
                state.totals.probed[backend.tally] = None
        return [
            Publish(ProbesSeen(prober=self.name, backends=seen[at : at + NAMES_PER_MESSAGE]))
            for at in range(0, len(seen), NAMES_PER_MESSAGE)
        ]

    def _stopped(self, stood_s: float, now: Instant) -> list[Effect]:
        """Forget everything: while we stood still the aggregator may have asked others."""
        state = self.state
        fields: dict[str, object] = {"stood_s": round(stood_s, 3), "backends": len(state.backends)}
        effects: list[Effect] = [Log("warn", "prober-stopped", fields)]
        effects += [effect for name in list(state.backends) for effect in self._end(name)]
        state.unconfirmed.clear()
        state.seen.clear()
        return [*effects, self._present(now)]

    def _present(self, now: Instant) -> Effect:
        # Time, because it is above all incarnations of processes before this one.
        self.state.incarnation = max(self.state.incarnation + 1, now.unix_ns)
        return Publish(
            ProberPresent(
                prober=self.name,
                incarnation=self.state.incarnation,
                suspect=self._suspect,
                suspect_at_ns=self._suspect_at_ns,
            )
        )

    def _pace(self, measured: PaceMeasured) -> ProberPace:
        return ProberPace(
            prober=self.name,
            backends=len(self.state.backends),
            in_flight=measured.in_flight,
            probes_total=measured.probes_total,
            lateness_ms_p50=measured.lateness_ms_p50,
            lateness_ms_p99=measured.lateness_ms_p99,
            lateness_ms_max=measured.lateness_ms_max,
            starts_total=measured.starts_total,
            lateness_s_total=measured.lateness_s_total,
        )
