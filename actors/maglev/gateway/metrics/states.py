# SPDX-License-Identifier: Apache-2.0
"""How everything is: backends, frontends, weights, VPP, actors.  Each function yields rows.

What is known of VPP comes from the programmer: while VPP or the programmer is away there are no
rows but that it is not connected.
"""

from __future__ import annotations

from typing import get_args

from maglev.gateway.metrics.text import Rows, Seen, flags, labels
from maglev.messages import (
    ActorStatus,
    Alarm,
    BackendState,
    BackendStatus,
    FrontendState,
    FrontendStatus,
    Pool,
    PoolBackend,
    ProberPace,
    VppStatus,
)

BACKEND_STATES: tuple[str, ...] = get_args(BackendState)
FRONTEND_STATES: tuple[str, ...] = get_args(FrontendState)


# --- backends and frontends -----------------------------------------------------------------------


def backend_state(name: str, seen: Seen) -> Rows:
    """A row per state."""
    for one in seen.view.all(BackendStatus):
        common = labels(backend=one.name, address=one.address, healthcheck=one.healthcheck)
        yield flags(name, common, "state", BACKEND_STATES, one.state)


def backend_health(name: str, seen: Seen) -> Rows:
    """The rise/fall counter."""
    for one in seen.view.all(BackendStatus):
        yield f"{name}{{{labels(backend=one.name)}}} {one.counter}\n"


def backend_enabled(name: str, seen: Seen) -> Rows:
    """0 for one that is disabled."""
    for one in seen.view.all(BackendStatus):
        yield f"{name}{{{labels(backend=one.name)}}} {int(one.enabled)}\n"


def frontend_state(name: str, seen: Seen) -> Rows:
    """A row per state."""
    for one in seen.view.all(FrontendStatus):
        yield flags(name, labels(frontend=one.name), "state", FRONTEND_STATES, one.state)


def weight(name: str, seen: Seen) -> Rows:
    """The weight in force."""
    for front in seen.view.all(FrontendStatus):
        for pool in front.pools:
            for one in pool.backends:
                yield f"{name}{{{_member(front, pool, one)}}} {one.weight}\n"


def weight_effective(name: str, seen: Seen) -> Rows:
    """What VPP should have; no row while what VPP has is held."""
    for front in seen.view.all(FrontendStatus):
        for pool in front.pools:
            for one in pool.backends:
                if one.weight_effective is not None:
                    yield f"{name}{{{_member(front, pool, one)}}} {one.weight_effective}\n"


def _member(front: FrontendStatus, pool: Pool, one: PoolBackend) -> str:
    return labels(frontend=front.name, pool=pool.name, backend=one.name)


# --- VPP ------------------------------------------------------------------------------------------


def _vpp(seen: Seen) -> VppStatus | None:
    """Return what is known of a VPP that is connected."""
    status = seen.view.get(VppStatus) if seen.heard("programmer") else None
    return status if status is not None and status.connected else None


def vpp_connected(name: str, seen: Seen) -> Rows:
    """Always there."""
    yield f"{name} {int(_vpp(seen) is not None)}\n"


def vpp_connected_seconds(name: str, seen: Seen) -> Rows:
    """How long the connection has lasted."""
    status = _vpp(seen)
    if status is not None:
        yield f"{name} {max(0.0, seen.now.mono_s - status.connected_at_s):.3f}\n"


def vpp_info(name: str, seen: Seen) -> Rows:
    """Which VPP it is."""
    status = _vpp(seen)
    if status is not None:
        which = labels(version=status.version, build_date=status.build_date, pid=str(status.pid))
        yield f"{name}{{{which}}} 1\n"


# --- the daemon itself ----------------------------------------------------------------------------


def actor_up(name: str, seen: Seen) -> Rows:
    """1 for an actor whose heartbeat is heard."""
    for actor in seen.actors:
        beat = seen.beats.get(actor)
        up = beat is not None and seen.now.mono_s - beat.heard_s <= seen.silent_s
        yield f"{name}{{{labels(actor=actor)}}} {int(up)}\n"


def actor_heartbeat_age(name: str, seen: Seen) -> Rows:
    """No row for an actor that was never heard."""
    for actor, beat in list(seen.beats.items()):
        age_s = max(0.0, seen.now.mono_s - beat.heard_s)
        yield f"{name}{{{labels(actor=actor)}}} {age_s:.3f}\n"


def actor_restarts(name: str, seen: Seen) -> Rows:
    """As the watchdog tells."""
    for one in seen.view.all(ActorStatus):
        yield f"{name}{{{labels(actor=one.actor)}}} {one.restarts}\n"


def bus_resyncs(name: str, seen: Seen) -> Rows:
    """As each actor tells in its heartbeat."""
    for actor, beat in list(seen.beats.items()):
        yield f"{name}{{{labels(actor=actor)}}} {beat.said.resyncs}\n"


def bus_dropped(name: str, seen: Seen) -> Rows:
    """As each actor tells in its heartbeat."""
    for actor, beat in list(seen.beats.items()):
        yield f"{name}{{{labels(actor=actor)}}} {beat.said.dropped}\n"


def lateness(name: str, seen: Seen) -> Rows:
    """Quantiles of the last second, sum and count since the prober's start."""
    for pace in seen.view.all(ProberPace):
        if not seen.heard(pace.prober):
            continue
        who = labels(actor=pace.prober)
        told_ms = ((0.5, pace.lateness_ms_p50), (0.99, pace.lateness_ms_p99))
        for quantile, late_ms in (*told_ms, (1, pace.lateness_ms_max)):
            yield f'{name}{{{who},quantile="{quantile}"}} {late_ms / 1000:.6f}\n'
        yield f"{name}_sum{{{who}}} {pace.lateness_s_total:.6f}\n"
        yield f"{name}_count{{{who}}} {pace.starts_total}\n"


def alarms(name: str, seen: Seen) -> Rows:
    """A row for each alarm that stands."""
    for one in seen.view.all(Alarm):
        yield f"{name}{{{labels(kind=one.kind, about=one.about)}}} 1\n"
