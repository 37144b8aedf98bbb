# SPDX-License-Identifier: Apache-2.0
"""What the aggregator wants: remembered as said, and acted upon as far as its phase allows.

It stands while the aggregator is away: VPP keeps forwarding by it, and syncs go on comparing VPP
with it.  A change of one VIP is programmed at once; VIPs are only removed by a sync of everything.
"""

from __future__ import annotations

from maglev.actor import Instant, Synced
from maglev.core.reconcile import recalled, vip_of
from maglev.messages import DesiredSettings, DesiredVip, Message, VipWithdrawn
from maglev.programmer import queues, sync
from maglev.programmer.state import State, Sync


def heard(state: State, message: Message, now: Instant) -> None:
    """Take one message of the aggregator."""
    match message:
        case DesiredVip():
            _vip_wanted(state, message, now)
        case VipWithdrawn(frontend=frontend):
            _withdraw(state, frontend)
        case DesiredSettings():
            _settings(state, message)
        case _:
            raise AssertionError(f"not heard here: {message}")


def synced(state: State, event: Synced, now: Instant) -> None:
    """Take all that the aggregator wants; what it does not mention it does not want any more."""
    frontends = {one.frontend for one in event.messages if isinstance(one, DesiredVip)}
    for frontend in [one for one in state.desired if one not in frontends]:
        _withdraw(state, frontend)
    if event.epoch != state.epoch:
        _begin_epoch(state, event.epoch)
    for message in event.messages:
        heard(state, message, now)
    # The numbers of flushes said now are where counting begins, be it that nothing changes.
    desired, picture = state.desired.values(), sync.picture_of(state.known.values())
    state.flushed.update(recalled(desired, picture, state.flushed))


def _begin_epoch(state: State, epoch: int) -> None:
    """Forget the numbers of an aggregator that is no more, and compare everything."""
    state.epoch = epoch
    state.flushed.clear()
    for known in state.known.values():
        known.clean = False
    sync.want(state, "aggregator")


def _settings(state: State, settings: DesiredSettings) -> None:
    before, state.settings = state.settings, settings
    if settings.phase == "wait":
        queues.drop_all(state)
    if before is None or (before.phase, before.revision, before.conf) != (
        settings.phase,
        settings.revision,
        settings.conf,
    ):
        sync.want(state, "revision")


def _vip_wanted(state: State, desired: DesiredVip, now: Instant) -> None:
    before = state.desired.get(desired.frontend)
    if before == desired:
        return
    vip = vip_of(desired)
    if before is not None and vip_of(before) != vip:
        _withdraw(state, desired.frontend)
    state.desired[desired.frontend] = desired
    state.leaving.pop(desired.frontend, None)
    state.claims[vip] = desired.frontend
    known = state.know(vip)
    known.frontend = desired.frontend
    known.clean = False
    state.touched[vip] = None
    if not state.programmable:
        return
    one = Sync("vip", desired.frontend, "desired", now.mono_s)
    if before is not None and before.decided_at_s != desired.decided_at_s:
        one.decided_at_s = desired.decided_at_s
    sync.program(state, known, desired, one)


def _withdraw(state: State, frontend: str) -> None:
    desired = state.desired.pop(frontend, None)
    if desired is None:
        return
    vip = vip_of(desired)
    state.leaving[frontend] = vip
    if state.claims.get(vip) != frontend:
        return  # another frontend has taken it over
    del state.claims[vip]
    known = state.know(vip)
    queues.drop(state, known)
    known.clean = False
