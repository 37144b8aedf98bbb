# SPDX-License-Identifier: Apache-2.0
"""What the aggregator says."""

from __future__ import annotations

from typing import Literal

from maglev.messages.base import Level, Retraction
from maglev.messages.counts import BackendTotals
from maglev.messages.values import (
    BackendState,
    Check,
    DesiredAs,
    FrontendState,
    LbConf,
    Pool,
    Transition,
    VerdictState,
)


class Assignment(Level, frozen=True, kw_only=True):
    """Who probes a backend, how, and from which counter on."""

    KEY = ("backend",)
    backend: str
    prober: str  # empty: nobody (paused, disabled, static, set aside)
    generation: int
    address: str
    check: Check | None
    state: VerdictState
    counter: int
    changes: int
    netns: str = ""


class AssignmentEnded(Retraction, frozen=True, kw_only=True):
    """A backend left the configuration."""

    KEY = ("backend",)
    ENDS = Assignment
    backend: str


class BackendStatus(Level, frozen=True, kw_only=True):
    """A backend as everybody should see it."""

    KEY = ("name",)
    name: str
    address: str
    healthcheck: str  # empty: static
    enabled: bool
    state: BackendState
    number: int  # of the last transition
    since_ns: int
    counter: int
    code: str = ""
    detail: str = ""
    duration_s: float = 0.0
    checked_at_ns: int = 0
    prober: str = ""
    history: tuple[Transition, ...] = ()  # newest first, `transition-history` of them
    stale: bool = False  # its prober is silent: the state is what it was
    fault: str = ""  # why there is no verdict: a fault of the checker, or set aside
    place: int = 0  # among the backends of the file


class BackendGone(Retraction, frozen=True, kw_only=True):
    """A backend left the configuration, after its last transition to `removed`."""

    KEY = ("name",)
    ENDS = BackendStatus
    name: str


class TotalsBlock(Level, frozen=True, kw_only=True):
    """What was counted of the backends of one block; each has its block by its name.

    No number ever falls while its backend is there, whichever processes are restarted.
    """

    KEY = ("block",)
    block: int
    backends: tuple[BackendTotals, ...]  # none: they have left the configuration


class FrontendStatus(Level, frozen=True, kw_only=True):
    """A frontend as everybody should see it."""

    KEY = ("name",)
    name: str
    description: str
    address: str
    protocol: str  # tcp, udp, any
    port: int  # 0: all ports
    src_ip_sticky: bool
    flush_on_down: bool
    state: FrontendState
    number: int
    since_ns: int
    pools: tuple[Pool, ...]
    history: tuple[Transition, ...] = ()
    place: int = 0  # among the frontends of the file


class FrontendGone(Retraction, frozen=True, kw_only=True):
    """A frontend left the configuration."""

    KEY = ("name",)
    ENDS = FrontendStatus
    name: str


class DesiredSettings(Level, frozen=True, kw_only=True):
    """What VPP should have besides the VIPs, and how much of all that may be sent yet."""

    KEY = ()
    phase: Literal[
        "wait", "release", "full"
    ]  # nothing; the VIPs said so far; all, and stale ones go
    revision: int  # raised by each reload and when the phase becomes full: asks for a full sync
    conf: LbConf
    sync_interval_s: float


class DesiredVip(Level, frozen=True, kw_only=True):
    """One VIP as VPP should have it."""

    KEY = ("frontend",)
    frontend: str
    prefix: str  # address/32 or address/128
    protocol: int  # 6 tcp, 17 udp, 255 any
    port: int  # 0: all
    encap: Literal["gre4", "gre6"]
    src_ip_sticky: bool
    ases: tuple[DesiredAs, ...]
    decided_at_s: float = (
        0.0  # monotonic time of the probe result behind the newest weight; 0: none
    )


class VipWithdrawn(Retraction, frozen=True, kw_only=True):
    """A frontend is no longer wanted in VPP."""

    KEY = ("frontend",)
    ENDS = DesiredVip
    frontend: str


class ConfigStatus(Level, frozen=True, kw_only=True):
    """The configuration in force."""

    KEY = ()
    revision: int
    path: str
    accepted_at_ns: int
    backends: int
    frontends: int
    healthchecks: tuple[Check, ...]


class Alarm(Level, frozen=True, kw_only=True):
    """Something an operator must know; stands until it is cleared."""

    KEY = ("kind", "about")
    kind: str
    about: str
    text: str
    since_ns: int


class AlarmCleared(Retraction, frozen=True, kw_only=True):
    """An alarm no longer stands."""

    KEY = ("kind", "about")
    ENDS = Alarm
    kind: str
    about: str
