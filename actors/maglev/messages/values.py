# SPDX-License-Identifier: Apache-2.0
"""Values that messages are made of; durations in seconds."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

BackendState = Literal["unknown", "up", "down", "paused", "disabled", "removed"]
FrontendState = Literal["unknown", "up", "down"]
VerdictState = Literal["unknown", "up", "down"]
Operation = Literal["pause", "resume", "disable", "enable"]
CheckType = Literal["icmp", "tcp", "http", "https"]
LogLevel = Literal["debug", "info", "warn", "error"]
Refusal = Literal[
    "not_found", "failed_precondition", "invalid_argument", "unavailable", "deadline", "internal"
]


class Check(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One health check of the configuration, defaults filled in.  Durations in seconds."""

    name: str
    type: CheckType
    port: int = 0  # 0 for icmp
    interval_s: float = 2.0
    fast_interval_s: float = 2.0
    down_interval_s: float = 2.0
    timeout_s: float = 1.0
    rise: int = 2
    fall: int = 3
    probe_ipv4_src: str = ""  # empty: the kernel picks
    probe_ipv6_src: str = ""
    path: str = "/"
    host: str = ""  # empty: the backend's address
    response_codes: tuple[tuple[int, int], ...] = ((200, 200),)  # inclusive ranges
    response_regexp: str = ""  # RE2 syntax; empty: any body
    ssl: bool = False  # tcp checks only: handshake after connect
    server_name: str = (
        ""  # SNI and the name that is verified; empty: host, else the backend's address
    )
    insecure_skip_verify: bool = False


class Transition(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One change of state of a backend or a frontend; `number` runs without gaps per object."""

    number: int
    before: str
    after: str
    code: str = ""  # of the deciding probe (L7STS, ...), the operation, or 'static'
    detail: str = ""
    at_ns: int


class PoolBackend(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A backend as one pool of a frontend sees it."""

    name: str
    state: BackendState
    weight: int  # 0..100, configured or set by an operator
    weight_effective: int | None  # what VPP should have; None: hold what VPP has


class Pool(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One tier of a frontend."""

    name: str
    active: bool
    backends: tuple[PoolBackend, ...]


class DesiredAs(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One application server as VPP should have it."""

    address: str
    backend: str
    weight: int | None  # None: hold, keep what VPP has
    weight_absent: int = 0  # while holding: what an AS starts with that VPP does not have
    drain: bool = False  # the rule of its state asks for a flush of its flows
    flush: int = 0  # runs up by one for each flush that is due


class AuditEntry(Struct, frozen=True):
    """Who changed what, from where, and what came of it; a line of the audit file."""

    at_ns: int
    who: str
    origin: str  # where from: 'unix', an address, a signal
    action: str
    about: str
    before: str
    after: str
    result: str


class LbConf(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Global parameters of the lb plugin (`lb_conf`)."""

    ipv4_src_address: str
    ipv6_src_address: str
    sticky_buckets_per_core: int
    flow_timeout_s: int
