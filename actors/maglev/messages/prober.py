# SPDX-License-Identifier: Apache-2.0
"""What probers say."""

from __future__ import annotations

from maglev.messages.base import Edge, Level, Retraction
from maglev.messages.counts import ProbeTally
from maglev.messages.values import VerdictState


class ProberPresent(Level, frozen=True, kw_only=True):
    """A prober is ready for assignments; a new incarnation has forgotten all it had."""

    KEY = ("prober",)
    prober: str
    incarnation: int  # raised by a start and by a stop of more than 3 s
    suspect: str = ""  # the backend whose answer was being handled when the last process died
    suspect_at_ns: int = 0  # when that process died, as far as known; tells one crash from the next


class Verdict(Level, frozen=True, kw_only=True):
    """What a prober knows of one backend, with the counter to hand over."""

    KEY = ("backend",)
    backend: str
    prober: str
    generation: int  # of the assignment it belongs to
    state: VerdictState
    counter: int  # 0..rise+fall-1
    changes: (
        int  # how often `state` changed since the backend was first assigned; tells of merged edges
    )
    code: str = ""
    detail: str = ""
    duration_s: float = 0.0
    at_ns: int = 0  # of the last probe that changed anything here; 0: none yet
    decided_at_s: float = 0.0  # monotonic time of that result
    fault: str = ""  # a fault of the checker itself; no verdict, the counter stands still


class VerdictWithdrawn(Retraction, frozen=True, kw_only=True):
    """A prober no longer speaks for a backend."""

    KEY = ("backend",)
    ENDS = Verdict
    backend: str


class ProberPace(Level, frozen=True, kw_only=True):
    """How a prober keeps up, once a second."""

    KEY = ("prober",)
    prober: str
    backends: int
    in_flight: int
    probes_total: int
    lateness_ms_p50: float  # start of a probe behind its due time, over the last second
    lateness_ms_p99: float
    lateness_ms_max: float
    starts_total: int = 0  # probes begun since the start of the process
    lateness_s_total: float = 0.0  # by how much they were late, all together


class ProbesSeen(Edge, frozen=True, kw_only=True):
    """The backends probed since the last one, four times a second."""

    prober: str
    backends: tuple[str, ...]


class ProbeTotals(Edge, frozen=True, kw_only=True):
    """The probes of some backends, counted since they were first assigned to this process.

    Once a second of those probed since, and of all within 15 s: what is missed is said again.
    """

    prober: str
    since_ns: int  # when the process began to count; tells its counts from those of others
    tallies: tuple[ProbeTally, ...]


class ProbeStarted(Edge, frozen=True, kw_only=True):
    """A probe begins; said only while somebody listens for it."""

    backend: str
    prober: str
    at_ns: int


class ProbeFinished(Edge, frozen=True, kw_only=True):
    """A probe ended; said only while somebody listens for it."""

    backend: str
    prober: str
    ok: bool
    code: str
    detail: str
    duration_s: float
    at_ns: int
