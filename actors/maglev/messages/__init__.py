# SPDX-License-Identifier: Apache-2.0
"""Everything said on the bus, declared once.

A *level* describes how one object is now: it is retained by its speaker, said again every 15 s,
part of every snapshot, and a newer one replaces an older one of the same key.  A *retraction* ends
a level.  An *edge* is said once and may be missed; whatever must not be missed carries a running
number inside a level.  Requests and answers travel point to point.

Names of fields are the field's words with units last.  Times named `_ns` are unix nanoseconds (for
people), times named `_s` are seconds of CLOCK_MONOTONIC on this machine (for arithmetic).
"""

from maglev.messages.aggregator import (
    Alarm,
    AlarmCleared,
    Assignment,
    AssignmentEnded,
    BackendGone,
    BackendStatus,
    ConfigStatus,
    DesiredSettings,
    DesiredVip,
    FrontendGone,
    FrontendStatus,
    TotalsBlock,
    VipWithdrawn,
)
from maglev.messages.base import (
    Answer,
    Edge,
    Level,
    Message,
    Request,
    Retraction,
)
from maglev.messages.counts import (
    ApiTally,
    BackendTotals,
    ProbeTally,
    SyncTally,
    TransitionTally,
)
from maglev.messages.everyone import (
    Heartbeat,
    LogLine,
)
from maglev.messages.prober import (
    ProbeFinished,
    ProberPace,
    ProberPresent,
    ProbesSeen,
    ProbeStarted,
    ProbeTotals,
    Verdict,
    VerdictWithdrawn,
)
from maglev.messages.programmer import (
    ActualAs,
    SyncFinished,
    VipForgotten,
    VipProgrammed,
    VppStatus,
    VppTotals,
)
from maglev.messages.requests import (
    AuditRead,
    CheckConfig,
    ConfigAnswer,
    Done,
    OperateBackend,
    ReadAudit,
    Refused,
    ReloadConfig,
    SetWeight,
    SyncVpp,
)
from maglev.messages.values import (
    AuditEntry,
    BackendState,
    Check,
    CheckType,
    DesiredAs,
    FrontendState,
    LbConf,
    LogLevel,
    Operation,
    Pool,
    PoolBackend,
    Refusal,
    Transition,
    VerdictState,
)
from maglev.messages.watchdog import (
    ActorStatus,
)

__all__ = [
    "ActorStatus",
    "ActualAs",
    "Alarm",
    "AlarmCleared",
    "Answer",
    "ApiTally",
    "Assignment",
    "AssignmentEnded",
    "AuditEntry",
    "AuditRead",
    "BackendGone",
    "BackendState",
    "BackendStatus",
    "BackendTotals",
    "Check",
    "CheckConfig",
    "CheckType",
    "ConfigAnswer",
    "ConfigStatus",
    "DesiredAs",
    "DesiredSettings",
    "DesiredVip",
    "Done",
    "Edge",
    "FrontendGone",
    "FrontendState",
    "FrontendStatus",
    "Heartbeat",
    "LbConf",
    "Level",
    "LogLevel",
    "LogLine",
    "Message",
    "OperateBackend",
    "Operation",
    "Pool",
    "PoolBackend",
    "ProbeFinished",
    "ProbeStarted",
    "ProbeTally",
    "ProbeTotals",
    "ProberPace",
    "ProberPresent",
    "ProbesSeen",
    "ReadAudit",
    "Refusal",
    "Refused",
    "ReloadConfig",
    "Request",
    "Retraction",
    "SetWeight",
    "SyncFinished",
    "SyncTally",
    "SyncVpp",
    "TotalsBlock",
    "Transition",
    "TransitionTally",
    "Verdict",
    "VerdictState",
    "VerdictWithdrawn",
    "VipForgotten",
    "VipProgrammed",
    "VipWithdrawn",
    "VppStatus",
    "VppTotals",
]
