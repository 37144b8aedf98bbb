# SPDX-License-Identifier: Apache-2.0
"""Owns: its own copy of everybody's state, and the calls that wait for another actor.

Hears: BackendStatus, BackendGone, FrontendStatus, FrontendGone, ConfigStatus, TotalsBlock, Alarm,
AlarmCleared from the aggregator; VppStatus, VipProgrammed, VipForgotten, VppTotals from the
programmer; ActorStatus from the watchdog; ProberPace from every prober; Heartbeat of every actor,
and LogLine while somebody watches the log.

Says: nothing.

Answers: nothing; it serves gRPC and HTTP.

Crash: clients reconnect.  Nothing is lost but the calls under way: all that it shows is heard again
from its owners, and what was asked of them goes its way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from maglev.actor import (
    Answered,
    Effect,
    Event,
    Found,
    Heard,
    Instant,
    Lost,
    Synced,
    WakeAt,
    Woke,
)
from maglev.core.view import Beat, Change, View
from maglev.gateway.events import (
    CallDropped,
    Called,
    Listen,
    LogSaid,
    LogsWanted,
    Missed,
    Serve,
    Tell,
)
from maglev.gateway.news import news_of
from maglev.gateway.questions import NEVER, Questions
from maglev.messages import (
    ActorStatus,
    Alarm,
    AlarmCleared,
    BackendGone,
    BackendStatus,
    ConfigStatus,
    FrontendGone,
    FrontendStatus,
    Heartbeat,
    LogLine,
    Message,
    ProberPace,
    Request,
    TotalsBlock,
    VipForgotten,
    VipProgrammed,
    VppStatus,
    VppTotals,
)

Classes = tuple[type[Message], ...]

WORDS: dict[str, Classes] = {
    "aggregator": (
        BackendStatus,
        BackendGone,
        FrontendStatus,
        FrontendGone,
        ConfigStatus,
        TotalsBlock,
        Alarm,
        AlarmCleared,
    ),
    "programmer": (VppStatus, VipProgrammed, VipForgotten, VppTotals),
    "watchdog": (ActorStatus,),
    "prober": (ProberPace,),
}
"""What is followed of whom, besides Heartbeat of everybody."""


def follows(actor_names: Iterable[str]) -> dict[str, Classes]:
    """Return what to follow of each actor, of the gateway itself too."""
    return {name: (*WORDS.get(name.split("-")[0], ()), Heartbeat) for name in actor_names}


@dataclass(slots=True)
class State:
    """What the gateway knows."""

    view: View = field(default_factory=View)
    beats: dict[str, Beat] = field(default_factory=dict)
    questions: Questions = field(default_factory=Questions)
    serving: bool = False  # the aggregator's whole state is known
    log_sequences: dict[str, int] = field(default_factory=dict)  # speaker -> last line heard
    wake_at_s: float = NEVER


class Gateway:
    """The actor; what it knows is in `state`, which the shell reads and nobody else changes."""

    name: ClassVar[str] = "gateway"
    hears: ClassVar[Classes] = (
        *(cls for words in WORDS.values() for cls in words),
        Heartbeat,
        LogLine,
    )
    says: ClassVar[Classes] = ()
    answers: ClassVar[tuple[type[Request], ...]] = ()

    def __init__(self) -> None:
        self.state = State()

    def start(self, now: Instant) -> Sequence[Effect]:
        """Nothing is known yet."""
        return []

    def handle(self, event: Event, now: Instant) -> Sequence[Effect]:
        """Change the state by one event and return what is to be done about it, in order."""
        effects = self._react(event, now)
        due_s = self.state.questions.due_s()
        if due_s != self.state.wake_at_s:
            self.state.wake_at_s = due_s
            effects = [*effects, WakeAt(due_s)]
        return effects

    def _react(self, event: Event, now: Instant) -> list[Effect]:
        questions = self.state.questions
        match event:
            case Heard():
                return self._heard(event, now)
            case Synced():
                return self._synced(event, now)
            case Lost(speaker):
                self.state.view.lost(speaker)
                return questions.lost(speaker)
            case Found(speaker):
                self.state.view.found(speaker)
                return questions.found(speaker, now)
            case Called():
                return questions.called(event, now)
            case CallDropped(call_id):
                questions.dropped(call_id)
            case Answered(call_id, answer):
                return questions.answered(call_id, answer, now)
            case LogsWanted(on):
                self.state.log_sequences.clear()
                return [Listen(on)]
            case Woke():
                self.state.wake_at_s = NEVER
                return questions.expire(now)
            case _:
                raise AssertionError(f"an event nobody sends here: {event}")
        return []

    def _heard(self, event: Heard, now: Instant) -> list[Effect]:
        speaker, message = event.speaker, event.message
        match message:
            case LogLine():
                return self._log(speaker, message, event.sequence)
            case Heartbeat():
                self.state.beats[speaker] = Beat(message, now.mono_s)
                return []
        change = self.state.view.heard(speaker, message)
        told = _told([change]) if change is not None else []
        name = type(message).__name__
        return [*told, *self.state.questions.reached(speaker, name, event.sequence)]

    def _synced(self, event: Synced, now: Instant) -> list[Effect]:
        first = not self.state.view.knows(event.speaker)
        changes = self.state.view.synced(event.speaker, event.messages)
        # What was there before anybody could watch is no news.
        effects = [] if first else _told(changes)
        if event.speaker == "aggregator" and not self.state.serving:
            self.state.serving = True
            effects.append(Serve())
        went_on = self.state.questions.synced(event.speaker, event.epoch, event.positions, now)
        return [*effects, *went_on]

    def _log(self, speaker: str, line: LogLine, sequence: int) -> list[Effect]:
        """Tell a line, and how many before it did not arrive."""
        last = self.state.log_sequences.get(speaker, sequence - 1)
        self.state.log_sequences[speaker] = sequence
        told: list[Effect] = [Tell(LogSaid(line))]
        if sequence > last + 1:
            told.insert(0, Tell(Missed("log", sequence - last - 1)))
        return told


def _told(changes: Iterable[Change]) -> list[Effect]:
    return [Tell(news) for change in changes for news in news_of(change)]
