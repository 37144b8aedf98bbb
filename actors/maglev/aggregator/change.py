# SPDX-License-Identifier: Apache-2.0
"""How a backend changes its state: the one place that numbers transitions and counts flushes due.

Whatever the cause (a verdict, an operator, a reload), it ends in `move`.
"""

from __future__ import annotations

from maglev.actor import Effect, Instant, Log
from maglev.aggregator.state import Backend, State
from maglev.core import failover
from maglev.messages import BackendState, Transition


def move(
    state: State,
    backend: Backend,
    after: BackendState,
    code: str,
    now: Instant,
    detail: str = "",
    decided_at_s: float = 0.0,
) -> list[Effect]:
    """Take a backend to another state and mark what depends on it; the log line is returned.

    decided_at_s is the monotonic time of the probe result behind it, 0 if there is none.
    """
    before = backend.state
    assert before != after, f"{backend.name}: {before} -> {after}"
    backend.state = after
    state.held.pop(backend.name, None)
    state.believed[backend.name] = after
    state.unknown.discard(backend.name)
    state.unconfirmed.discard(backend.name)
    if after == "unknown":
        state.unknown.add(backend.name)
    backend.number += 1
    backend.since_ns = now.unix_ns
    state.totals.moved(backend.name, before, after)
    transition = Transition(
        number=backend.number,
        before=before,
        after=after,
        code=code,
        detail=detail,
        at_ns=now.unix_ns,
    )
    keep = state.settings.transition_history
    backend.history = (transition, *backend.history)[:keep]
    _tell_frontends(state, backend, before)
    state.touch(backend)
    state.touch_frontends_of(backend, decided_at_s)
    fields: dict[str, object] = {
        "backend": backend.name,
        "from": before,
        "to": after,
        "code": code,
        "detail": detail,
        "number": backend.number,
    }
    return [Log("info", "backend-transition", fields)]


def _tell_frontends(state: State, backend: Backend, before: BackendState) -> None:
    """Count the flush that is due in each frontend, and doubt none of them any longer."""
    for name in state.used_by.get(backend.name, ()):
        frontend = state.frontends[name]
        if before != "unknown":  # a first verdict tells nothing about what an operator wanted
            frontend.doubtful = False
        if failover.flush_due(before, backend.state, frontend.conf.flush_on_down):
            frontend.flushes[backend.name] = frontend.flushes.get(backend.name, 0) + 1
