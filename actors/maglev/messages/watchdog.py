# SPDX-License-Identifier: Apache-2.0
"""What the watchdog says."""

from __future__ import annotations

from maglev.messages.base import Level


class ActorStatus(Level, frozen=True, kw_only=True):
    """One process of this daemon, as supervisord and its heartbeat tell."""

    KEY = ("actor",)
    actor: str
    state: str  # supervisord's word: RUNNING, STARTING, EXITED, ...
    pid: int
    started_ns: int
    restarts: int
    heartbeat_age_s: float
    lag_ms_max: float
