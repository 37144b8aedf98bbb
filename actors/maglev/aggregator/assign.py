# SPDX-License-Identifier: Apache-2.0
"""Who probes what: rendezvous hashing over the probers that are alive, and what crashed them.

Every assignment has a generation that was never used before, so a verdict of an earlier one is told
from a verdict of this one.  A share moves when its prober is lost, and moves back when it returns;
the counters move along, so nothing starts from unknown.
"""

from __future__ import annotations

from collections.abc import Iterable

from maglev.actor import Effect, Instant, Log
from maglev.aggregator.say import alarm, assignment
from maglev.aggregator.state import Backend, State
from maglev.core import schedule
from maglev.messages import ProberPresent


def prober_present(state: State, epoch: int, said: ProberPresent, now: Instant) -> list[Effect]:
    """Take in a prober that is ready; a new incarnation has forgotten all it had."""
    prober = state.probers[said.prober]
    known = prober.epoch == epoch and prober.incarnation == said.incarnation
    prober.epoch, prober.incarnation = epoch, said.incarnation
    prober.present = prober.alive = True
    effects = alarm(state, "prober-silent", said.prober, "", now)
    if said.suspect:
        effects += _strike(state, said, now)
    if state.inheriting:
        return effects
    if not known:
        share = [backend for backend in state.backends.values() if backend.owner == said.prober]
        effects += [effect for backend in share for effect in assign(state, backend, afresh=True)]
    return effects + reassign(state)


def prober_lost(state: State, name: str, now: Instant) -> list[Effect]:
    """A prober is silent: its share moves; where there is nobody to move to, it is stale."""
    prober = state.probers[name]
    if not prober.alive:
        return []
    prober.alive = False
    for backend in state.backends.values():
        if backend.owner == name:
            backend.stale = True
            state.touch(backend)
    text = "not heard for 3 s; its backends are probed by the others, if there are any"
    return [*alarm(state, "prober-silent", name, text, now), *reassign(state)]


def prober_found(state: State, name: str, now: Instant) -> list[Effect]:
    """A lost prober is heard again and has missed nothing: its share moves back."""
    prober = state.probers[name]
    if not prober.present:
        return []
    prober.alive = True
    for backend in state.backends.values():
        if backend.owner == name and backend.stale:
            backend.stale = False
            state.touch(backend)
    return [*alarm(state, "prober-silent", name, "", now), *reassign(state)]


def reassign(state: State, backends: Iterable[Backend] | None = None) -> list[Effect]:
    """Give each backend (all, if none are named) to the prober that should have it."""
    if state.inheriting:
        return []
    found = state.backends.values() if backends is None else backends
    return [effect for backend in list(found) for effect in assign(state, backend)]


def assign(state: State, backend: Backend, afresh: bool = False) -> list[Effect]:
    """Assign one backend; says nothing if nothing changes, unless `afresh`."""
    alive = [name for name, prober in state.probers.items() if prober.alive]
    if not backend.probed:
        owner = ""
    elif alive:
        owner = schedule.owner(backend.name, alive)
    else:
        owner = backend.owner  # nobody could take over: whoever has it may still be probing it
    if owner == backend.owner and backend.generation and not afresh:
        return []
    backend.owner = owner
    backend.stale = backend.stale and bool(owner)  # what nobody is to probe is not overdue
    backend.generation = state.generation_next()
    state.touch(backend)
    return [assignment(state, backend)]


def _strike(state: State, said: ProberPresent, now: Instant) -> list[Effect]:
    """A prober died while it handled a backend's answer; after two such deaths it is set aside."""
    backend = state.backends.get(said.suspect)
    if backend is None or backend.is_set_aside():
        return []
    backend.strikes |= {(said.prober, said.suspect_at_ns)}
    fields: dict[str, object] = {"backend": backend.name, "prober": said.prober}
    effects: list[Effect] = [Log("warn", "probe-crash", fields)]
    if not backend.is_set_aside():
        return effects
    backend.fault = "set aside: probers died twice while they handled its answer; enable it again"
    state.touch(backend)
    effects += alarm(state, "set-aside", backend.name, backend.fault, now)
    return effects + (assign(state, backend) if not state.inheriting else [])


def forgive(state: State, backend: Backend, now: Instant) -> list[Effect]:
    """Probe a backend again that was set aside: an operator or a changed file asks for it."""
    if not backend.strikes:
        return []
    backend.strikes = frozenset()
    backend.fault = ""
    state.touch(backend)
    return alarm(state, "set-aside", backend.name, "", now)
