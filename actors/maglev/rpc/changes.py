# SPDX-License-Identifier: Apache-2.0
"""The calls that another process has to carry out: as a request on the bus, and its answer back.

CHANGES is the table of them: to whom each goes, as which request, and what the caller gets.  A
mutation names who wants it and where from, for the audit.  There is no state.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from google.protobuf.message import Message

from maglev.messages import (
    Answer,
    AuditRead,
    CheckConfig,
    ConfigAnswer,
    Done,
    OperateBackend,
    Operation,
    ReadAudit,
    Refused,
    ReloadConfig,
    Request,
    SetWeight,
    SyncVpp,
)
from maglev.rpc import convert, reads
from maglev.rpc.failed import failed
from maglev.rpc.reads import Picture
from maglev.rpc.service import pb

AUDIT_NUM_DEFAULT: Final = 100

A = TypeVar("A", bound=Answer)


@dataclass(frozen=True, slots=True)
class Change:
    """One call: `ask` takes the call's request, who and origin; `answer` what came of it."""

    speaker: str
    ask: Callable[[Any, str, str], Request]
    answer: Callable[[Picture, Any, Answer], Message]
    mutates: bool = True  # only for those who may
    lasts: bool = False  # a file is read, or VPP


def _operate(operation: Operation) -> Change:
    def ask(request: Any, who: str, origin: str) -> Request:
        return OperateBackend(backend=request.name, operation=operation, who=who, origin=origin)

    def answer(picture: Picture, request: Any, answer: Answer) -> Message:
        return reads.backend(picture, request.name, note=_done(answer).text)

    return Change("aggregator", ask, answer)


def _set_weight(request: Any, who: str, origin: str) -> Request:
    return SetWeight(
        frontend=request.frontend,
        pool=request.pool,
        backend=request.backend,
        weight=request.weight,
        who=who,
        origin=origin,
    )


def _weight_set(picture: Picture, request: Any, answer: Answer) -> Message:
    return reads.frontend(picture, request.frontend, note=_done(answer).text)


def _checked(picture: Picture, request: Any, answer: Answer) -> Message:
    told = _expected(answer, ConfigAnswer)
    good = not (told.parse_error or told.semantic_error or told.reload_error)
    error = told.parse_error or told.reload_error  # it was not even read
    return pb.CheckConfigResponse(ok=good, parse_error=error, semantic_error=told.semantic_error)


def _reloaded(picture: Picture, request: Any, answer: Answer) -> Message:
    told = _expected(answer, ConfigAnswer)
    return pb.ReloadConfigResponse(
        ok=not (told.parse_error or told.semantic_error or told.reload_error),
        parse_error=told.parse_error,
        semantic_error=told.semantic_error,
        reload_error=told.reload_error,
    )


def _synced(picture: Picture, request: Any, answer: Answer) -> Message:
    return pb.SyncVPPLBStateResponse(text=_done(answer).text)


def _audit_read(picture: Picture, request: Any, answer: Answer) -> Message:
    entries = _expected(answer, AuditRead).entries
    return pb.ListAuditResponse(entries=map(convert.audit_entry, entries))


def _done(answer: Answer) -> Done:
    return _expected(answer, Done)


def _expected(answer: Answer, cls: type[A]) -> A:
    """Return an answer of the class that was asked for; raises Failed for a refusal."""
    if isinstance(answer, Refused):
        raise failed(answer)
    assert isinstance(answer, cls), f"wanted {cls.__name__}, got {answer}"
    return answer


CHANGES: Final[dict[str, Change]] = {
    "PauseBackend": _operate("pause"),
    "ResumeBackend": _operate("resume"),
    "EnableBackend": _operate("enable"),
    "DisableBackend": _operate("disable"),
    "SetFrontendPoolBackendWeight": Change("aggregator", _set_weight, _weight_set),
    "CheckConfig": Change(
        "aggregator",
        lambda request, who, origin: CheckConfig(),
        _checked,
        mutates=False,
        lasts=True,
    ),
    "ReloadConfig": Change(
        "aggregator",
        lambda request, who, origin: ReloadConfig(who=who, origin=origin),
        _reloaded,
        lasts=True,
    ),
    "SyncVPPLBState": Change(
        "programmer",
        lambda request, who, origin: SyncVpp(
            frontend=request.frontend_name, who=who, origin=origin
        ),
        _synced,
        lasts=True,
    ),
    "ListAudit": Change(
        "aggregator",
        lambda request, who, origin: ReadAudit(entries_max=request.num or AUDIT_NUM_DEFAULT),
        _audit_read,
        mutates=False,
        lasts=True,
    ),
}
"""Calls by name."""
