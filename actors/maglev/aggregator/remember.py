# SPDX-License-Identifier: Apache-2.0
"""The last verdicts, kept on disk for a restart within the same boot and 60 s.

They are expendable: without them a start is a warm-up.  With them, and with what running probers
say, a restarted aggregator goes on where it was, transitions numbered on.  What was written last
may be older than what VPP was told last, so VPP hears of a frontend again only when probes have
confirmed its backends (release.py).
"""

from __future__ import annotations

from collections.abc import Mapping

from maglev.actor import Effect, Instant
from maglev.aggregator.events import Remembered, SaveVerdicts
from maglev.aggregator.new import enter
from maglev.aggregator.state import State
from maglev.core.health import Health


def due_s(state: State) -> float:
    """Return the monotonic time at which the verdicts are to be written next."""
    timers = state.timers
    wait_s = timers.verdicts_save_s if state.verdicts_changed else timers.verdicts_renew_s
    return state.verdicts_saved_at_s + wait_s


def save(state: State, now: Instant) -> list[Effect]:
    """Write the verdicts if it is time to."""
    if state.inheriting or now.mono_s < due_s(state):
        return []
    state.verdicts_saved_at_s = now.mono_s
    state.verdicts_changed = False
    backends = {
        name: Remembered(
            address=backend.conf.address,
            verdict=backend.health.state,
            counter=backend.health.counter,
            changes=backend.health.changes,
            state=backend.state,
            number=backend.number,
            since_ns=backend.since_ns,
            history=backend.history,
        )
        for name, backend in state.backends.items()
        if backend.spoken_for
    }
    return [SaveVerdicts(backends)]


def recall(state: State, remembered: Mapping[str, Remembered]) -> None:
    """Take back what was remembered, where backend, address and mode are still the same."""
    for name, memory in remembered.items():
        backend = state.backends.get(name)
        if backend is None or backend.conf.address != memory.address:
            continue
        backend.number = memory.number
        backend.since_ns = memory.since_ns
        backend.history = memory.history[: state.settings.transition_history]
        changed_mode = backend.mode != "run" or memory.state in ("paused", "disabled")
        if changed_mode or backend.conf.check is None:
            continue
        highest = backend.conf.check.rise + backend.conf.check.fall - 1
        if not 0 <= memory.counter <= highest:
            continue  # rise or fall changed since: ask the probers
        backend.health = Health(memory.verdict, memory.counter, memory.changes)
        backend.state = memory.verdict
        backend.spoken_for = True
        state.unconfirmed.add(name)
        enter(state, backend)
