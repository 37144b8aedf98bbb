# SPDX-License-Identifier: Apache-2.0
"""Everything the aggregator knows, as plain values: no socket, clock, logger or random source.

Handlers in the sibling files change it and mark what they touched as dirty; `settle` in say.py
turns the dirty part into messages.  Look at `Backend.mode` for what an operator wants and at
`Backend.state` for what everybody sees.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from maglev.actor import Caller
from maglev.aggregator.totals import Totals
from maglev.core.health import Health
from maglev.core.settings import BackendConf, FrontendConf, PoolConf, Settings
from maglev.core.timers import Timers
from maglev.core.warmup import Warmup
from maglev.messages import (
    BackendState,
    ConfigStatus,
    DesiredSettings,
    DesiredVip,
    FrontendState,
    OperateBackend,
    SetWeight,
    Transition,
)

Mode = Literal["run", "paused", "disabled"]

OPERATIONS_WAITING_MAX = 1000
RELOADS_SHARING_MAX = 1000


@dataclass(frozen=True, slots=True)
class Accepted:
    """A configuration that may be in force: its text, and the settings it means."""

    text: str
    settings: Settings


@dataclass(frozen=True, slots=True)
class Wish:
    """What an operator asked for and the file does not say; kept over restarts.

    For a backend `value` is a Mode and `configured` the file's mode; for a weight both are 0..100.
    `frontend` and `pool` are empty for a backend.
    """

    frontend: str
    pool: str
    backend: str
    value: str | int
    configured: str | int
    who: str
    origin: str
    at_ns: int

    @property
    def about(self) -> tuple[str, str, str]:
        """What the wish is about; a newer wish about the same replaces it."""
        return self.frontend, self.pool, self.backend


@dataclass(slots=True)
class Backend:
    """One backend: what the file says, what the operator wants, what its prober says."""

    conf: BackendConf
    mode: Mode
    state: BackendState
    health: Health
    generation: int = 0  # of the assignment in force
    owner: str = ""  # the prober it is assigned to; empty: nobody
    number: int = 0  # of the last transition
    since_ns: int = 0
    history: tuple[Transition, ...] = ()
    code: str = ""
    detail: str = ""
    duration_s: float = 0.0
    checked_at_ns: int = 0
    spoken_for: bool = False  # a verdict was inherited or heard, be it 'unknown'
    stale: bool = False
    fault: str = ""
    place: int = 0  # in the file
    strikes: frozenset[tuple[str, int]] = frozenset()  # crashes of probers while it was handled

    @property
    def name(self) -> str:
        """The backend's name in the file."""
        return self.conf.name

    @property
    def probed(self) -> bool:
        """Whether somebody should probe it."""
        return self.conf.check is not None and self.mode == "run" and not self.is_set_aside()

    def is_set_aside(self) -> bool:
        """Whether it was being handled at two crashes of probers."""
        return len(self.strikes) >= 2


@dataclass(slots=True)
class Frontend:
    """One frontend: what the file says, weights in force, what was said of it."""

    conf: FrontendConf
    weights: dict[tuple[str, str], int]  # (pool, backend) -> weight in force
    state: FrontendState = "unknown"
    number: int = 0
    since_ns: int = 0
    history: tuple[Transition, ...] = ()
    flushes: dict[str, int] = field(default_factory=dict)  # backend -> flushes due so far
    released: bool = False  # from warm-up
    doubtful: bool = False  # its wishes were lost: hold until something happens to it
    desired: DesiredVip | None = None  # as last said
    place: int = 0  # in the file

    @property
    def pools(self) -> tuple[PoolConf, ...]:
        """The pools with the weights in force."""
        return tuple(
            PoolConf(pool.name, {name: self.weights[pool.name, name] for name in pool.weights})
            for pool in self.conf.pools
        )

    def backends(self) -> Iterator[str]:
        """Yield the names of all its backends, in the order of the file."""
        for pool in self.conf.pools:
            yield from pool.weights


@dataclass(slots=True)
class Prober:
    """What is known of one prober."""

    incarnation: int = 0
    epoch: int = 0
    present: bool = False  # said ProberPresent, is ready for assignments
    alive: bool = False  # and is heard


@dataclass(slots=True)
class Reload:
    """One reload runs, one may wait; callers share the result of theirs."""

    running: list[Caller] = field(default_factory=list)
    waiting: list[Caller] = field(default_factory=list)
    checking: dict[int, Caller] = field(default_factory=dict)  # read_id -> who wants a check only
    read_id: int = 0
    accepted: Accepted | None = None  # judged good; waits to be written, or is being written
    writing: bool = False
    who: str = ""
    origin: str = ""


@dataclass(slots=True)
class Operations:
    """Wishes are written to disk one after the other; the first of the queue is being written."""

    queue: deque[tuple[Caller, OperateBackend | SetWeight]] = field(default_factory=deque)
    writing: bool = False


@dataclass(slots=True)
class State:
    """All of it."""

    settings: Settings
    path: str
    timers: Timers
    generation: int  # the last one given out; starts at boot-time microseconds
    accepted_at_ns: int
    backends: dict[str, Backend]
    frontends: dict[str, Frontend]
    believed: dict[str, BackendState]  # what weights follow: the state, but a held failure is 'up'
    unknown: set[str]  # backends in that state
    used_by: dict[str, tuple[str, ...]]  # backend -> frontends
    probers: dict[str, Prober]
    wishes: dict[tuple[str, str, str], Wish]
    warmup: Warmup
    inherit_until_s: float  # until then verdicts of running probers are awaited; inf once over
    vpp_wanted: bool  # there is a VPP to program
    revision: int = 1  # of what VPP should have
    reloads: int = 0  # configurations put in force since the start
    phase: Literal["wait", "release", "full"] = "wait"
    inheriting: bool = True
    vpp_connected: bool = False
    vpp_back_at_s: float = 0.0
    unconfirmed: set[str] = field(default_factory=set)  # verdict from disk, and no probe since
    held: dict[str, None] = field(default_factory=dict)  # backends whose failure waits
    failures: deque[tuple[float, str]] = field(default_factory=deque)  # (mono_s, backend) recently
    verdicts_saved_at_s: float = 0.0
    verdicts_changed: bool = False
    faults: dict[str, int] = field(default_factory=dict)  # text -> backends that have it
    alarms: dict[tuple[str, str], str] = field(default_factory=dict)  # (kind, about) -> text
    totals: Totals = field(default_factory=Totals)
    reload: Reload = field(default_factory=Reload)
    audit_reads: int = 0  # of the audit file that are under way
    operations: Operations = field(default_factory=Operations)
    said_settings: DesiredSettings | None = None  # as last said
    said_config: ConfigStatus | None = None
    dirty_backends: dict[str, None] = field(default_factory=dict)  # an ordered set
    dirty_frontends: dict[str, float] = field(default_factory=dict)  # -> decided_at_s

    def touch(self, backend: Backend) -> None:
        """Mark a backend to be said again, not its frontends."""
        self.dirty_backends[backend.name] = None
        self.verdicts_changed = True

    def touch_frontends_of(self, backend: Backend, decided_at_s: float = 0.0) -> None:
        """Mark the frontends that use a backend to be looked at again."""
        for name in self.used_by.get(backend.name, ()):
            self.dirty_frontends[name] = max(decided_at_s, self.dirty_frontends.get(name, 0.0))

    def order(self) -> None:
        """Give every object its place in the file."""
        for place, name in enumerate(self.settings.backends):
            self.backends[name].place = place
        for place, name in enumerate(self.settings.frontends):
            self.frontends[name].place = place

    def generation_next(self) -> int:
        """Return a generation that was never given out, over restarts of the aggregator as well."""
        self.generation += 1
        return self.generation


def users(settings: Settings) -> dict[str, tuple[str, ...]]:
    """Return which frontends use each backend, in the order of the file."""
    found: dict[str, list[str]] = {}
    for frontend in settings.frontends.values():
        for pool in frontend.pools:
            for backend in pool.weights:
                found.setdefault(backend, []).append(frontend.name)
    return {backend: tuple(dict.fromkeys(names)) for backend, names in found.items()}
