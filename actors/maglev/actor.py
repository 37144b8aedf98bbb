# SPDX-License-Identifier: Apache-2.0
"""What an actor is: events in the past tense come in, effects in the imperative go out.

An actor is a plain object with a state and a `handle`; it owns no socket, clock, logger or random
source, so the same object runs over ZeroMQ (runtime.py) and in the simulator (tests/sim).  Events
and effects here are those every actor shares; each actor adds its own in its file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from maglev.messages import Answer, Edge, Level, LogLevel, Message, Request, Retraction


@dataclass(frozen=True, slots=True)
class Instant:
    """A moment on both clocks: mono_s for arithmetic, unix_ns for people."""

    mono_s: float
    unix_ns: int


@dataclass(frozen=True, slots=True)
class Caller:
    """Who waits for an answer; opaque to the actor."""

    connection: bytes
    request_id: int


# --- events --------------------------------------------------------------------------------------


class Event:
    """Something that happened to an actor; named in the past tense."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Synced(Event):
    """All levels of a speaker, whole: what it does not contain is gone."""

    speaker: str
    epoch: int
    messages: tuple[Message, ...]
    positions: Mapping[str, int] = field(default_factory=dict, compare=False)  # class -> sequence


@dataclass(frozen=True, slots=True)
class Heard(Event):
    """One message of a speaker, in order, after its snapshot; no gap, but perhaps of Edges."""

    speaker: str
    message: Message
    sequence: int = field(default=0, compare=False)  # of its class


@dataclass(frozen=True, slots=True)
class Lost(Event):
    """A speaker was silent for longer than `silent_s`; what it said is stale from now on."""

    speaker: str


@dataclass(frozen=True, slots=True)
class Found(Event):
    """A lost speaker is heard again, and nothing was missed (otherwise it is Synced anew)."""

    speaker: str


@dataclass(frozen=True, slots=True)
class Asked(Event):
    """Somebody asks; to be answered by a Reply to the same caller."""

    caller: Caller
    request: Request


@dataclass(frozen=True, slots=True)
class Answered(Event):
    """The reply to an Ask of ours; Refused with code 'deadline' or 'unavailable' if none came."""

    ask_id: int
    answer: Answer


@dataclass(frozen=True, slots=True)
class Woke(Event):
    """The moment of the last WakeAt has come."""


# --- effects -------------------------------------------------------------------------------------


class Effect:
    """Something the shell shall do; named in the imperative."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Publish(Effect):
    """Say a message; levels of one key said in one turn are merged, the last one wins."""

    message: Level | Retraction | Edge


@dataclass(frozen=True, slots=True)
class Reply(Effect):
    """Answer a request, after everything published before it in the same turn is on the wire.

    With `visible` (the class this actor says last about it) a Done or a ConfigAnswer is completed
    with the position of that class.
    """

    caller: Caller
    answer: Answer
    visible: type[Message] | None = None


@dataclass(frozen=True, slots=True)
class Ask(Effect):
    """Ask another actor; an Answered with the same ask_id follows within deadline_s seconds."""

    speaker: str
    request: Request
    deadline_s: float
    ask_id: int


@dataclass(frozen=True, slots=True)
class WakeAt(Effect):
    """Send Woke at mono_s; replaces the wake asked for before."""

    mono_s: float


@dataclass(frozen=True, slots=True)
class Log(Effect):
    """Write one line: an event with fields."""

    level: LogLevel
    msg: str
    fields: dict[str, object]


class Actor(Protocol):
    """One process, one concern."""

    @property
    def name(self) -> str:
        """The name on the bus: the actor's process, sockets, log lines carry it."""

    hears: ClassVar[tuple[type[Message], ...]]
    says: ClassVar[tuple[type[Message], ...]]
    answers: ClassVar[tuple[type[Request], ...]]

    def start(self, now: Instant) -> Sequence[Effect]:
        """Return what is to be done first."""

    def handle(self, event: Event, now: Instant) -> Sequence[Effect]:
        """Change the state by one event and return what is to be done about it, in order."""
