# SPDX-License-Identifier: Apache-2.0
"""What a prober knows, and the words it exchanges with its shell.

The state is plain values, a Backend for each one assigned to us; look at `Backend.verdict` for what
is said of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from maglev.actor import Effect, Event
from maglev.core.health import Health
from maglev.core.totals import Tally
from maglev.messages import Check, Verdict
from maglev.prober.totals import Totals
from maglev.probes.result import Result

First = Literal["spread", "soon", "late"]
"""When the first round is: spread over a pace interval; now, but thousands not in a burst; or only
when the aggregator must have heard all that we said before."""


@dataclass(slots=True)
class Backend:
    """One backend assigned to us."""

    name: str
    generation: int  # of the assignment in force
    address: str
    check: Check
    health: Health
    tally: Tally
    last: Result | None = None  # of the last round that changed anything here
    code: str = ""
    detail: str = ""
    duration_s: float = 0.0
    at_ns: int = 0
    decided_at_s: float = 0.0
    fault: str = ""

    def verdict(self, prober: str) -> Verdict:
        """Return what there is to say."""
        return Verdict(
            backend=self.name,
            prober=prober,
            generation=self.generation,
            state=self.health.state,
            counter=self.health.counter,
            changes=self.health.changes,
            code=self.code,
            detail=self.detail,
            duration_s=self.duration_s,
            at_ns=self.at_ns,
            decided_at_s=self.decided_at_s,
            fault=self.fault,
        )


@dataclass(slots=True)
class State:
    """All that a prober knows."""

    totals: Totals
    incarnation: int = 0
    netns: str = ""  # where probes are to be made
    backends: dict[str, Backend] = field(default_factory=dict)
    generations: dict[str, int] = field(default_factory=dict)  # last heard, of all backends
    unconfirmed: set[str] = field(default_factory=set)  # not heard of since the aggregator is back
    confirm_until_s: float = float("inf")
    seen: list[str] = field(default_factory=list)  # probed since the last ProbesSeen
    seen_at_s: float = 0.0  # when the next one is due


# --- events of the shell --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stopped(Event):
    """The process stood still for longer than stopped_s; others may speak for our backends now."""

    stood_s: float


@dataclass(frozen=True, slots=True)
class PaceMeasured(Event):
    """How the last second went."""

    in_flight: int
    probes_total: int
    lateness_ms_p50: float
    lateness_ms_p99: float
    lateness_ms_max: float
    starts_total: int
    lateness_s_total: float


@dataclass(frozen=True, slots=True)
class NetnsEntered(Event):
    """The shell has tried to enter a network namespace; `error` is empty if it is in."""

    name: str
    error: str


# --- effects for the shell ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BeginProbing(Effect):
    """Probe a backend with its check from now on, in place of any check before."""

    backend: Backend
    first: First


@dataclass(frozen=True, slots=True)
class EndProbing(Effect):
    """Probe a backend no more; drop the result of a round in flight."""

    backend: str


@dataclass(frozen=True, slots=True)
class EnterNetns(Effect):
    """Make all further probes in a network namespace; '' is where the process was started."""

    name: str
