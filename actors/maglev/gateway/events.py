# SPDX-License-Identifier: Apache-2.0
"""The gateway's own events and effects, and what those who watch are told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from maglev.actor import Effect, Event
from maglev.messages import Answer, LogLine, Request, Transition

# --- news ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BackendMoved:
    """A backend changed its state; or, with before == after, this is how it is."""

    name: str
    transition: Transition


@dataclass(frozen=True, slots=True)
class FrontendMoved:
    """A frontend changed its state; or, with before == after, this is how it is."""

    name: str
    transition: Transition


@dataclass(frozen=True, slots=True)
class LogSaid:
    """An actor wrote a line of its log."""

    line: LogLine


@dataclass(frozen=True, slots=True)
class Missed:
    """So many events of a kind happened and are not known."""

    kind: Literal["log", "backend", "frontend"]
    count: int


News = BackendMoved | FrontendMoved | LogSaid | Missed


# --- events --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Called(Event):
    """Somebody wants something done that only another actor can do, until until_s (monotonic)."""

    call_id: int
    speaker: str
    request: Request
    until_s: float


@dataclass(frozen=True, slots=True)
class CallDropped(Event):
    """Whoever called does not wait any more."""

    call_id: int


@dataclass(frozen=True, slots=True)
class LogsWanted(Event):
    """Somebody watches the log, or nobody does any more."""

    on: bool


# --- effects -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Finish(Effect):
    """Give a call its answer; what was done is visible here by now."""

    call_id: int
    answer: Answer


@dataclass(frozen=True, slots=True)
class Tell(Effect):
    """Tell those who watch."""

    news: News


@dataclass(frozen=True, slots=True)
class Listen(Effect):
    """Hear the log lines of all actors, or cease to."""

    on: bool


@dataclass(frozen=True, slots=True)
class Serve(Effect):
    """The state of the daemon is known from now on: calls can be answered."""
