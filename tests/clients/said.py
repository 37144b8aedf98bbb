# SPDX-License-Identifier: Apache-2.0
"""Messages for tests of words and screens, short to write; and what is told of them."""

from maglev.clients.demo.words import (
    of_change,
    of_edge,
)
from maglev.core.view import Change, View
from maglev.messages import (
    ActualAs,
    BackendStatus,
    Check,
    ConfigStatus,
    DesiredSettings,
    FrontendStatus,
    LbConf,
    Level,
    Pool,
    PoolBackend,
    Retraction,
    SyncFinished,
    VipProgrammed,
)

CHECK = Check(name="web", type="http", port=80, rise=2, fall=3)
CONFIG = ConfigStatus(
    revision=1, path="", accepted_at_ns=0, backends=3, frontends=1, healthchecks=(CHECK,)
)
SETTINGS = DesiredSettings(
    phase="full",
    revision=1,
    conf=LbConf(
        ipv4_src_address="192.0.2.1",
        ipv6_src_address="::1",
        sticky_buckets_per_core=1024,
        flow_timeout_s=40,
    ),
    sync_interval_s=30.0,
)


def backend(name: str = "web1", state: str = "up", counter: int = 4, **fields: object) -> Level:
    plain: dict[str, object] = {
        "address": f"192.0.2.1{name[-1]}",
        "healthcheck": "web",
        "enabled": True,
        "number": 1,
        "since_ns": 0,
    }
    return BackendStatus(name=name, state=state, counter=counter, **{**plain, **fields})  # type: ignore[arg-type]


def frontend(state: str, active: str, **weights: int | None) -> FrontendStatus:
    """Return www with the pools primary (web1, web2) and standby (web3)."""
    pools = {"primary": ("web1", "web2"), "standby": ("web3",)}
    return FrontendStatus(
        name="www",
        description="",
        address="203.0.113.1",
        protocol="tcp",
        port=80,
        src_ip_sticky=False,
        flush_on_down=True,
        state=state,  # type: ignore[arg-type]
        number=1,
        since_ns=0,
        pools=tuple(
            Pool(
                name=pool,
                active=pool == active,
                backends=tuple(
                    PoolBackend(
                        name=name, state="up", weight=100, weight_effective=weights.get(name, 0)
                    )
                    for name in names
                ),
            )
            for pool, names in pools.items()
        ),
    )


def vip(error: str = "", failover_s: float = 0.0, **weights: int) -> VipProgrammed:
    return VipProgrammed(
        frontend="www",
        prefix="203.0.113.1/32",
        protocol=6,
        port=80,
        in_sync=not error,
        ases=tuple(
            ActualAs(address=f"192.0.2.1{name[-1]}", weight=weight)
            for name, weight in weights.items()
        ),
        error=error,
        failover_s=failover_s,
    )


def told(*story: Level | Retraction) -> list[str]:
    """Return what is told of the last message of a story."""
    view = View()
    view.synced("aggregator", [CONFIG, SETTINGS])
    change: Change | None = None
    for message in story:
        change = view.heard("aggregator", message)
    return [sentence.text for sentence in of_change(change, view)] if change is not None else []


def sync(scope: str = "all", **counts: int) -> list[str]:
    edge = SyncFinished(scope=scope, duration_s=0.0123, **counts)  # type: ignore[arg-type]
    return [sentence.text for sentence in of_edge(edge)]
