# SPDX-License-Identifier: Apache-2.0
"""VPP comes and goes: what is remembered of it, and when to look for it again.

With the connection goes all that was on its way.  What VPP made of that nobody knows, so nothing is
sent before everything was read again.
"""

from __future__ import annotations

from maglev.actor import Caller, Effect, Instant, Log, Publish, Reply
from maglev.messages import Refused, SyncVpp, VppStatus
from maglev.programmer import queues, sync
from maglev.programmer.events import ConnectVpp, PingVpp, VppConnected, VppLost
from maglev.programmer.state import CALLERS_MAX, NEVER, State

OFF = "there is to be no VPP: --vpp-api-addr (MAGLEV_VPP_API_ADDR) is empty"


def started(state: State) -> list[Effect]:
    """Look for VPP, unless there is to be none."""
    if not state.off:
        return [Publish(state.status), ConnectVpp()]
    state.status = VppStatus(connected=False, error=OFF)
    return [Publish(state.status), Log("info", "vpp-off", {"why": OFF})]


def connected(state: State, event: VppConnected, now: Instant) -> list[Effect]:
    """Say who VPP is; whether it is programmed depends on what it can do."""
    state.status = VppStatus(
        connected=True,
        weights=not event.unsupported,
        version=event.version,
        build_date=event.build_date,
        build_directory=event.build_directory,
        pid=event.pid,
        connected_at_ns=now.unix_ns,
        connected_at_s=now.mono_s,
        error=event.unsupported,
    )
    state.ping_at_s = now.mono_s + state.timers.vpp_ping_s
    sync.want(state, "connect")
    fields: dict[str, object] = {"version": event.version, "pid": event.pid}
    effects: list[Effect] = [Publish(state.status), Log("info", "vpp-connect", fields)]
    if event.unsupported:
        effects.append(Log("error", "vpp-unsupported", {"error": event.unsupported}))
    return effects


def lost(state: State, event: VppLost, now: Instant) -> list[Effect]:
    """Forget what was on its way, and connect again in a while."""
    effects: list[Effect] = []
    if state.status.connected or event.why != state.status.error:
        effects.append(Log("warn", "vpp-disconnect", {"why": event.why}))
    state.status = VppStatus(connected=False, error=event.why)
    effects.append(Publish(state.status))
    for step in state.flying:
        queues.unsettle(state, step)
    state.flying.clear()
    state.urgent.clear()
    state.bulk.clear()
    for known in state.known.values():
        known.waiting.clear()
        known.flying.clear()
    callers = [caller for callers in state.wanted.values() for caller in callers]
    if state.sync is not None:
        callers += state.sync.callers
    refused = Refused(code="unavailable", text=f"VPP was lost: {event.why}")
    effects += [Reply(caller, refused) for caller in callers]
    state.sync = None
    state.wanted.clear()
    state.why = ""
    state.pictured = state.conf_checked = False
    state.ping_at_s = state.sync_at_s = state.retry_at_s = NEVER
    state.connect_at_s = now.mono_s + state.timers.vpp_reconnect_s
    return effects


def due(state: State, now: Instant) -> list[Effect]:
    """Do what time asks for."""
    effects: list[Effect] = []
    if now.mono_s >= state.connect_at_s:
        state.connect_at_s = NEVER
        effects.append(ConnectVpp())
    if now.mono_s >= state.ping_at_s:
        state.ping_at_s = now.mono_s + state.timers.vpp_ping_s
        effects.append(PingVpp())
    if now.mono_s >= state.sync_at_s:
        state.sync_at_s = NEVER
        sync.want(state, "interval")
    if now.mono_s >= state.retry_at_s:
        state.retry_at_s = NEVER
        sync.want(state, "retry")
    return effects


def due_s(state: State) -> float:
    """Return when to look at the clock again."""
    return min(state.connect_at_s, state.ping_at_s, state.sync_at_s, state.retry_at_s)


def asked(state: State, caller: Caller, request: SyncVpp) -> list[Effect]:
    """Somebody wants VPP compared: they hear when it is done, or at once why not."""
    refused: Refused | None = None
    if state.off or not state.usable:
        text = f"no VPP to program: {state.status.error or 'not connected yet'}"
        refused = Refused(code="unavailable", text=text)
    elif state.phase == "wait":
        text = "nothing is sent to VPP before the end of startup-min-delay"
        refused = Refused(code="failed_precondition", text=text)
    elif request.frontend and request.frontend not in state.desired:
        text = f"no frontend '{request.frontend}' is to be programmed"
        refused = Refused(code="not_found", text=text)
    elif sum(map(len, state.wanted.values())) >= CALLERS_MAX:
        text = f"{CALLERS_MAX} callers wait for a sync already"
        refused = Refused(code="unavailable", text=text)
    if refused is not None:
        return [Reply(caller, refused)]
    sync.want(state, "operator", request.frontend, caller)
    return [Log("info", "operator", _who(request))]


def _who(request: SyncVpp) -> dict[str, object]:
    about = request.frontend or "all"
    return {"who": request.who, "origin": request.origin, "action": "sync", "about": about}
