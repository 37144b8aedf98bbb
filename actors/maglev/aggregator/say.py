# SPDX-License-Identifier: Apache-2.0
"""What the aggregator says of what it knows: dirty state in, messages out.

`settle` runs at the end of every turn.  What VPP should have goes first, so that a failover never
waits behind the news about it.
"""

from __future__ import annotations

import ipaddress

from maglev.actor import Effect, Instant, Log, Publish
from maglev.aggregator.state import Backend, Frontend, State
from maglev.core import failover
from maglev.core.frontend import survey
from maglev.messages import (
    Alarm,
    AlarmCleared,
    Assignment,
    BackendStatus,
    ConfigStatus,
    DesiredAs,
    DesiredSettings,
    DesiredVip,
    FrontendState,
    FrontendStatus,
    Pool,
    Transition,
    VerdictState,
)

PROTOCOL_NUMBERS = {"tcp": 6, "udp": 17, "any": 255}  # 255: VPP's word for any


def settle(state: State, now: Instant) -> list[Effect]:
    """Return the messages about everything marked dirty, and mark nothing as dirty any more."""
    wanted: list[Effect] = []
    news: list[Effect] = []
    for name, decided_at_s in state.dirty_frontends.items():
        frontend = state.frontends.get(name)
        if frontend is None:
            continue
        pools, judged = survey(frontend.pools, state.believed)
        news += _transition(frontend, judged, state.settings.transition_history, now)
        news.append(Publish(_frontend_status(frontend, pools)))
        if frontend.released:
            wanted += _desired(state, frontend, pools, decided_at_s)
    for name in state.dirty_backends:
        if name in state.backends:
            news.append(Publish(backend_status(state.backends[name])))
    state.dirty_frontends.clear()
    state.dirty_backends.clear()
    # Last of all what a reload names as the place from which all of it is visible.
    return wanted + _settings(state) + news + _config(state)


def _transition(frontend: Frontend, judged: FrontendState, keep: int, now: Instant) -> list[Effect]:
    """Note a change of the frontend's own state."""
    if judged == frontend.state:
        return []
    frontend.number += 1
    frontend.since_ns = now.unix_ns
    transition = Transition(
        number=frontend.number, before=frontend.state, after=judged, at_ns=now.unix_ns
    )
    frontend.history = (transition, *frontend.history)[:keep]
    fields: dict[str, object] = {
        "frontend": frontend.conf.name,
        "from": frontend.state,
        "to": judged,
        "number": frontend.number,
    }
    frontend.state = judged
    return [Log("info", "frontend-transition", fields)]


def _frontend_status(frontend: Frontend, pools: tuple[Pool, ...]) -> FrontendStatus:
    conf = frontend.conf
    return FrontendStatus(
        name=conf.name,
        description=conf.description,
        address=conf.address,
        protocol=conf.protocol,
        port=conf.port,
        src_ip_sticky=conf.src_ip_sticky,
        flush_on_down=conf.flush_on_down,
        state=frontend.state,
        number=frontend.number,
        since_ns=frontend.since_ns,
        pools=pools,
        history=frontend.history,
        place=frontend.place,
    )


def _desired(
    state: State, frontend: Frontend, pools: tuple[Pool, ...], decided_at_s: float
) -> list[Effect]:
    """Say the VIP as VPP should have it, if that differs from what was said last."""
    conf = frontend.conf
    ases = tuple(
        _desired_as(state, frontend, listed.name, listed.weight_effective)
        for pool in pools
        for listed in pool.backends
    )
    last = frontend.desired
    if last is not None and last.ases == ases and last.src_ip_sticky == conf.src_ip_sticky:
        return []  # the address of a frontend never changes: a reload makes it a new one
    desired = DesiredVip(
        frontend=conf.name,
        prefix=f"{conf.address}/{ipaddress.ip_address(conf.address).max_prefixlen}",
        protocol=PROTOCOL_NUMBERS[conf.protocol],
        port=conf.port,
        encap="gre6" if ":" in ases[0].address else "gre4",
        src_ip_sticky=conf.src_ip_sticky,
        ases=ases,
        decided_at_s=decided_at_s,
    )
    frontend.desired = desired
    return [Publish(desired)]


def _desired_as(state: State, frontend: Frontend, name: str, effective: int | None) -> DesiredAs:
    """One AS: what the rules say, or hold where we have reason to doubt them."""
    backend = state.backends[name]
    doubtful = name in state.held or frontend.doubtful
    return DesiredAs(
        address=backend.conf.address,
        backend=name,
        weight=None if doubtful else effective,
        weight_absent=(effective or 0) if doubtful else 0,
        drain=not doubtful and failover.drains(backend.state, frontend.conf.flush_on_down),
        flush=frontend.flushes.get(name, 0),
    )


def backend_status(backend: Backend) -> BackendStatus:
    """Return a backend as everybody should see it."""
    conf = backend.conf
    return BackendStatus(
        name=conf.name,
        address=conf.address,
        healthcheck=conf.check.name if conf.check else "",
        enabled=backend.mode != "disabled",
        state=backend.state,
        number=backend.number,
        since_ns=backend.since_ns,
        counter=backend.health.counter,
        code=backend.code,
        detail=backend.detail,
        duration_s=backend.duration_s,
        checked_at_ns=backend.checked_at_ns,
        prober=backend.owner,
        history=backend.history,
        stale=backend.stale,
        fault=backend.fault,
        place=backend.place,
    )


def assignment(state: State, backend: Backend) -> Publish:
    """Say who probes a backend, from which counter on."""
    verdict: VerdictState = backend.health.state
    return Publish(
        Assignment(
            backend=backend.name,
            prober=backend.owner,
            generation=backend.generation,
            address=backend.conf.address,
            check=backend.conf.check,
            state=verdict,
            counter=backend.health.counter,
            changes=backend.health.changes,
            netns=state.settings.netns,
        )
    )


def _settings(state: State) -> list[Effect]:
    """Say what is wanted of VPP besides the VIPs, if that differs from what was said last."""
    lb = state.settings.lb
    desired = DesiredSettings(
        phase=state.phase,
        revision=state.revision,
        conf=lb.conf,
        sync_interval_s=lb.sync_interval_s,
    )
    if desired == state.said_settings:
        return []
    state.said_settings = desired
    return [Publish(desired)]


def _config(state: State) -> list[Effect]:
    """Say which configuration is in force, if it is another one than was said last."""
    config = ConfigStatus(
        revision=state.reloads + 1,
        path=state.path,
        accepted_at_ns=state.accepted_at_ns,
        backends=len(state.backends),
        frontends=len(state.frontends),
        healthchecks=tuple(state.settings.healthchecks.values()),
    )
    if state.said_config is not None and config.revision == state.said_config.revision:
        return []
    state.said_config = config
    return [Publish(config)]


def alarm(state: State, kind: str, about: str, text: str, now: Instant) -> list[Effect]:
    """Raise an alarm, or clear it where text is empty; saying it twice says nothing."""
    standing = state.alarms.get((kind, about), "")
    if standing == text:
        return []
    fields: dict[str, object] = {"kind": kind, "about": about, "text": text or standing}
    if text:
        state.alarms[kind, about] = text
        raised = Alarm(kind=kind, about=about, text=text, since_ns=now.unix_ns)
        return [Publish(raised), Log("error", "alarm", fields)]
    del state.alarms[kind, about]
    return [Publish(AlarmCleared(kind=kind, about=about)), Log("info", "alarm-cleared", fields)]
