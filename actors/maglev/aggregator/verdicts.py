# SPDX-License-Identifier: Apache-2.0
"""What probers say becomes the state of backends.

A verdict of an older generation is dropped.  `changes` counts the changes of a verdict, so one that
went down and up between two messages is still two transitions here, and its flush is not lost.
"""

from __future__ import annotations

from maglev.actor import Effect, Instant
from maglev.aggregator import believe
from maglev.aggregator.change import move
from maglev.aggregator.say import alarm
from maglev.aggregator.state import Backend, State
from maglev.core import health
from maglev.core.health import Health
from maglev.messages import Verdict, VerdictState

OPPOSITE: dict[VerdictState, VerdictState] = {"up": "down", "down": "up"}


def verdict_heard(state: State, said: Verdict, now: Instant) -> list[Effect]:
    """Take in one verdict; nothing happens if it is not of the assignment in force."""
    backend = state.backends.get(said.backend)
    if backend is None:
        return []
    if state.inheriting:
        return _inherit(state, backend, said, now)
    if said.generation != backend.generation or not backend.probed:
        return []
    if _is_known(state, backend, said):
        return []
    missed = said.changes - backend.health.changes
    backend.health = Health(state=said.state, counter=said.counter, changes=said.changes)
    backend.spoken_for = True
    backend.stale = False
    _note(backend, said)
    _confirm(state, backend, said)
    state.touch(backend)
    effects = fault_said(state, backend, said.fault, now)
    return effects + _follow(state, backend, said, missed, now)


def _is_known(state: State, backend: Backend, said: Verdict) -> bool:
    """Return whether a verdict is only said again, as all are within 15 s, and nothing is new."""
    known = backend.health
    return (
        backend.spoken_for
        and not backend.stale
        and backend.name not in state.unconfirmed
        and (known.state, known.counter, known.changes) == (said.state, said.counter, said.changes)
        and said.at_ns in (0, backend.checked_at_ns)
        and said.fault == backend.fault
    )


def _confirm(state: State, backend: Backend, said: Verdict) -> None:
    """Note that a verdict from disk is still right: probed since, and as sure as can be."""
    check = backend.conf.check
    if backend.name not in state.unconfirmed or check is None or not said.decided_at_s:
        return
    if said.counter in (0, health.counter_max(check.rise, check.fall)):
        state.unconfirmed.discard(backend.name)
        state.touch_frontends_of(backend)


def _follow(
    state: State, backend: Backend, said: Verdict, missed: int, now: Instant
) -> list[Effect]:
    """Make the backend's state what the verdict says, with the edges that were merged away."""
    effects: list[Effect] = []
    if said.state == "unknown":
        return effects  # a prober that knows nothing yet: what was seen before stands
    if backend.state == said.state and missed >= 2:
        between = OPPOSITE[said.state]
        text = f"and {said.state} again before it could be told"
        effects += move(state, backend, between, said.code, now, text, said.decided_at_s)
    if backend.state != said.state:
        failing = said.state == "down" and backend.state == "up"
        effects += move(state, backend, said.state, said.code, now, said.detail, said.decided_at_s)
        if failing:
            effects += believe.failed(state, backend, now)
    return effects


def _inherit(state: State, backend: Backend, said: Verdict, now: Instant) -> list[Effect]:
    """Adopt what a prober held from before this aggregator started: no transition, or a real one.

    Of two probers that speak for one backend the later assignment is right.
    """
    if said.generation < backend.generation or backend.mode != "run" or not backend.conf.check:
        return []
    backend.generation = said.generation
    backend.owner = said.prober
    missed = said.changes - backend.health.changes if backend.spoken_for else 0
    backend.health = Health(state=said.state, counter=said.counter, changes=said.changes)
    _note(backend, said)
    if said.decided_at_s:
        state.unconfirmed.discard(backend.name)
    if backend.spoken_for:  # remembered from disk: what happened meanwhile is a transition
        return _follow(state, backend, said, missed, now)
    backend.spoken_for = True
    if said.state == "unknown":
        return []
    return move(state, backend, said.state, said.code, now, said.detail)


def _note(backend: Backend, said: Verdict) -> None:
    """Keep what the last probe told; a prober that has just taken over has none to tell of."""
    if not said.at_ns:
        return
    backend.code = said.code
    backend.detail = said.detail
    backend.duration_s = said.duration_s
    backend.checked_at_ns = said.at_ns


def fault_said(state: State, backend: Backend, fault: str, now: Instant) -> list[Effect]:
    """Show a fault of the checker on its backend, and alarm once per kind of fault."""
    before = backend.fault
    if before == fault:
        return []
    backend.fault = fault
    state.touch(backend)
    effects: list[Effect] = []
    if fault:
        state.faults[fault] = state.faults.get(fault, 0) + 1
        if state.faults[fault] == 1:
            text = f"no verdict, weights are held: {fault}"
            effects += alarm(state, "checker-fault", fault, text, now)
    if before:
        state.faults[before] = state.faults.get(before, 0) - 1
        if state.faults[before] <= 0:
            del state.faults[before]
            effects += alarm(state, "checker-fault", before, "", now)
    return effects
