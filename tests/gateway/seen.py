# SPDX-License-Identifier: Apache-2.0
"""A small world with one of everything that metrics show."""

from collections.abc import Iterable

from maglev.actor import Instant
from maglev.core.totals import BOUNDS_S, Tally
from maglev.core.view import Beat, View
from maglev.gateway.calls import Calls
from maglev.gateway.metrics.text import Seen
from maglev.messages import (
    ActorStatus,
    Alarm,
    ApiTally,
    BackendState,
    BackendStatus,
    BackendTotals,
    FrontendStatus,
    Heartbeat,
    Level,
    Pool,
    PoolBackend,
    ProberPace,
    SyncTally,
    TotalsBlock,
    TransitionTally,
    VppStatus,
    VppTotals,
)

NOW = Instant(1000.0, 10**18)
ACTORS = ("aggregator", "programmer", "watchdog", "prober-0")
SPEAKERS = {
    VppStatus: "programmer",
    VppTotals: "programmer",
    ActorStatus: "watchdog",
    ProberPace: "prober-0",
}


def backend(name: str, number: int, state: BackendState, check: str = "web") -> BackendStatus:
    return BackendStatus(
        name=name,
        address=f"10.0.0.{number}",
        healthcheck=check,
        enabled=state != "disabled",
        state=state,
        number=1,
        since_ns=1,
        counter=4 if state == "up" else 0,
    )


def tally(name: str, *results: tuple[str, float]) -> Tally:
    counted = Tally(name, "http")
    for code, duration_s in results:
        counted.add(code, duration_s)
    return counted


BACKENDS = [
    backend("web1", 1, "up"),
    backend("web2", 2, "disabled"),
    backend("static1", 3, "up", check=""),
]
WEB1 = tally("web1", ("L7OK", 0.0008), ("L7OK", 0.0008), ("L7STS", 0.002), ("L4TOUT", 0.015))
WEB1.add("", 0.5)
WEB2 = tally("web2", ("L7OK", 0.25), ("L7OK", 9.0))
FAILOVERS = (0, 0, 3, 1, *[0] * (len(BOUNDS_S) - 3))

EVERYTHING: list[Level] = [
    *BACKENDS,
    FrontendStatus(
        name="www",
        description="",
        address="192.0.2.80",
        protocol="tcp",
        port=80,
        src_ip_sticky=False,
        flush_on_down=True,
        state="up",
        number=1,
        since_ns=1,
        pools=(
            Pool(
                name="primary",
                active=True,
                backends=(
                    PoolBackend(name="web1", state="up", weight=100, weight_effective=100),
                    PoolBackend(name="web2", state="disabled", weight=50, weight_effective=None),
                ),
            ),
            Pool(
                name="standby",
                active=False,
                backends=(PoolBackend(name="static1", state="up", weight=10, weight_effective=0),),
            ),
        ),
    ),
    TotalsBlock(
        block=7,
        backends=(
            BackendTotals("web1", (WEB1.said(),), (TransitionTally("unknown", "up", 1),)),
            BackendTotals("web2", (WEB2.said(),), (TransitionTally("up", "disabled", 2),)),
        ),
    ),
    TotalsBlock(
        block=9, backends=(BackendTotals("static1", (), (TransitionTally("unknown", "up", 1),)),)
    ),
    Alarm(kind="checker-fault", about='enter netns "x"', text="...", since_ns=1),
    ProberPace(
        prober="prober-0",
        backends=2,
        in_flight=0,
        probes_total=7,
        lateness_ms_p50=0.2,
        lateness_ms_p99=0.9,
        lateness_ms_max=1.5,
        starts_total=8,
        lateness_s_total=0.0031,
    ),
    VppStatus(
        connected=True,
        weights=True,
        version="26.10-rc0",
        build_date="2026-11-20T17:06:32",
        pid=4711,
        connected_at_s=600.0,
    ),
    VppTotals(
        api=(
            ApiTally("lb_as_set_weight", "send", True, 7),
            ApiTally("lb_as_set_weight_reply", "recv", True, 6),
            ApiTally("lb_as_set_weight_reply", "recv", False, 1),
        ),
        syncs=(SyncTally("all", "vip_added", 1), SyncTally("vip", "as_weight_updated", 7)),
        failover_buckets=FAILOVERS,
        failover_ns_sum=17_000_000,
    ),
    ActorStatus(
        actor="aggregator",
        state="RUNNING",
        pid=1,
        started_ns=1,
        restarts=2,
        heartbeat_age_s=0.5,
        lag_ms_max=0.1,
    ),
]


def beat(actor: str, age_s: float) -> Beat:
    said = Heartbeat(
        actor=actor, pid=1, started_ns=1, positions={}, lag_ms_max=0.1, resyncs=3, dropped=4
    )
    return Beat(said, NOW.mono_s - age_s)


def calls() -> Calls:
    """One method, called twice."""
    counted = Calls([("maglev.Maglev", "GetBackend", "unary")])
    for code, seconds in (("OK", 0.003), ("NOT_FOUND", 0.02)):
        count = counted.begun("/maglev.Maglev/GetBackend")
        count.received += 1
        count.sent += code == "OK"
        counted.ended(count, code, seconds)
    return counted


def seen(levels: Iterable[Level] = EVERYTHING) -> Seen:
    """What a gateway that has heard all this shows."""
    view = View()
    for level in levels:
        view.heard(SPEAKERS.get(type(level), "aggregator"), level)
    beats = {"aggregator": beat("aggregator", 0.25), "prober-0": beat("prober-0", 0.75)}
    return Seen(view, beats, calls().counts.values(), ACTORS, 3.0, NOW)
