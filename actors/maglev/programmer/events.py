# SPDX-License-Identifier: Apache-2.0
"""The programmer's own events and effects: all that passes between it and VPP.

The shell speaks to VPP over two connections of one client (one for bulk reads); they come and go
together, and after VppLost nothing more is heard of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from maglev.actor import Effect, Event
from maglev.core.reconcile import ActualVip, Operation, Vip
from maglev.messages import ApiTally, LbConf

# --- events ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class VppConnected(Event):
    """VPP answers; `unsupported` says why this one cannot be programmed, empty if it can."""

    version: str
    build_date: str
    build_directory: str
    pid: int
    unsupported: str = ""


@dataclass(frozen=True, slots=True)
class VppLost(Event):
    """There is no connection (any more); replies not heard by now will never be."""

    why: str


@dataclass(frozen=True, slots=True)
class VppRead(Event):
    """What VPP had at some moment since the ReadVpp; deleted VIPs and ASes left out."""

    conf: LbConf
    vips: Mapping[Vip, ActualVip]
    buckets: Mapping[Vip, Mapping[str, int]]  # by address of the AS


@dataclass(frozen=True, slots=True)
class LbConfAnswered(Event):
    """VPP's number for the global parameters; 0: they are in force."""

    conf: LbConf
    retval: int


@dataclass(frozen=True, slots=True)
class OperationsAnswered(Event):
    """VPP's numbers for the oldest operations that wait for one, in the order of sending."""

    retvals: tuple[int, ...]  # 0: done


@dataclass(frozen=True, slots=True)
class CallsCounted(Event):
    """All messages to and from VPP since the start; told every totals_s."""

    api: tuple[ApiTally, ...]


# --- effects --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ConnectVpp(Effect):
    """Connect; VppConnected or VppLost follows within the deadline of a reply."""


@dataclass(frozen=True, slots=True)
class PingVpp(Effect):
    """See that VPP answers; VppLost follows if it does not."""


@dataclass(frozen=True, slots=True)
class ReadVpp(Effect):
    """Read all of the lb plugin; VppRead or VppLost follows."""


@dataclass(frozen=True, slots=True)
class PushLbConf(Effect):
    """Set the global parameters of the lb plugin; LbConfAnswered or VppLost follows."""

    conf: LbConf


@dataclass(frozen=True, slots=True)
class SendOperations(Effect):
    """Send operations without waiting in between; OperationsAnswered or VppLost follows."""

    operations: tuple[Operation, ...]
