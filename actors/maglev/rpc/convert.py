# SPDX-License-Identifier: Apache-2.0
"""Levels of the bus as messages of the service, one function for each kind of object.

Names and numbers of fields are those of maglev.proto, which says what they mean.  There is no
state; what a level does not tell (whether its speaker is silent) is an argument.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from maglev.messages import (
    ActorStatus,
    AuditEntry,
    BackendStatus,
    Check,
    FrontendStatus,
    Heartbeat,
    Pool,
    Transition,
    VipProgrammed,
    VppStatus,
)
from maglev.rpc.service import pb
from maglev.version import Version

_NS_PER_S: Final = 1_000_000_000
_PROTOCOLS: Final = {6: "tcp", 17: "udp", 255: "any"}


def transition(one: Transition) -> pb.TransitionRecord:
    """Return one change of state."""
    return transition_record(one.before, one.after, one.at_ns, one.code, one.detail, one.number)


def transition_record(
    before: str, after: str, at_ns: int, code: str, detail: str, number: int
) -> pb.TransitionRecord:
    """Return a change of state in its parts; `from` is a word that Python keeps for itself."""
    return pb.TransitionRecord(
        **{"from": before}, to=after, at_ns=at_ns, code=code, detail=detail, number=number
    )


def frontend(
    status: FrontendStatus, weights: Mapping[str, int], *, stale: bool, note: str = ""
) -> pb.FrontendInfo:
    """Return a frontend; `weights` by backend are VPP's, for those that are held."""
    return pb.FrontendInfo(
        name=status.name,
        address=status.address,
        protocol=status.protocol,
        port=status.port,
        pools=[_pool(one, weights) for one in status.pools],
        description=status.description,
        src_ip_sticky=status.src_ip_sticky,
        flush_on_down=status.flush_on_down,
        state=status.state,
        last_transition_ns=status.since_ns,
        transitions=map(transition, status.history),
        stale=stale,
        note=note,
    )


def _pool(pool: Pool, weights: Mapping[str, int]) -> pb.PoolInfo:
    backends = []
    for one in pool.backends:
        effective = one.weight_effective
        held = effective is None
        backends.append(
            pb.PoolBackendInfo(
                name=one.name,
                weight=one.weight,
                effective_weight=weights.get(one.name, 0) if effective is None else effective,
                held=held,
                state=one.state,
            )
        )
    return pb.PoolInfo(name=pool.name, backends=backends, active=pool.active)


def backend(status: BackendStatus, *, stale: bool, note: str = "") -> pb.BackendInfo:
    """Return a backend; stale, too, if its own prober is silent."""
    return pb.BackendInfo(
        name=status.name,
        address=status.address,
        state=status.state,
        enabled=status.enabled,
        healthcheck=status.healthcheck,
        transitions=map(transition, status.history),
        last_transition_ns=status.since_ns,
        code=status.code,
        detail=status.detail,
        duration_s=status.duration_s,
        last_check_ns=status.checked_at_ns,
        counter=status.counter,
        prober=status.prober,
        stale=stale or status.stale,
        fault=status.fault,
        note=note,
    )


def healthcheck(check: Check) -> pb.HealthCheckInfo:
    """Return a health check."""
    return pb.HealthCheckInfo(
        name=check.name,
        type=check.type,
        port=check.port,
        interval_ns=_ns(check.interval_s),
        fast_interval_ns=_ns(check.fast_interval_s),
        down_interval_ns=_ns(check.down_interval_s),
        timeout_ns=_ns(check.timeout_s),
        rise=check.rise,
        fall=check.fall,
        probe_ipv4_src=check.probe_ipv4_src,
        probe_ipv6_src=check.probe_ipv6_src,
        path=check.path if check.type in ("http", "https") else "",
        host=check.host,
        response_code=_codes(check.response_codes) if check.type in ("http", "https") else "",
        response_regexp=check.response_regexp,
        ssl=check.ssl,
        server_name=check.server_name,
        insecure_skip_verify=check.insecure_skip_verify,
    )


def _ns(seconds: float) -> int:
    return round(seconds * _NS_PER_S)


def _codes(ranges: Iterable[tuple[int, int]]) -> str:
    return ",".join(f"{low}" if low == high else f"{low}-{high}" for low, high in ranges)


def vpp_info(status: VppStatus, *, stale: bool) -> pb.VPPInfo:
    """Return who VPP is."""
    return pb.VPPInfo(
        version=status.version,
        build_date=status.build_date,
        build_directory=status.build_directory,
        pid=status.pid,
        connecttime_ns=status.connected_at_ns,
        weights=status.weights,
        error=status.error,
        stale=stale,
    )


def vip(programmed: VipProgrammed) -> pb.VPPLBVIP:
    """Return what VPP has for one frontend."""
    return pb.VPPLBVIP(
        prefix=programmed.prefix,
        protocol=_PROTOCOLS.get(programmed.protocol, str(programmed.protocol)),
        port=programmed.port,
        application_servers=[
            pb.VPPLBAS(address=one.address, weight=one.weight, num_buckets=one.buckets)
            for one in programmed.ases
        ],
        frontend=programmed.frontend,
        in_sync=programmed.in_sync,
        error=programmed.error,
    )


def actor(status: ActorStatus, beat: Heartbeat | None, age_s: float, now_ns: int) -> pb.ActorInfo:
    """Return a process; `beat` is its last heartbeat, heard age_s seconds ago."""
    return pb.ActorInfo(
        name=status.actor,
        state=status.state,
        pid=status.pid,
        uptime_s=max(0, now_ns - status.started_ns) / _NS_PER_S if status.pid else 0.0,
        restarts=status.restarts,
        heartbeat_age_s=age_s,
        lag_ms_max=status.lag_ms_max if beat is None else beat.lag_ms_max,
        started_ns=status.started_ns,
        resyncs=0 if beat is None else beat.resyncs,
        dropped=0 if beat is None else beat.dropped,
    )


def audit_entry(line: AuditEntry) -> pb.AuditEntry:
    """Return one change that somebody made or was refused."""
    return pb.AuditEntry(
        at_ns=line.at_ns,
        who=line.who,
        origin=line.origin,
        action=line.action,
        about=line.about,
        before=line.before,
        after=line.after,
        result=line.result,
    )


def version(found: Version) -> pb.VersionInfo:
    """Return which software this is."""
    return pb.VersionInfo(version=found.version, commit=found.commit, build_date=found.date)
