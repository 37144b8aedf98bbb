# SPDX-License-Identifier: Apache-2.0
"""What the programmer says of what it knows: touched VIPs in, messages out."""

from __future__ import annotations

from itertools import islice

from maglev.actor import Effect, Publish
from maglev.core.reconcile import Vip, in_sync
from maglev.messages import ActualAs, DesiredVip, VipForgotten, VipProgrammed
from maglev.programmer.state import KnownVip, State

VIPS_A_TURN_MAX = 64
"""After a read there may be news of a thousand VIPs, and a failover must not wait for all that."""


def news(state: State) -> list[Effect]:
    """Return messages about what was touched and has come to rest, a bounded part of it."""
    effects: list[Effect] = []
    if state.pictured:
        for vip in list(islice(state.touched, VIPS_A_TURN_MAX)):
            del state.touched[vip]
            effects += _programmed(state, vip)
    for frontend, vip in list(state.leaving.items()):
        if _is_gone(state, vip):
            del state.leaving[frontend]
            if state.said.pop(frontend, None) is not None:
                effects.append(Publish(VipForgotten(frontend=frontend)))
    return effects


def has_more(state: State) -> bool:
    """Return whether there is more to say at once."""
    return state.pictured and bool(state.touched)


def _programmed(state: State, vip: Vip) -> list[Effect]:
    """Say what VPP has of a VIP; one that is busy is touched again when it has come to rest."""
    frontend = state.claims.get(vip)
    known = state.known.get(vip)
    if frontend is None or known is None or known.busy:
        return []
    message = _message(known, state.desired[frontend])
    if state.said.get(frontend) == message:
        return []
    state.said[frontend] = message
    return [Publish(message)]


def _message(known: KnownVip, desired: DesiredVip) -> VipProgrammed:
    ases = known.actual.ases if known.actual else {}
    return VipProgrammed(
        frontend=desired.frontend,
        prefix=known.vip.prefix,
        protocol=known.vip.protocol,
        port=known.vip.port,
        in_sync=in_sync(desired, known.actual) and not known.trouble.error,
        ases=tuple(
            ActualAs(address=address, weight=weight, buckets=known.buckets.get(address, 0))
            for address, weight in ases.items()
        ),
        error=known.trouble.error,
        failover_s=known.failover_s,
    )


def _is_gone(state: State, vip: Vip) -> bool:
    """Return whether nothing in VPP is left that was a frontend's, or it is another's now."""
    known = state.known.get(vip)
    return known is None or vip in state.claims or (known.actual is None and not known.busy)
