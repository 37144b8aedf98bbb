# SPDX-License-Identifier: Apache-2.0
"""Owns: VPP's lb plugin (the only writer to it), and the picture of what VPP has.

Hears: DesiredSettings, DesiredVip, VipWithdrawn from the aggregator.

Says: VppStatus, VipProgrammed, VipForgotten, SyncFinished, VppTotals.

Answers: SyncVpp.

Crash: VPP keeps what it has.  A restart reads VPP, compares and changes only what differs; flows
are flushed only where that is due and VPP still has a weight.  While the aggregator is away what
it wanted last stands: the connection is kept, and syncs go on mending VPP by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from maglev.actor import (
    Asked,
    Effect,
    Event,
    Found,
    Heard,
    Instant,
    Lost,
    Publish,
    Synced,
    WakeAt,
    Woke,
)
from maglev.core.timers import Timers
from maglev.messages import (
    DesiredSettings,
    DesiredVip,
    Message,
    Request,
    SyncFinished,
    SyncVpp,
    VipForgotten,
    VipProgrammed,
    VipWithdrawn,
    VppStatus,
    VppTotals,
)
from maglev.programmer import answers, connection, desired, queues, say, sync
from maglev.programmer.events import (
    CallsCounted,
    LbConfAnswered,
    OperationsAnswered,
    SendOperations,
    VppConnected,
    VppLost,
    VppRead,
)
from maglev.programmer.state import NEVER, State


class Programmer:
    """The actor; all that it knows is in `state`."""

    name: ClassVar[str] = "programmer"
    hears: ClassVar[tuple[type[Message], ...]] = (DesiredSettings, DesiredVip, VipWithdrawn)
    says: ClassVar[tuple[type[Message], ...]] = (
        VppStatus,
        VipProgrammed,
        VipForgotten,
        SyncFinished,
        VppTotals,
    )
    answers: ClassVar[tuple[type[Request], ...]] = (SyncVpp,)

    def __init__(self, timers: Timers, *, off: bool = False) -> None:
        """Know nothing yet; `off`: there is to be no VPP at all."""
        self.state = State(timers, off=off)

    def start(self, now: Instant) -> list[Effect]:
        """Look for VPP."""
        return self._finish(connection.started(self.state), now)

    def handle(self, event: Event, now: Instant) -> list[Effect]:
        """Change the state by one event; what is for VPP comes first, then the news."""
        return self._finish(self._react(event, now), now)

    def _react(self, event: Event, now: Instant) -> Sequence[Effect]:
        state = self.state
        match event:
            case Heard(_, message):
                desired.heard(state, message, now)
            case Synced():
                desired.synced(state, event, now)
            case OperationsAnswered():
                return answers.answered(state, event, now)
            case VppRead():
                return sync.read(state, event)
            case LbConfAnswered():
                effects = answers.conf_answered(state, event, now)
                sync.compare(state)
                return effects
            case VppConnected():
                return connection.connected(state, event, now)
            case CallsCounted(api):
                state.totals.api = api
                totals = state.totals.news()
                return [] if totals is None else [Publish(totals)]
            case VppLost():
                return connection.lost(state, event, now)
            case Asked(caller, SyncVpp() as request):
                return connection.asked(state, caller, request)
            case Woke():
                state.wake_at_s = NEVER  # what there is to do is due, see _finish
            case Lost() | Found():
                pass  # what the aggregator wanted stands
            case _:
                raise AssertionError(f"an event nobody sends here: {event}")
        return []

    def _finish(self, effects: Sequence[Effect], now: Instant) -> list[Effect]:
        """End a turn: what time brings, what is to be sent, what is over, what begins."""
        state = self.state
        timely = connection.due(state, now)
        steps = queues.take(state)
        ended = sync.end_ended(state, now)
        begun = sync.begin_wanted(state, now)
        out: list[Effect] = []
        if steps:
            out.append(SendOperations(tuple(step.operation for step in steps)))
        out += [*timely, *effects, *begun, *say.news(state), *ended]
        wake_at_s = now.mono_s if say.has_more(state) else connection.due_s(state)
        if wake_at_s != state.wake_at_s:
            state.wake_at_s = wake_at_s
            out.append(WakeAt(wake_at_s))
        return out
