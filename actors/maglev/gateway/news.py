# SPDX-License-Identifier: Apache-2.0
"""A change of a level as the transitions that led to it, none of them twice.

Levels may be merged, transitions are numbered: those behind the last known number are news, as far
as the history in the level reaches; what it does not reach is Missed.  An aggregator that started
without memory numbers from the beginning again; then there is nothing to tell but how things are.
"""

from __future__ import annotations

from collections.abc import Sequence

from maglev.core.view import Change
from maglev.gateway.events import BackendMoved, FrontendMoved, Missed, News
from maglev.messages import BackendStatus, FrontendStatus, Transition

Status = BackendStatus | FrontendStatus


def news_of(change: Change) -> list[News]:
    """Return what happened to a backend or a frontend, the oldest first; nothing for the rest."""
    match change.before, change.after:
        case (None | BackendStatus()) as before, BackendStatus() as after:
            moves, missed = _moves(before, after)
            told: list[News] = [Missed("backend", missed)] if missed else []
            return [*told, *(BackendMoved(after.name, move) for move in moves)]
        case (None | FrontendStatus()) as before, FrontendStatus() as after:
            moves, missed = _moves(before, after)
            told = [Missed("frontend", missed)] if missed else []
            return [*told, *(FrontendMoved(after.name, move) for move in moves)]
        case FrontendStatus() as before, None:
            return [FrontendMoved(before.name, _removed(before))]
        case BackendStatus(state=state) as before, None if state != "removed":
            return [BackendMoved(before.name, _removed(before))]
        case _:
            return []


def present(status: Status) -> Transition:
    """Return how an object is, as a transition that leads nowhere."""
    last = status.history[0] if status.history else None
    return Transition(
        number=status.number,
        before=status.state,
        after=status.state,
        code=last.code if last else "",
        detail=last.detail if last else "",
        at_ns=status.since_ns,
    )


def _moves(before: Status | None, after: Status) -> tuple[Sequence[Transition], int]:
    """Return the transitions since `before`, and how many more there were."""
    if before is None or not _continues(before, after):
        known = tuple(reversed(after.history)) if before is None else ()
        return (known or (present(after),)), 0
    moves = tuple(one for one in reversed(after.history) if one.number > before.number)
    return moves, after.number - before.number - len(moves)


def _continues(before: Status, after: Status) -> bool:
    """Return whether the numbers of both were given by one memory."""
    if after.number < before.number:
        return False
    for one in after.history:
        if one.number == before.number:
            return one.at_ns == before.since_ns
    return after.number > before.number or after.since_ns == before.since_ns


def _removed(before: Status) -> Transition:
    return Transition(
        number=before.number + 1,
        before=before.state,
        after="removed",
        code="reload",
        at_ns=before.since_ns,
    )
