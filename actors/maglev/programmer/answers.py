# SPDX-License-Identifier: Apache-2.0
"""What VPP answers: the picture follows what it accepted, what it refused is tried again.

A refusal holds up nobody else: the rest of the plan goes on (only the ASes of a VIP that was not
made are left out), the VIP keeps the error until VPP has all it should have, and a sync after a
bounded wait reads VPP again, because the picture the plan was made from may be wrong.
"""

from __future__ import annotations

import msgspec

from maglev.actor import Effect, Instant, Log, Publish
from maglev.core.reconcile import AddAs, AddVip, DelAs, DelVip, Operation, SetWeight
from maglev.core.timers import Timers
from maglev.messages import LogLevel, SyncKind
from maglev.programmer import queues
from maglev.programmer.events import LbConfAnswered, OperationsAnswered
from maglev.programmer.state import KnownVip, State, Step, Trouble, accepted
from maglev.programmer.words import answer, named, refusal


def answered(state: State, event: OperationsAnswered, now: Instant) -> list[Effect]:
    """Take VPP's answers to the oldest operations under way."""
    effects: list[Effect] = []
    for retval in event.retvals:
        step = queues.land(state)
        if retval == 0:
            effects.append(_accepted(state, step))
        else:
            effects += _refused(state, step, retval)
        queues.less(state, step.sync)
        _note_end(state, step.known, now)
    return effects


def conf_answered(state: State, event: LbConfAnswered, now: Instant) -> list[Effect]:
    """Note whether the global parameters are in force; VIPs are programmed either way."""
    trouble, effects = state.conf_trouble, list[Effect]()
    if event.retval == 0:
        trouble.over()
        effects.append(Log("info", "vpp-lb-conf-set", msgspec.structs.asdict(event.conf)))
    else:
        error = f"set the parameters of the lb plugin: {answer(event.retval)}"
        effects += _trouble(trouble, error, {})
        _retry(state, trouble, now)
    if state.status.error != trouble.error:
        state.status = msgspec.structs.replace(state.status, error=trouble.error)
        effects.append(Publish(state.status))
    return effects


def _accepted(state: State, step: Step) -> Effect:
    operation, known = step.operation, step.known
    known.actual = accepted(known.actual, operation)
    if isinstance(operation, DelAs):
        state.flushed.pop((operation.vip, operation.address), None)
    kind, line = _told(operation)
    step.sync.counts[kind] += 1
    state.totals.syncs[step.sync.scope, kind] += 1
    return line


def _told(operation: Operation) -> tuple[SyncKind, Log]:
    """Return how an accepted operation is counted and logged."""
    fields: dict[str, object] = {"vip": named(operation.vip), "frontend": operation.frontend}
    match operation:
        case AddVip():
            fields |= {"encap": operation.encap, "src_ip_sticky": operation.src_ip_sticky}
            return "vip_added", Log("info", "vpp-lbsync-vip-add", fields)
        case DelVip():
            fields |= {"why": operation.why}
            return "vip_removed", Log("info", "vpp-lbsync-vip-del", fields)
        case AddAs():
            fields |= {
                "backend": operation.backend,
                "address": operation.address,
                "weight": operation.weight,
            }
            return "as_added", Log("info", "vpp-lbsync-as-add", fields)
        case DelAs():
            fields |= {"address": operation.address, "from": operation.weight_before, "flush": True}
            return "as_removed", Log("info", "vpp-lbsync-as-del", fields)
        case SetWeight():
            fields |= {
                "backend": operation.backend,
                "address": operation.address,
                "from": operation.weight_before,
                "to": operation.weight,
                "flush": operation.flush,
            }
            return "as_weight_updated", Log("info", "vpp-lbsync-as-weight", fields)


def _refused(state: State, step: Step, retval: int) -> list[Effect]:
    known, sync = step.known, step.sync
    error = refusal(step.operation, retval)
    sync.failed += 1
    sync.error = sync.error or error
    queues.unsettle(state, step)
    if isinstance(step.operation, AddVip):
        queues.drop(state, known)
    fields: dict[str, object] = {"vip": named(known.vip), "frontend": known.frontend}
    return _trouble(known.trouble, error, fields)


def _trouble(trouble: Trouble, error: str, fields: dict[str, object]) -> list[Effect]:
    """Note the first refusal of a plan; it is logged as an error when it is news."""
    if trouble.fresh:
        return []  # most likely it follows from the first
    level: LogLevel = "debug" if error == trouble.error else "error"
    trouble.fresh = True
    trouble.attempts += 1
    trouble.error = error
    return [Log(level, "vpp-lbsync-refused", {**fields, "error": error})]


def _note_end(state: State, known: KnownVip, now: Instant) -> None:
    """Note what it means that nothing more is on its way for a VIP, if so."""
    if known.busy:
        return
    state.touched[known.vip] = None
    if known.trouble.fresh:
        _retry(state, known.trouble, now)  # not before: a read tells nothing of what is on its way
    else:
        known.trouble.over()


def _retry(state: State, trouble: Trouble, now: Instant) -> None:
    delay_s = retry_delay_s(trouble.attempts, state.timers)
    state.retry_at_s = min(state.retry_at_s, now.mono_s + delay_s)


def retry_delay_s(attempts: int, timers: Timers) -> float:
    """Return the wait after so many plans in a row that VPP refused: 0, 1, 2, 4 .. 60 s, scaled."""
    if attempts <= 1:
        return 0.0  # our picture was wrong: mend it at once
    return min(timers.backoff_first_s * 2.0 ** min(attempts - 2, 20), timers.backoff_max_s)
