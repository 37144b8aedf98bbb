# SPDX-License-Identifier: Apache-2.0
"""What VPP says to our calls: the picture follows what it accepted, what it refused is tried again.

A refusal holds up nobody else: the rest of the plan goes on (only the ASes of a VIP that was not
made are left out), the VIP keeps the error until VPP has all it should have, and a sync after a
bounded wait reads VPP again, because the picture the plan was made from may be wrong.
"""

from __future__ import annotations

from maglev.actor import Effect, Instant, Log
from maglev.core.reconcile import AddAs, AddVip, DelAs, DelVip, Operation, SetWeight
from maglev.core.timers import Timers
from maglev.programmer import queues
from maglev.programmer.events import CallsAnswered, SetConf
from maglev.programmer.state import Kind, KnownVip, State, Step, Trouble, accepted
from maglev.programmer.words import named, refusal


def answered(state: State, event: CallsAnswered, now: Instant) -> list[Effect]:
    """Take VPP's answers to the oldest calls under way."""
    effects: list[Effect] = []
    for retval in event.retvals:
        step = queues.land(state)
        if retval == 0:
            effects.append(_accepted(state, step, now))
        else:
            effects += _refused(state, step, retval, now)
        queues.less(state, step.sync)
        if step.known is not None:
            _note_end(state, step.known, now)
    return effects


def _accepted(state: State, step: Step, now: Instant) -> Effect:
    call, known, counts = step.call, step.known, step.sync.counts
    if isinstance(call, SetConf):
        state.conf_trouble.over()
        conf = call.conf
        return Log(
            "info",
            "vpp-lb-conf-set",
            {name: getattr(conf, name) for name in conf.__struct_fields__},
        )
    assert known is not None, f"{step}"
    known.actual = accepted(known.actual, call)
    if isinstance(call, DelAs):
        state.flushed.pop((call.vip, call.address), None)
    kind, line = _told(call)
    counts[kind] += 1
    return line


def _told(call: Operation) -> tuple[Kind, Log]:
    """Return how an accepted operation is counted and logged."""
    fields: dict[str, object] = {"vip": named(call.vip), "frontend": call.frontend}
    match call:
        case AddVip():
            fields |= {"encap": call.encap, "src_ip_sticky": call.src_ip_sticky}
            return "vip_added", Log("info", "vpp-lbsync-vip-add", fields)
        case DelVip():
            fields |= {"why": call.why}
            return "vip_removed", Log("info", "vpp-lbsync-vip-del", fields)
        case AddAs():
            fields |= {"backend": call.backend, "address": call.address, "weight": call.weight}
            return "as_added", Log("info", "vpp-lbsync-as-add", fields)
        case DelAs():
            fields |= {"address": call.address, "from": call.weight_before, "flush": True}
            return "as_removed", Log("info", "vpp-lbsync-as-del", fields)
        case SetWeight():
            fields |= {
                "backend": call.backend,
                "address": call.address,
                "from": call.weight_before,
                "to": call.weight,
                "flush": call.flush,
            }
            return "as_weight_updated", Log("info", "vpp-lbsync-as-weight", fields)


def _refused(state: State, step: Step, retval: int, now: Instant) -> list[Effect]:
    call, known, sync = step.call, step.known, step.sync
    error = refusal(call, retval)
    sync.failed += 1
    sync.error = sync.error or error
    queues.unsettle(state, step)
    if known is None:
        return _trouble(state, state.conf_trouble, error, {}, now)
    if isinstance(call, AddVip):
        queues.drop(state, known)
    fields: dict[str, object] = {"vip": named(known.vip), "frontend": known.frontend}
    return _trouble(state, known.trouble, error, fields, now)


def _trouble(
    state: State, trouble: Trouble, error: str, fields: dict[str, object], now: Instant
) -> list[Effect]:
    """Note the first refusal of a plan and when to try again; it is logged when it is news."""
    if trouble.fresh:
        return []  # most likely it follows from the first
    trouble.fresh = True
    trouble.attempts += 1
    delay_s = retry_delay_s(trouble.attempts, state.timers)
    state.retry_at_s = min(state.retry_at_s, now.mono_s + delay_s)
    news = error != trouble.error
    trouble.error = error
    return [Log("error" if news else "debug", "vpp-lbsync-refused", {**fields, "error": error})]


def retry_delay_s(attempts: int, timers: Timers) -> float:
    """Return the wait after so many plans in a row that VPP refused: 0, 1, 2, 4 .. 60 s, scaled."""
    if attempts <= 1:
        return 0.0  # our picture was wrong: mend it at once
    return min(timers.backoff_first_s * 2.0 ** min(attempts - 2, 20), timers.backoff_max_s)


def _note_end(state: State, known: KnownVip, now: Instant) -> None:
    """Note what it means that nothing more is on its way for a VIP, if so."""
    if known.busy:
        return
    state.touched[known.vip] = None
    if not known.trouble.fresh:
        known.trouble.over()
