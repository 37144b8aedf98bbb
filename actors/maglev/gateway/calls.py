# SPDX-License-Identifier: Apache-2.0
"""How often each gRPC method was called, how that ended and how long it took: plain counters.

The names and labels they are shown under are those of go-grpc-prometheus.  The state is one Count
per method, made at the start, so that every method is there at zero; whoever renders metrics reads
`Calls.counts` and BUCKETS_S, CODES.

    calls.begun(path)  ->  a Count, whose received and sent are raised as messages go
    calls.ended(count, "OK", seconds)
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

CallType = Literal["unary", "server_stream", "client_stream", "bidi_stream"]

CODES: Final[dict[str, str]] = {
    "OK": "OK",
    "CANCELLED": "Canceled",
    "UNKNOWN": "Unknown",
    "INVALID_ARGUMENT": "InvalidArgument",
    "DEADLINE_EXCEEDED": "DeadlineExceeded",
    "NOT_FOUND": "NotFound",
    "ALREADY_EXISTS": "AlreadyExists",
    "PERMISSION_DENIED": "PermissionDenied",
    "RESOURCE_EXHAUSTED": "ResourceExhausted",
    "FAILED_PRECONDITION": "FailedPrecondition",
    "ABORTED": "Aborted",
    "OUT_OF_RANGE": "OutOfRange",
    "UNIMPLEMENTED": "Unimplemented",
    "INTERNAL": "Internal",
    "UNAVAILABLE": "Unavailable",
    "DATA_LOSS": "DataLoss",
    "UNAUTHENTICATED": "Unauthenticated",
}
"""Status codes as gRPC's own specification writes them -> as Go, and the metrics, do."""

BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the histogram of seconds, inclusive; beyond the last there is +Inf."""


@dataclass(slots=True)
class Count:
    """The calls of one method since the start of this process."""

    service: str
    method: str
    type: CallType
    started: int = 0
    received: int = 0  # messages, of requests
    sent: int = 0  # messages, of responses
    handled: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CODES.values(), 0))
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS_S) + 1))  # not summed up
    seconds_sum: float = 0.0


class Calls:
    """The counts of all methods, by path (`/service/method`)."""

    def __init__(self, methods: Iterable[tuple[str, str, CallType]]) -> None:
        """Take (service, method, type) of every method that is served."""
        self.counts: dict[str, Count] = {
            f"/{service}/{method}": Count(service, method, kind)
            for service, method, kind in methods
        }

    def begun(self, path: str) -> Count:
        """Count a call that begins; `path` must be of a known method."""
        count = self.counts[path]
        count.started += 1
        return count

    def ended(self, count: Count, code: str, seconds: float) -> None:
        """Count the end of a call: code as in gRPC's specification (`NOT_FOUND`)."""
        count.handled[CODES.get(code, "Unknown")] += 1
        count.buckets[bisect_left(BUCKETS_S, seconds)] += 1
        count.seconds_sum += seconds
