# SPDX-License-Identifier: Apache-2.0
"""Requests and answers between actors."""

from __future__ import annotations

from maglev.messages.base import Answer, Request
from maglev.messages.values import AuditEntry, Operation, Refusal


class OperateBackend(Request, frozen=True, kw_only=True):
    """An operator acts on a backend.  To the aggregator; answered by Done or Refused."""

    backend: str
    operation: Operation
    who: str
    origin: str  # where from: 'unix', an address, a signal


class SetWeight(Request, frozen=True, kw_only=True):
    """An operator sets a weight, 0..100.  To the aggregator; answered by Done or Refused."""

    frontend: str
    pool: str
    backend: str
    weight: int
    who: str
    origin: str


class ReloadConfig(Request, frozen=True, kw_only=True):
    """Read the file, put it in force.  To the aggregator; answered by ConfigAnswer."""

    who: str
    origin: str


class CheckConfig(Request, frozen=True, kw_only=True):
    """Read the file, say what is wrong with it.  To the aggregator; answered by ConfigAnswer."""


class SyncVpp(Request, frozen=True, kw_only=True):
    """Compare VPP and mend it.  To the programmer; answered by Done or Refused."""

    frontend: str = ""  # empty: all
    who: str
    origin: str


class ReadAudit(Request, frozen=True, kw_only=True):
    """Read the audit file from its end.  To the aggregator; answered by AuditRead or Refused."""

    entries_max: int


class NoteOperation(Request, frozen=True, kw_only=True):
    """Another actor did something for an operator.  To the aggregator, which audits it; Done."""

    entry: AuditEntry


class Done(Answer, frozen=True, kw_only=True):
    """A change is made; visible from (epoch, cls, sequence) on, if it is visible in a message."""

    text: str = ""
    changed: bool = True
    epoch: int = 0
    cls: str = ""
    sequence: int = 0


class Refused(Answer, frozen=True, kw_only=True):
    """A request was not carried out, and nothing was changed."""

    code: Refusal
    text: str
    restarted: bool = False  # said by the bus: the process it was meant for is gone


class AuditRead(Answer, frozen=True, kw_only=True):
    """The last lines of the audit file, the newest first."""

    entries: tuple[AuditEntry, ...]


class ConfigAnswer(Answer, frozen=True, kw_only=True):
    """The result of a check or reload; empty texts mean good."""

    parse_error: str = ""
    semantic_error: str = ""
    reload_error: str = ""
    epoch: int = 0  # what was put in force is visible from here on, as in Done
    cls: str = ""
    sequence: int = 0
