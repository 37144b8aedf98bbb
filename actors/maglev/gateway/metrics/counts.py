# SPDX-License-Identifier: Apache-2.0
"""What was counted: probes, transitions, VPP's calls, syncs, failovers, gRPC.

Totals of backends and of VPP come from those who own them, so they outlive this process; what gRPC
did is counted here.  Each function yields rows.
"""

from __future__ import annotations

from maglev.core.totals import BOUNDS_S
from maglev.gateway.calls import BUCKETS_S, Count
from maglev.gateway.metrics.text import Rows, Seen, histogram, labels
from maglev.messages import TotalsBlock, VppTotals


def outcome(code: str) -> str:
    """Return `ok`, `fail` or `fault` for the code of a probe's result."""
    if not code:
        return "fault"
    return "ok" if code.endswith("OK") else "fail"


# --- backends -------------------------------------------------------------------------------------


def probes(name: str, seen: Seen) -> Rows:
    """A row for each result there was."""
    for block in seen.view.all(TotalsBlock):
        for one in block.backends:
            for tally in one.probes:
                common = labels(backend=one.backend, type=tally.type)
                for code, count in tally.codes.items():
                    result = f'result="{outcome(code)}",code="{code}"'
                    yield f"{name}{{{common},{result}}} {count}\n"


def probe_durations(name: str, seen: Seen) -> Rows:
    """Without faults of the checker, which take no time."""
    for block in seen.view.all(TotalsBlock):
        for one in block.backends:
            for tally in one.probes:
                common = labels(backend=one.backend, type=tally.type)
                total_s = tally.duration_ns_sum / 1e9
                yield histogram(name, common, BOUNDS_S, tally.buckets, total_s)


def transitions(name: str, seen: Seen) -> Rows:
    """A row for each step there was."""
    for block in seen.view.all(TotalsBlock):
        for one in block.backends:
            for step in one.transitions:
                common = labels(backend=one.backend, from_=step.before, to=step.after)
                yield f"{name}{{{common}}} {step.count}\n"


# --- VPP ------------------------------------------------------------------------------------------


def vpp_api(name: str, seen: Seen) -> Rows:
    """Messages by name, direction and result."""
    totals = seen.view.get(VppTotals)
    for one in totals.api if totals is not None else ():
        result = "ok" if one.ok else "fail"
        which = labels(msg=one.message, direction=one.direction, result=result)
        yield f"{name}{{{which}}} {one.count}\n"


def lbsync(name: str, seen: Seen) -> Rows:
    """Changes by the scope of their sync, and kind."""
    totals = seen.view.get(VppTotals)
    for one in totals.syncs if totals is not None else ():
        yield f"{name}{{{labels(scope=one.scope, kind=one.kind)}}} {one.count}\n"


def failovers(name: str, seen: Seen) -> Rows:
    """By duration."""
    totals = seen.view.get(VppTotals)
    if totals is not None:
        total_s = totals.failover_ns_sum / 1e9
        yield histogram(name, "", BOUNDS_S, totals.failover_buckets, total_s)


# --- gRPC -----------------------------------------------------------------------------------------


def _method(count: Count) -> str:
    return labels(grpc_type=count.type, grpc_service=count.service, grpc_method=count.method)


def grpc_started(name: str, seen: Seen) -> Rows:
    """All methods, at zero too."""
    for count in seen.calls:
        yield f"{name}{{{_method(count)}}} {count.started}\n"


def grpc_handled(name: str, seen: Seen) -> Rows:
    """All methods and codes, at zero too."""
    for count in seen.calls:
        for code, handled in count.handled.items():
            yield f'{name}{{{_method(count)},grpc_code="{code}"}} {handled}\n'


def grpc_received(name: str, seen: Seen) -> Rows:
    """All methods, at zero too."""
    for count in seen.calls:
        yield f"{name}{{{_method(count)}}} {count.received}\n"


def grpc_sent(name: str, seen: Seen) -> Rows:
    """All methods, at zero too."""
    for count in seen.calls:
        yield f"{name}{{{_method(count)}}} {count.sent}\n"


def grpc_seconds(name: str, seen: Seen) -> Rows:
    """All methods, at zero too."""
    for count in seen.calls:
        yield histogram(name, _method(count), BUCKETS_S, count.buckets, count.seconds_sum)
