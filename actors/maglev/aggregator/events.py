# SPDX-License-Identifier: Apache-2.0
"""The aggregator's own events and effects: files read and written on its behalf."""

from __future__ import annotations

from dataclasses import dataclass

from maglev.actor import Caller, Effect, Event
from maglev.aggregator.state import Accepted, Wish
from maglev.messages import AuditEntry, BackendState, Transition, VerdictState


@dataclass(frozen=True, slots=True)
class Remembered:
    """One backend as it was a moment ago, for a restart within the same boot."""

    address: str
    verdict: VerdictState
    counter: int
    changes: int
    state: BackendState
    number: int
    since_ns: int
    history: tuple[Transition, ...]


# --- events ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ConfigRead(Event):
    """The file was read and judged; either `accepted` or one of the two errors is there."""

    read_id: int
    accepted: Accepted | None
    parse_error: str = ""
    semantic_error: str = ""


@dataclass(frozen=True, slots=True)
class WishesSaved(Event):
    """The wishes are on disk, or not: then `error` says why."""

    error: str = ""


@dataclass(frozen=True, slots=True)
class ConfigSaved(Event):
    """The accepted configuration is on disk, or not: then `error` says why."""

    accepted: Accepted
    error: str = ""


@dataclass(frozen=True, slots=True)
class TotalsSaved(Event):
    """The totals are on disk, or could not be written, which the shell has logged."""


@dataclass(frozen=True, slots=True)
class AuditFileRead(Event):
    """The end of the audit file was read for somebody, or not: then `error` says why."""

    caller: Caller
    entries: tuple[AuditEntry, ...] = ()
    error: str = ""


# --- effects --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReadConfig(Effect):
    """Read and judge the file, off the loop; ConfigRead follows."""

    read_id: int


@dataclass(frozen=True, slots=True)
class SaveWishes(Effect):
    """Append to the audit file, then write the wishes and fsync; WishesSaved follows."""

    wishes: tuple[Wish, ...]
    entry: AuditEntry


@dataclass(frozen=True, slots=True)
class SaveConfig(Effect):
    """Write the accepted configuration, and the wishes that outlive it; ConfigSaved follows."""

    accepted: Accepted
    wishes: tuple[Wish, ...]


@dataclass(frozen=True, slots=True)
class SaveVerdicts(Effect):
    """Write the last verdicts; expendable, so nothing follows."""

    backends: dict[str, Remembered]


@dataclass(frozen=True, slots=True)
class SaveTotals(Effect):
    """Write the totals, packed by block; TotalsSaved follows."""

    blocks: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Audit(Effect):
    """Append to the audit file."""

    entry: AuditEntry


@dataclass(frozen=True, slots=True)
class ReadAuditFile(Effect):
    """Read the last entries of the audit file, off the loop; AuditFileRead follows."""

    caller: Caller
    entries_max: int
