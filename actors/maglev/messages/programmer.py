# SPDX-License-Identifier: Apache-2.0
"""What the programmer says."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from maglev.messages.base import Edge, Level, Retraction
from maglev.messages.counts import ApiTally, SyncTally


class VppStatus(Level, frozen=True, kw_only=True):
    """The connection to VPP."""

    KEY = ()
    connected: bool
    weights: bool = False  # VPP offers the messages for AS weights
    version: str = ""
    build_date: str = ""
    build_directory: str = ""
    pid: int = 0
    connected_at_ns: int = 0
    connected_at_s: float = 0.0  # CLOCK_MONOTONIC
    error: str = ""  # why nothing is programmed, in words for an operator


class ActualAs(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One AS in use in VPP."""

    address: str
    weight: int
    buckets: int = 0  # at the last read


class VipProgrammed(Level, frozen=True, kw_only=True):
    """What VPP has for a frontend, as far as read or acknowledged."""

    KEY = ("frontend",)
    frontend: str
    prefix: str
    protocol: int
    port: int
    in_sync: bool
    ases: tuple[ActualAs, ...]
    error: str = ""  # the operation that VPP refused, with its object
    failover_s: float = 0.0  # deciding result to VPP's reply, of the last change


class VipForgotten(Retraction, frozen=True, kw_only=True):
    """VPP no longer has this frontend's VIP."""

    KEY = ("frontend",)
    ENDS = VipProgrammed
    frontend: str


class SyncFinished(Edge, frozen=True, kw_only=True):
    """A sync of all VIPs or of one is done."""

    scope: Literal["all", "vip"]
    frontend: str = ""
    vip_added: int = 0
    vip_removed: int = 0
    as_added: int = 0
    as_removed: int = 0
    as_weight_updated: int = 0
    failed: int = 0
    duration_s: float


class VppTotals(Level, frozen=True, kw_only=True):
    """What the programmer counted since its start."""

    KEY = ()
    api: tuple[ApiTally, ...]
    syncs: tuple[SyncTally, ...]
    failover_buckets: tuple[int, ...]  # failovers by duration, as in ProbeTally
    failover_ns_sum: int  # deciding result to VPP's reply, all together
