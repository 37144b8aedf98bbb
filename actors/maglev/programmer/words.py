# SPDX-License-Identifier: Apache-2.0
"""How the programmer's work reads: calls, VPP's errors and results, in an operator's words."""

from __future__ import annotations

from maglev.core.reconcile import AddAs, AddVip, DelAs, DelVip, SetWeight, Vip
from maglev.programmer.events import Call, SetConf
from maglev.programmer.state import KINDS, Sync

# VPP: src/vnet/api_errno.h and src/vlibapi; those the lb plugin returns.
MEANINGS = {
    -6: "no such entry",
    -70: "not a power of two",
    -73: "invalid argument",
    -81: "exists already",
    -97: "wrong address family",
}

PROTOCOLS = {6: "tcp", 17: "udp", 255: "any"}


def refusal(call: Call, retval: int) -> str:
    """Return what VPP refused, and with which words."""
    meaning = MEANINGS.get(retval, "an error of VPP's")
    return f"{doing(call)}: VPP answered {retval} ({meaning})"


def doing(call: Call) -> str:
    """Return a call as an operator would name it, with the object it is about."""
    match call:
        case SetConf():
            return "set the lb parameters"
        case AddVip():
            return f"add VIP {named(call.vip)}"
        case DelVip():
            return f"delete VIP {named(call.vip)}"
        case AddAs():
            return f"add AS {call.address} with weight {call.weight} to VIP {named(call.vip)}"
        case DelAs():
            return f"delete AS {call.address} from VIP {named(call.vip)}"
        case SetWeight():
            return f"set weight {call.weight} of AS {call.address} in VIP {named(call.vip)}"


def named(vip: Vip) -> str:
    """Return a VIP in short: `192.0.2.1/32 tcp 80`, without a port where it is for all."""
    protocol = PROTOCOLS.get(vip.protocol, str(vip.protocol))
    return f"{vip.prefix} {protocol} {vip.port}" if vip.port else f"{vip.prefix} any"


def outcome(sync: Sync) -> str:
    """Return what came of a sync, in a line: `3 as_weight_updated, 1 refused: ...`."""
    parts = [f"{count} {kind}" for kind in KINDS if (count := sync.counts[kind])]
    if sync.failed:
        parts.append(f"{sync.failed} refused: {sync.error}")
    return ", ".join(parts) or "nothing to do"
