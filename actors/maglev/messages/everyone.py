# SPDX-License-Identifier: Apache-2.0
"""What every actor says."""

from __future__ import annotations

from maglev.messages.base import Edge
from maglev.messages.values import LogLevel


class Heartbeat(Edge, frozen=True, kw_only=True):
    """Said every second from the actor's own loop: proof that the loop lives."""

    actor: str
    pid: int
    started_ns: int
    positions: dict[str, int]  # class name -> last sequence said
    lag_ms_max: float  # worst lateness of the loop's timer since the last heartbeat
    resyncs: int = 0  # snapshots asked for again, since start
    dropped: int = 0  # frames that could not be sent, decoded or were refused, since start


class LogLine(Edge, frozen=True, kw_only=True):
    """A line of the log; said only while somebody listens for it."""

    actor: str
    at_ns: int
    level: LogLevel
    msg: str
    fields: dict[str, object]
