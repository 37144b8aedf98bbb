# SPDX-License-Identifier: Apache-2.0
"""The first seconds: verdicts are inherited, then a warm-up lets frontends go to VPP one by one.

Inheriting ends when every prober has said what it knows, or after `silent_s`.  If probers spoke for
every probed backend by then, there is no warm-up at all; where some verdicts are from disk it waits
for nothing but for probes that confirm them.
"""

from __future__ import annotations

import math
from dataclasses import replace

from maglev.actor import Effect, Instant, Log
from maglev.aggregator.assign import assign
from maglev.aggregator.change import move
from maglev.aggregator.state import State
from maglev.core import warmup


def advance(state: State, now: Instant) -> list[Effect]:
    """Do what is due by now; may mark frontends to be said for the first time."""
    effects: list[Effect] = []
    if state.inheriting:
        complete = all(prober.present for prober in state.probers.values())
        if not complete and now.mono_s < state.inherit_until_s:
            return effects
        effects += _end_inheriting(state, now)
    if state.phase == "full":
        return effects
    state.warmup = warmup.advanced(
        state.warmup, now.mono_s, bool(state.unknown or state.unconfirmed)
    )
    changed = state.warmup.phase != state.phase
    if changed:
        effects.append(Log("info", "warmup", {"from": state.phase, "to": state.warmup.phase}))
        state.phase = state.warmup.phase
        if state.phase == "full":
            state.revision += 1
    for name in list(state.frontends if changed else state.dirty_frontends):
        frontend = state.frontends.get(name)
        if frontend is None or frontend.released:
            continue
        if not state.unconfirmed.isdisjoint(frontend.backends()) and state.phase != "full":
            continue
        states = [state.backends[backend].state for backend in frontend.backends()]
        if warmup.releases(state.warmup, states):
            frontend.released = True
            state.dirty_frontends.setdefault(name, 0.0)
    return effects


def due_s(state: State) -> float:
    """Return the monotonic time at which `advance` is to be called at the latest."""
    if state.inheriting:
        return state.inherit_until_s
    again_s = warmup.look_again_s(state.warmup)
    return math.inf if again_s is None else again_s


def _end_inheriting(state: State, now: Instant) -> list[Effect]:
    """Begin in earnest: assign everything, and decide whether this start is a warm-up."""
    state.inheriting = False
    cold = [one.name for one in state.backends.values() if one.probed and not one.spoken_for]
    effects: list[Effect] = []
    for backend in state.backends.values():
        state.touch(backend)
        if backend.conf.check is None and backend.mode == "run" and backend.state != "up":
            effects += move(state, backend, "up", "static", now)
        effects += assign(state, backend, afresh=True)
    for name in state.frontends:
        state.dirty_frontends.setdefault(name, 0.0)
    if not cold and not state.unconfirmed:
        state.warmup = warmup.skipped(state.warmup)
    elif not cold:
        state.warmup = replace(state.warmup, delay_min_s=0.0)
    inherited = len(state.backends) - len(cold)
    fields: dict[str, object] = {"inherited": inherited, "unknown": len(cold)}
    if state.unconfirmed:
        fields["unconfirmed"] = len(state.unconfirmed)
    return [*effects, Log("info", "verdicts-inherited", fields)]
