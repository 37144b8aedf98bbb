# SPDX-License-Identifier: Apache-2.0
"""What goes to VPP next: urgent steps before bulk ones, and only so many at a time.

VPP answers in order, so an urgent one waits for all that was sent before it.  Bulk steps are
therefore sent in a narrow window, just wide enough to keep VPP busy, and urgent ones in a wide one.
The state is the three queues of State; look at `take` for who goes first.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from maglev.core.reconcile import settled
from maglev.programmer.state import KnownVip, State, Step, Sync

# VPP takes 13,000 to 20,000 operations a second, so nothing urgent waits for more than 2.5 ms.
# Wide enough to have VPP work on one part while we look at its answers to another (shell.py).
BULK_IN_FLIGHT_MAX = 32
URGENT_IN_FLIGHT_MAX = 512


def put(state: State, steps: Iterable[Step], *, bulk: bool) -> None:
    """Let steps wait for their turn, in order."""
    queue = state.bulk if bulk else state.urgent
    for step in steps:
        queue.append(step)
        step.sync.left += 1
        step.known.waiting.append(step)


def drop(state: State, known: KnownVip) -> None:
    """Take back what was not sent yet of a VIP's plan: a newer one replaces it."""
    for step in known.waiting:
        step.dropped = True
        less(state, step.sync)
    known.waiting.clear()


def drop_all(state: State) -> None:
    """Take back all that was not sent yet."""
    for step in chain(state.urgent, state.bulk):
        if not step.dropped:
            step.dropped = True
            less(state, step.sync)
    state.urgent.clear()
    state.bulk.clear()
    for known in state.known.values():
        known.waiting.clear()


def less(state: State, sync: Sync) -> None:
    """One step of a sync is over; after the last one the sync ends with this turn."""
    sync.left -= 1
    assert sync.left >= 0, f"{sync}"
    if not sync.left:
        state.ended.append(sync)


def take(state: State) -> list[Step]:
    """Return the steps to be sent now, in order; they count as sent from here on."""
    sent: list[Step] = []
    for queue, in_flight_max in (
        (state.urgent, URGENT_IN_FLIGHT_MAX),
        (state.bulk, BULK_IN_FLIGHT_MAX),
    ):
        while queue and len(state.flying) < in_flight_max:
            step = queue.popleft()
            if not step.dropped:
                _fly(state, step)
                sent.append(step)
    return sent


def _fly(state: State, step: Step) -> None:
    known = step.known
    assert known.waiting[0] is step, f"{known.vip}: {known.waiting[0]} before {step}"
    known.waiting.popleft()
    known.flying.append(step)
    state.flying.append(step)
    state.written.add(known.vip)
    for key, number in settled(step.operation).items():
        step.flushed_before = state.flushed.get(key)
        state.flushed[key] = number


def land(state: State) -> Step:
    """Return the oldest step that VPP has not answered; it is no longer under way."""
    step = state.flying.popleft()
    first = step.known.flying.popleft()
    assert first is step, f"{step.known.vip}: {first} before {step}"
    return step


def unsettle(state: State, step: Step) -> None:
    """Forget that a step flushed: it was refused, or nobody knows.  Twice is better than never."""
    for key in settled(step.operation):
        if step.flushed_before is None:
            state.flushed.pop(key, None)
        else:
            state.flushed[key] = step.flushed_before
