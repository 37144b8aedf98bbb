# SPDX-License-Identifier: Apache-2.0
"""What a configuration says, typed and with defaults filled in.

Plain values: `maglev.config` makes them from the file, the core decides by them.  Dictionaries
keep the order of the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from maglev.messages import Check, LbConf


@dataclass(frozen=True, slots=True)
class BackendConf:
    """A backend of the file; `check` is None for a static one."""

    name: str
    address: str  # canonical text of an IPv4 or IPv6 address
    check: Check | None
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class PoolConf:
    """A tier of a frontend: weights (0..100) by backend name."""

    name: str
    weights: dict[str, int]


@dataclass(frozen=True, slots=True)
class FrontendConf:
    """A frontend of the file."""

    name: str
    address: str
    protocol: Literal["tcp", "udp", "any"]
    port: int  # 0: all ports
    pools: tuple[PoolConf, ...]
    description: str = ""
    src_ip_sticky: bool = False
    flush_on_down: bool = True


@dataclass(frozen=True, slots=True)
class LbSettings:
    """The `vpp.lb` block; durations in seconds."""

    conf: LbConf
    sync_interval_s: float = 30.0
    startup_delay_min_s: float = 5.0
    startup_delay_max_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Settings:
    """A whole configuration file."""

    lb: LbSettings
    healthchecks: dict[str, Check]
    backends: dict[str, BackendConf]
    frontends: dict[str, FrontendConf]
    transition_history: int = 5
    netns: str = ""
