# SPDX-License-Identifier: Apache-2.0
"""Syncs: read VPP, compare, send the difference; for one VIP in a hurry without the read.

One sync with a read is under way at a time and State.sync holds it; what else is wanted waits in
State.wanted, each sort once.  A read takes long enough for VIPs to change meanwhile: of those
written since it began it tells nothing, and the picture we hold is the newer one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from maglev.actor import Caller, Effect, Instant, Log, Publish, Reply
from maglev.core.reconcile import (
    ActualVip,
    AddVip,
    Operation,
    SetWeight,
    Vip,
    in_sync,
    plan,
    recalled,
    vip_of,
)
from maglev.messages import DesiredVip, Done, SyncFinished, VipProgrammed
from maglev.programmer import queues
from maglev.programmer.events import PushLbConf, ReadVpp, VppRead
from maglev.programmer.state import NEVER, KnownVip, State, Step, Sync
from maglev.programmer.totals import KINDS
from maglev.programmer.words import outcome


def want(state: State, why: str, frontend: str = "", caller: Caller | None = None) -> None:
    """Ask for a sync that begins from now on; several who ask before it begins share it."""
    callers = state.wanted.setdefault(frontend, [])
    if caller is not None:
        callers.append(caller)
    if not frontend:
        state.why = state.why or why


def begin_wanted(state: State, now: Instant) -> list[Effect]:
    """Begin the next sync that somebody wants, if none is under way."""
    if not state.usable or not state.wanted or state.sync is not None:
        return []
    if "" in state.wanted:
        sync = Sync("all", "", state.why, now.mono_s)
        # Who wants one VIP compared is served as well.
        sync.callers = [caller for callers in state.wanted.values() for caller in callers]
        state.wanted.clear()
        state.why = ""
        state.retry_at_s = state.sync_at_s = NEVER
    else:
        frontend = next(iter(state.wanted))
        sync = Sync("vip", frontend, "operator", now.mono_s)
        sync.callers = state.wanted.pop(frontend)
    sync.stage = "reading"
    state.sync = sync
    state.written = {step.known.vip for step in state.flying}
    return [Log("debug", "vpp-lbsync", _fields(sync, "start")), ReadVpp()]


def read(state: State, event: VppRead) -> list[Effect]:
    """Believe the read where nothing newer is known, and go on with what differs."""
    sync = state.sync
    assert sync is not None, "a read that no sync asked for"
    assert sync.stage == "reading", f"read twice: {sync}"
    state.pictured = True
    for vip in event.vips:
        state.know(vip)
    for vip, known in state.known.items():
        if vip not in state.written:
            _believe(state, known, event.vips.get(vip), event.buckets.get(vip, {}))
    # Before any VIP: its packets are encapsulated with these addresses.
    if state.settings and state.phase != "wait" and event.conf != state.settings.conf:
        sync.stage = "configuring"
        state.conf_trouble.fresh = False
        return [PushLbConf(state.settings.conf)]
    state.conf_trouble.over()
    compare(state)
    return []


def compare(state: State) -> None:
    """Send what differs, as far as the phase allows."""
    sync = state.sync
    assert sync is not None, "nothing to compare for"
    sync.stage = "sending"
    if state.phase != "wait":
        state.conf_checked = True
        _plan(state, sync)
    if not sync.left:
        state.ended.append(sync)


def _believe(
    state: State, known: KnownVip, actual: ActualVip | None, buckets: Mapping[str, int]
) -> None:
    if actual == known.actual and buckets == known.buckets:
        return
    if actual != known.actual:
        known.actual = actual
        known.clean = False
    known.buckets = buckets
    state.touched[known.vip] = None


def _plan(state: State, sync: Sync) -> None:
    """Let the difference between what is wanted and the picture wait for its turn."""
    if sync.frontend:
        one = state.desired.get(sync.frontend)
        if one is not None:
            program(state, state.know(vip_of(one)), one, sync)
        return
    whole = state.phase == "full"
    # A VIP with steps that wait for their turn has a plan that is newer than the read.
    unclean = [known for known in state.known.values() if not (known.clean or known.waiting)]
    wanted = (state.claims.get(known.vip) for known in unclean)
    desired = [state.desired[frontend] for frontend in wanted if frontend is not None]
    operations = _planned(state, desired, unclean, whole=whole)
    _put(state, operations, sync, bulk=True)
    for known in unclean:
        _settle(state, known)
    for known in list(state.known.values()):
        if not known.busy and known.actual is None and known.vip not in state.claims:
            del state.known[known.vip]


def program(state: State, known: KnownVip, desired: DesiredVip, sync: Sync) -> None:
    """Replace what is left of a VIP's plan by one for what is wanted now."""
    queues.drop(state, known)
    operations = _planned(state, [desired], [known], whole=False)
    if any(isinstance(operation, AddVip) for operation in operations):
        # Other VIPs matter only where this one has to be made.
        operations = _planned(state, [desired], state.known.values(), whole=False)
    # Only weights are in a hurry: a reload that adds ASes to all VIPs is bulk work.
    _put(state, operations, sync, bulk=any(type(one) is not SetWeight for one in operations))
    _settle(state, known)
    if state.phase == "full" and not known.busy and not known.clean:
        want(state, "obstacle")  # which only a sync of everything may remove


def _planned(
    state: State, desired: list[DesiredVip], concerned: Iterable[KnownVip], *, whole: bool
) -> list[Operation]:
    picture = picture_of(concerned)
    state.flushed.update(recalled(desired, picture, state.flushed))
    return plan(desired, picture, state.flushed, whole=whole)


def picture_of(concerned: Iterable[KnownVip]) -> dict[Vip, ActualVip]:
    """Return what VPP has of these VIPs once it has accepted all that was sent."""
    expected = ((known.vip, known.expected) for known in concerned)
    return {vip: actual for vip, actual in expected if actual is not None}


def _put(state: State, operations: list[Operation], sync: Sync, *, bulk: bool) -> None:
    steps = [Step(operation, sync, state.know(operation.vip)) for operation in operations]
    for step in steps:
        step.known.clean = False
        step.known.trouble.fresh = False
    queues.put(state, steps, bulk=bulk)


def _settle(state: State, known: KnownVip) -> None:
    """Note of a VIP just planned that nothing is left to do, if so."""
    state.touched[known.vip] = None
    frontend = state.claims.get(known.vip)
    if frontend is None or known.busy:
        return
    if in_sync(state.desired[frontend], known.actual):
        known.clean = True
        known.trouble.over()


def end_ended(state: State, now: Instant) -> list[Effect]:
    """Say what came of the syncs that ended in this turn."""
    effects: list[Effect] = []
    for sync in state.ended:
        if not sync.left:
            effects += _end(state, sync, now)
    state.ended.clear()
    return effects


def _end(state: State, sync: Sync, now: Instant) -> list[Effect]:
    if state.sync is sync:
        state.sync = None
        if sync.scope == "all" and state.settings is not None:
            state.sync_at_s = now.mono_s + state.settings.sync_interval_s
    elif not sync.counts and not sync.failed:
        return []  # a newer plan replaced all of it
    if sync.decided_at_s and sync.counts and sync.frontend in state.desired:
        known = state.know(vip_of(state.desired[sync.frontend]))
        known.failover_s = now.mono_s - sync.decided_at_s
        state.totals.failed_over(known.failover_s)
        state.touched[known.vip] = None
    finished = SyncFinished(
        scope=sync.scope,
        frontend=sync.frontend,
        failed=sync.failed,
        duration_s=now.mono_s - sync.started_s,
        **sync.counts,
    )
    done = Done(text=outcome(sync), changed=sync.counts.total() > 0)
    return [
        Publish(finished),
        Log("info", "vpp-lbsync", _fields(sync, "end") | {"duration_s": finished.duration_s}),
        *(Reply(caller, done, visible=VipProgrammed) for caller in sync.callers),
    ]


def _fields(sync: Sync, stage: str) -> dict[str, object]:
    fields: dict[str, object] = {"stage": stage, "scope": sync.scope, "why": sync.why}
    if sync.frontend:
        fields["frontend"] = sync.frontend
    if stage == "end":
        fields |= {kind: sync.counts[kind] for kind in KINDS} | {"failed": sync.failed}
    return fields
