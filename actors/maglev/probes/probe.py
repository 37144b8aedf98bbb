# SPDX-License-Identifier: Apache-2.0
"""What the reactor knows of a probe: one backend, probed again and again with one check.

A Probe is made once per backend and check, with everything that can be computed before, and used
for every round; at most one round is in flight.  The state of the rounds lives in the Probe, its
times in the fields that only the reactor writes; look at `Probe` for what a kind has to offer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from maglev.probes.result import Result

if TYPE_CHECKING:
    from maglev.probes.reactor import Reactor

IDLE: Final = 0
BOOKED: Final = 1  # waits for its time
QUEUED: Final = 2  # its time has come, but too many others are in flight
FLYING: Final = 3

MARK_BYTES: Final = 256
NEVER_S: Final = float("inf")
NEVER: Final = 1 << 62


def mark_of(name: str) -> bytes:
    """Return a name as it is written into a marker: MARK_BYTES bytes, filled up with zeros."""
    return name.encode()[: MARK_BYTES - 1].ljust(MARK_BYTES, b"\0")


class Handler(Protocol):
    """Whoever owns a descriptor in the reactor."""

    mark: bytes

    def ready(self, events: int) -> Result | None:
        """Take the EPOLL events of the descriptor; return how the round ended, if it has."""


class Probe:
    """One round after the other: start, then ready until there is a result or the time is up."""

    __slots__ = (
        "mark",
        "owner",
        "slot",
        "started_s",
        "state",
        "timeout_s",
        "when_s",
    )

    def __init__(self, name: str, timeout_s: float, owner: Any = None) -> None:
        """Take the name for the marker, the deadline of a round, and whatever the caller wants."""
        self.mark = mark_of(name)
        self.owner = owner
        self.timeout_s = timeout_s
        self.state: int = IDLE
        self.when_s = NEVER_S  # booked: due; flying: deadline
        self.slot = NEVER  # of its live entry in the calendar
        self.started_s = 0.0

    def start(self, reactor: Reactor) -> Result | None:
        """Begin a round without blocking; return its result if it is over at once."""
        raise NotImplementedError

    def ready(self, events: int) -> Result | None:
        """Go on as far as possible without blocking; any `events` may be untrue."""
        raise NotImplementedError

    def timed_out(self) -> Result:
        """Return the result of a round whose time is up."""
        raise NotImplementedError

    def close(self, reactor: Reactor) -> None:
        """Let go of all that a round holds, if one was started."""
        raise NotImplementedError
