# SPDX-License-Identifier: Apache-2.0
"""Everything the programmer knows, as plain values: no socket, clock, logger or random source.

What VPP should have is `desired`; what it has, as far as read or acknowledged, is in `known`; what
is on its way to VPP is in the three queues (queues.py).  Look at `KnownVip.expected` for the
picture that plans are made from.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from maglev.actor import Caller
from maglev.core.reconcile import ActualVip, AddVip, Operation, Vip, vip_after
from maglev.core.timers import Timers
from maglev.messages import DesiredSettings, DesiredVip, VipProgrammed, VppStatus
from maglev.programmer.totals import Scope, Totals

NEVER = math.inf
CALLERS_MAX = 1000


@dataclass(slots=True, eq=False)
class Sync:
    """One sync: of everything after a read, or of one VIP from the picture we hold."""

    scope: Scope
    frontend: str  # empty: all
    why: str
    started_s: float
    decided_at_s: float = 0.0  # of the probe result that caused it; 0: none
    stage: Literal["reading", "configuring", "sending"] = "sending"
    left: int = 0  # steps that are neither answered nor dropped
    callers: list[Caller] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    error: str = ""  # the first refusal


@dataclass(slots=True, eq=False)
class Step:
    """One operation on its way to VPP, on behalf of a sync."""

    operation: Operation
    sync: Sync
    known: KnownVip  # whose VIP it changes
    dropped: bool = False  # a newer plan replaced it before it was sent
    flushed_before: int | None = None  # what the memory of flushes said before it was sent


@dataclass(slots=True)
class Trouble:
    """What VPP last refused of one object; `attempts` counts the plans in a row that failed."""

    error: str = ""
    attempts: int = 0
    fresh: bool = False  # there was a refusal since the last plan

    def over(self) -> None:
        """VPP has all it should have of this object."""
        self.error, self.attempts, self.fresh = "", 0, False


@dataclass(slots=True, eq=False)
class KnownVip:
    """One VIP that VPP has or should have."""

    vip: Vip
    frontend: str = ""  # that wanted it last; empty: none ever did
    actual: ActualVip | None = None  # as read or acknowledged
    buckets: Mapping[str, int] = field(default_factory=dict)  # by AS, at the last read
    waiting: deque[Step] = field(default_factory=deque)  # for their turn
    flying: deque[Step] = field(default_factory=deque)  # sent, not answered
    clean: bool = False  # planning it again would yield nothing
    trouble: Trouble = field(default_factory=Trouble)
    failover_s: float = 0.0

    @property
    def busy(self) -> bool:
        """Whether anything of it is on its way."""
        return bool(self.waiting or self.flying)

    @property
    def expected(self) -> ActualVip | None:
        """The VIP once VPP has accepted all that was sent."""
        picture = self.actual
        for step in self.flying:
            picture = accepted(picture, step.operation)
        return picture


def accepted(before: ActualVip | None, operation: Operation) -> ActualVip | None:
    """Return the VIP after an accepted operation; None if it is not there as far as we know.

    VPP may accept what our picture does not allow, where somebody else had a hand in it: then the
    picture stays, and reading again will mend it.
    """
    if before is None and not isinstance(operation, AddVip):
        return None
    return vip_after(before, operation)


@dataclass(slots=True)
class State:
    """All of it."""

    timers: Timers
    off: bool = False  # there is to be no VPP at all
    # What the aggregator said last; it stands while the aggregator is away.
    epoch: int = 0
    settings: DesiredSettings | None = None
    desired: dict[str, DesiredVip] = field(default_factory=dict)  # by frontend
    claims: dict[Vip, str] = field(default_factory=dict)  # which frontend a VIP is for
    # What VPP has.
    status: VppStatus = field(default_factory=lambda: VppStatus(connected=False))
    pictured: bool = False  # read at least once since it was connected
    conf_checked: bool = False  # the global parameters were compared, and sent where they differ
    conf_trouble: Trouble = field(default_factory=Trouble)
    known: dict[Vip, KnownVip] = field(default_factory=dict)
    flushed: dict[tuple[Vip, str], int] = field(default_factory=dict)
    # What is under way.
    urgent: deque[Step] = field(default_factory=deque)
    bulk: deque[Step] = field(default_factory=deque)
    flying: deque[Step] = field(default_factory=deque)
    sync: Sync | None = None  # with a read of its own; one at a time
    ended: list[Sync] = field(default_factory=list)  # nothing is left of them, but to say so
    wanted: dict[str, list[Caller]] = field(default_factory=dict)  # syncs to begin, by frontend
    why: str = ""  # the sync of everything is wanted
    written: set[Vip] = field(default_factory=set)  # since the read began: it tells nothing of them
    # Times of CLOCK_MONOTONIC.
    connect_at_s: float = NEVER
    ping_at_s: float = NEVER
    sync_at_s: float = NEVER
    retry_at_s: float = NEVER
    wake_at_s: float = NEVER  # as last asked for
    totals: Totals = field(default_factory=Totals)
    # What was said.
    said: dict[str, VipProgrammed] = field(default_factory=dict)  # by frontend
    leaving: dict[str, Vip] = field(default_factory=dict)  # frontends to be forgotten with the VIP
    touched: dict[Vip, None] = field(default_factory=dict)  # an ordered set: to be said again

    @property
    def usable(self) -> bool:
        """Whether there is a VPP that can be programmed."""
        return self.status.connected and self.status.weights

    @property
    def programmable(self) -> bool:
        """Whether a VIP may be programmed from the picture, without a read."""
        return self.usable and self.pictured and self.conf_checked and self.phase != "wait"

    @property
    def phase(self) -> str:
        """How much may be sent; nothing as long as nobody said so."""
        return self.settings.phase if self.settings else "wait"

    def know(self, vip: Vip) -> KnownVip:
        """Return what is known of a VIP, be it nothing yet."""
        return self.known.setdefault(vip, KnownVip(vip))
