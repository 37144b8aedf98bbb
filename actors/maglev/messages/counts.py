# SPDX-License-Identifier: Apache-2.0
"""Counts that only grow, as messages carry them."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from maglev.messages.values import BackendState, CheckType


class ProbeTally(Struct, frozen=True, array_like=True, gc=False):
    """What came of the probes of one backend with one type of check.

    `buckets` are probes by duration, each in one bucket only: core.totals.BOUNDS_S, and one beyond
    the last.  A fault of the checker counts under the code '' and has no duration.
    """

    backend: str
    type: CheckType
    codes: dict[str, int]  # of the result: L7OK, L4TOUT, ...
    buckets: tuple[int, ...]
    duration_ns_sum: int  # whole, or sums would depend on the order of adding and could fall

    @property
    def probes(self) -> int:
        """All probes, faults among them."""
        return sum(self.codes.values())


class TransitionTally(Struct, frozen=True, array_like=True, gc=False):
    """How often a backend went from one state to another."""

    before: BackendState
    after: BackendState
    count: int


class BackendTotals(Struct, frozen=True, array_like=True, gc=False):
    """All that is counted of one backend, since it entered the configuration."""

    backend: str
    probes: tuple[ProbeTally, ...]  # one for each type of check it has had
    transitions: tuple[TransitionTally, ...]


SyncKind = Literal["vip_added", "vip_removed", "as_added", "as_removed", "as_weight_updated"]


class ApiTally(Struct, frozen=True, array_like=True, gc=False):
    """How often a message went to VPP or came from there."""

    message: str  # VPP's name for it
    direction: Literal["send", "recv"]
    ok: bool  # recv: VPP's result was 0
    count: int


class SyncTally(Struct, frozen=True, array_like=True, gc=False):
    """How often syncs of one scope did one kind of thing."""

    scope: Literal["all", "vip"]
    kind: SyncKind
    count: int
