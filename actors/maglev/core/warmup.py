# SPDX-License-Identifier: Apache-2.0
"""How much may be sent to VPP after a start, while verdicts are still coming in.

At first nothing, then each frontend as soon as all its backends are known, then everything; so a
start changes no weight for want of a verdict, and no VIP waits for a backend of another.  The state
is a Warmup value that its owner replaces; it only ever goes forward.  Look at `advanced`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from maglev.messages import BackendState

Phase = Literal["wait", "release", "full"]


@dataclass(frozen=True, slots=True)
class Warmup:
    """A warm-up that began at started_s of CLOCK_MONOTONIC; the delays count from there."""

    started_s: float
    delay_min_s: float
    delay_max_s: float
    phase: Phase = "wait"


def advanced(warmup: Warmup, now_s: float, unknown: bool) -> Warmup:
    """Return the warm-up as of now_s; the same object if nothing changed.

    `unknown` tells whether any backend is still without a verdict.  To be called at the start,
    when a backend leaves `unknown`, and at `look_again_s`.  Both delays 0: full at once.
    """
    if warmup.phase == "full":
        return warmup
    if warmup.phase == "wait" and now_s < warmup.started_s + warmup.delay_min_s:
        return warmup
    if not unknown or now_s >= warmup.started_s + warmup.delay_max_s:
        return replace(warmup, phase="full")
    return warmup if warmup.phase == "release" else replace(warmup, phase="release")


def skipped(warmup: Warmup) -> Warmup:
    """Return the warm-up as over, without any delay: every verdict was inherited."""
    return replace(warmup, phase="full")


def reloaded(warmup: Warmup, delay_min_s: float, delay_max_s: float) -> Warmup:
    """Return the warm-up under other delays; its clock runs on, and no phase comes back."""
    return replace(warmup, delay_min_s=delay_min_s, delay_max_s=delay_max_s)


def releases(warmup: Warmup, states: Iterable[BackendState]) -> bool:
    """Return whether a frontend with backends in these states may be sent to VPP now.

    A frontend once released stays so: a backend that is unknown again is held, like any.
    """
    if warmup.phase == "release":
        return "unknown" not in states
    return warmup.phase == "full"


def look_again_s(warmup: Warmup) -> float | None:
    """Return the moment of CLOCK_MONOTONIC to call `advanced` at the latest; None: no more."""
    if warmup.phase == "full":
        return None
    delay_s = warmup.delay_min_s if warmup.phase == "wait" else warmup.delay_max_s
    return warmup.started_s + delay_s
