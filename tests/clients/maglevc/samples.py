# SPDX-License-Identifier: Apache-2.0
"""Answers of a daemon with two frontends and five backends, at one fixed moment."""

from maglev.rpc.maglev_pb2 import (
    VPPLBAS,
    VPPLBVIP,
    ActorInfo,
    AuditEntry,
    BackendInfo,
    FrontendInfo,
    HealthCheckInfo,
    ListActorsResponse,
    ListAuditResponse,
    ListBackendsResponse,
    ListFrontendsResponse,
    ListHealthChecksResponse,
    PoolBackendInfo,
    PoolInfo,
    TransitionRecord,
    VersionInfo,
    VPPInfo,
    VPPLBState,
)

S = 1_000_000_000
NOW_NS = 1_795_204_800 * S  # 2026-11-20 20:00:00 UTC


def moved(before: str, after: str, ago_s: float, code: str = "", detail: str = "") -> object:
    at_ns = NOW_NS - round(ago_s * S)
    record = TransitionRecord(to=after, at_ns=at_ns, code=code, detail=detail)
    setattr(record, "from", before)
    return record


def backend(name: str, address: str, state: str, ago_s: float, **more: object) -> BackendInfo:
    given = {"healthcheck": "web", "enabled": True, "last_transition_ns": NOW_NS - round(ago_s * S)}
    return BackendInfo(name=name, address=address, state=state, **(given | more))


WEB1 = backend(
    "web1",
    "127.0.0.11",
    "up",
    630,
    code="L7OK",
    detail="HTTP 200",
    duration_s=0.0012,
    last_check_ns=NOW_NS - S,
    counter=4,
    prober="prober-0",
    transitions=[
        moved("down", "up", 630, "L7OK", "HTTP 200"),
        moved("unknown", "down", 144_000, "L4CON", "connection refused"),
    ],
)
WEB2 = backend("web2", "127.0.0.12", "down", 5, code="L7STS", detail="HTTP 503", prober="prober-1")
WEB3 = backend("web3", "2001:db8::13", "disabled", 60, enabled=False)
WEB4 = backend("web4", "127.0.0.14", "up", 3900, healthcheck="", code="static")
WEB5 = backend("web5", "127.0.0.15", "unknown", 2, fault='enter netns "x": not permitted')

BACKENDS = ListBackendsResponse(backends=[WEB1, WEB2, WEB3, WEB4, WEB5])

WWW = FrontendInfo(
    name="www",
    address="192.0.2.80",
    protocol="tcp",
    port=80,
    description="three that serve, two that stand by",
    flush_on_down=True,
    state="up",
    last_transition_ns=NOW_NS - 630 * S,
    pools=[
        PoolInfo(
            name="primary",
            active=True,
            backends=[
                PoolBackendInfo(name="web1", weight=100, effective_weight=100, state="up"),
                PoolBackendInfo(name="web2", weight=100, state="down"),
                PoolBackendInfo(name="web3", weight=50, state="disabled"),
            ],
        ),
        PoolInfo(
            name="standby",
            backends=[
                PoolBackendInfo(name="web4", weight=100, state="up"),
                PoolBackendInfo(
                    name="web5", weight=5, effective_weight=7, held=True, state="unknown"
                ),
            ],
        ),
    ],
    transitions=[moved("unknown", "up", 630)],
)
DNS = FrontendInfo(
    name="dns6",
    address="2001:db8::53",
    protocol="any",
    state="down",
    last_transition_ns=NOW_NS - 2 * S,
    stale=True,
    pools=[PoolInfo(name="all", active=True, backends=[PoolBackendInfo(name="web3", weight=1)])],
)
FRONTENDS = ListFrontendsResponse(frontends=[WWW, DNS])

CHECKS = ListHealthChecksResponse(
    healthchecks=[
        HealthCheckInfo(
            name="web",
            type="https",
            port=8080,
            interval_ns=2 * S,
            fast_interval_ns=250_000_000,
            down_interval_ns=90 * S,
            timeout_ns=S,
            rise=2,
            fall=3,
            path="/healthz",
            host="www.example.com",
            response_code="200-299",
            response_regexp="^ok",
            server_name="www.example.com",
        ),
        HealthCheckInfo(
            name="ping",
            type="icmp",
            interval_ns=1_500_000_000,
            fast_interval_ns=S,
            down_interval_ns=3_600 * S,
            timeout_ns=500_000_000,
            rise=1,
            fall=1,
            probe_ipv4_src="192.0.2.1",
        ),
    ]
)

VPP_INFO = VPPInfo(
    version="26.10-rc0~1",
    build_date="2026-11-01T10:00:00",
    build_directory="/w/workspace/vpp",
    pid=4711,
    boottime_ns=NOW_NS - 144_000 * S,
    connecttime_ns=NOW_NS - 630 * S,
    weights=True,
)

LB_STATE = VPPLBState(
    vips=[
        VPPLBVIP(
            prefix="192.0.2.80/32",
            protocol="tcp",
            port=80,
            frontend="www",
            in_sync=True,
            application_servers=[
                VPPLBAS(address="127.0.0.11", weight=100, num_buckets=1024),
                VPPLBAS(address="127.0.0.12", weight=0, num_buckets=0),
            ],
        ),
        VPPLBVIP(
            prefix="2001:db8::53/128",
            protocol="any",
            frontend="dns6",
            error="lb_add_del_as 2001:db8::13: -70",
            application_servers=[VPPLBAS(address="2001:db8::13", weight=1, num_buckets=512)],
        ),
    ]
)

ACTORS = ListActorsResponse(
    actors=[
        ActorInfo(
            name="aggregator",
            state="RUNNING",
            pid=101,
            uptime_s=144_000,
            heartbeat_age_s=0.4,
            lag_ms_max=1.25,
        ),
        ActorInfo(name="prober-0", state="BACKOFF", restarts=3, dropped=12),
    ]
)

AUDIT = ListAuditResponse(
    entries=[
        AuditEntry(
            at_ns=NOW_NS - 5 * S,
            who="root",
            origin="unix",
            action="pause",
            about="backend web1",
            before="up",
            after="paused",
            result="done",
        ),
        AuditEntry(
            at_ns=NOW_NS - 90 * S,
            who="",
            origin="192.0.2.7",
            action="weight 500",
            about="frontend www pool primary backend web1",
            result="refused: weight must be 0..100, not 500",
        ),
    ]
)

VERSION = VersionInfo(version="0.1.0", commit="abc1234", build_date="2026-11-20")
