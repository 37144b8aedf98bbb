# SPDX-License-Identifier: Apache-2.0
"""When not to believe failures: nearly all backends at once, while VPP is away.

A VPP that stops takes the interfaces along through which the probes leave; its backends are as fine
as before, and the first thing it needs when it is back are their weights.  Such failures are shown,
alarmed, and held (VPP keeps or gets the weights it had) until the probers have had the time to see
the backends again.
"""

from __future__ import annotations

import math

from maglev.actor import Effect, Instant
from maglev.aggregator.say import alarm
from maglev.aggregator.state import Backend, State
from maglev.core.failover import flush_due

SHARE_NEARLY_ALL = 0.8
BACKENDS_MIN = 3  # of two backends both may well be down
KIND = "mass-failure"


def failed(state: State, backend: Backend, now: Instant) -> list[Effect]:
    """Count a failure; hold those of the last interval if they are nearly all of the backends."""
    if state.vpp_connected or not state.vpp_wanted:
        state.failures.clear()
        return []
    assert backend.conf.check is not None, backend.name
    window_s = max(backend.conf.check.interval_s, backend.conf.check.fast_interval_s) * 1.1
    window_s += backend.conf.check.timeout_s
    state.failures.append((now.mono_s, backend.name))
    while state.failures and state.failures[0][0] < now.mono_s - window_s:
        state.failures.popleft()
    names = {name for _, name in state.failures}
    alive = sum(1 for one in state.backends.values() if one.probed and one.state == "up")
    if len(names) < BACKENDS_MIN or len(names) < SHARE_NEARLY_ALL * (len(names) + alive):
        return []
    for name in names:
        found = state.backends.get(name)
        if found is not None and found.state == "down" and name not in state.held:
            state.held[name] = None
            _count_flush(state, name, -1)
            state.believed[name] = "up"
            state.touch(found)
            state.touch_frontends_of(found)
    text = f"{len(names)} backends failed at once while VPP is away: their weights are held"
    return alarm(state, KIND, "vpp", text, now)


def _count_flush(state: State, name: str, count: int) -> None:
    """Take back, or after all count, the flush that a failure made due."""
    for frontend in (state.frontends[user] for user in state.used_by.get(name, ())):
        if flush_due("up", "down", frontend.conf.flush_on_down):
            frontend.flushes[name] = frontend.flushes.get(name, 0) + count


def vpp_seen(state: State, connected: bool, now: Instant) -> list[Effect]:
    """Note whether VPP is there; after its return held failures get time to be seen again."""
    if connected and not state.vpp_connected:
        state.vpp_back_at_s = now.mono_s
    state.vpp_connected = connected
    return []


def recheck(state: State, now: Instant) -> list[Effect]:
    """Believe what is still down when VPP has been back for two probes' time."""
    if not state.held:
        return alarm(state, KIND, "vpp", "", now)
    if not state.vpp_connected:
        return []
    for backend in [state.backends[name] for name in state.held]:
        if now.mono_s >= believed_at_s(state, backend):
            del state.held[backend.name]
            _count_flush(state, backend.name, +1)
            state.believed[backend.name] = backend.state
            state.touch(backend)
            state.touch_frontends_of(backend)
    return []


def believed_at_s(state: State, backend: Backend) -> float:
    """Return the monotonic time at which a held failure is believed after all."""
    check = backend.conf.check
    probe_s = check.down_interval_s * 1.1 + check.timeout_s if check else 0.0
    rises = check.rise if check else 1
    return state.vpp_back_at_s + probe_s * (rises + 1)


def due_s(state: State) -> float:
    """Return the monotonic time at which `recheck` may find something; inf if nothing is held."""
    if not state.vpp_connected:
        return math.inf
    held = (state.backends[name] for name in state.held)
    return min((believed_at_s(state, backend) for backend in held), default=math.inf)
