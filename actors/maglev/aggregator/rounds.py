# SPDX-License-Identifier: Apache-2.0
"""Saying the totals: pack the blocks that changed, write them down, then say them.

What is said is on disk before, so whoever is killed, and be it all at once, no number that somebody
saw falls.  A round takes one step a turn, because all backends together would take longer than a
failover may.  The state is the lower half of Totals; look at `advance`.
"""

from __future__ import annotations

from collections import deque

from maglev.actor import Effect, Instant, Publish
from maglev.aggregator.events import SaveTotals
from maglev.aggregator.files import packed
from maglev.aggregator.state import State
from maglev.aggregator.totals import Totals
from maglev.messages import TotalsBlock

STEP_S = 0.001
"""From one step to the next; a step takes about as long with 10,000 backends."""

NEVER_S = float("inf")


def due_s(state: State) -> float:
    """Return the monotonic time of the next step."""
    totals = state.totals
    if totals.writing:
        return NEVER_S
    if totals.to_pack or totals.to_say:
        return totals.step_at_s
    return totals.round_at_s if totals.changed else NEVER_S


def advance(state: State, now: Instant) -> list[Effect]:
    """Do one step of a round, or begin one, if it is time to."""
    totals = state.totals
    if now.mono_s < due_s(state):
        return []
    totals.step_at_s = now.mono_s + STEP_S
    if totals.to_pack:
        return _pack(totals)
    if totals.to_say:
        return [Publish(totals.to_say.popleft())]
    totals.round_at_s = now.mono_s + state.timers.totals_say_s
    totals.to_pack = deque(sorted(totals.changed))
    totals.changed.clear()
    return []


def saved(state: State) -> None:
    """Say what was to be written; if it could not be, better that than nothing."""
    state.totals.writing = False


def _pack(totals: Totals) -> list[Effect]:
    number = totals.to_pack.popleft()
    block = totals.blocks[number].items()
    totals.packed[number] = packed(tuple(counted.kept(name) for name, counted in block))
    told = tuple(counted.told(name) for name, counted in block)
    totals.to_say.append(TotalsBlock(block=number, backends=told))
    if totals.to_pack:
        return []
    totals.writing = True
    return [SaveTotals(tuple(totals.packed))]
