# SPDX-License-Identifier: Apache-2.0
"""How the programmer's work reads: operations, VPP's errors and results, in an operator's words."""

from __future__ import annotations

from maglev.core.reconcile import AddAs, AddVip, DelAs, DelVip, Operation, SetWeight, Vip
from maglev.programmer.state import Sync
from maglev.programmer.totals import KINDS

# VPP: src/vnet/api_errno.h; those that the lb plugin returns, and what it means by them.
MEANINGS = {
    -1: "unspecified error",
    -6: "no such entry",
    -70: "not a power of two",
    -73: "invalid argument",
    -81: "exists already",
    -97: "wrong address family",
}

PROTOCOLS = {6: "tcp", 17: "udp", 255: "any"}


def refusal(operation: Operation, retval: int) -> str:
    """Return what VPP refused, and with which words."""
    return f"{doing(operation)}: {answer(retval)}"


def answer(retval: int) -> str:
    """Return VPP's number with its meaning."""
    return f"VPP answered {retval} ({MEANINGS.get(retval, 'an error')})"


def doing(operation: Operation) -> str:
    """Return an operation as an operator would name it, with the object it is about."""
    vip = named(operation.vip)
    match operation:
        case AddVip():
            return f"add VIP {vip}"
        case DelVip():
            return f"delete VIP {vip}"
        case AddAs(address=address, weight=weight):
            return f"add AS {address} with weight {weight} to VIP {vip}"
        case DelAs(address=address):
            return f"delete AS {address} from VIP {vip}"
        case SetWeight(address=address, weight=weight):
            return f"set weight {weight} of AS {address} in VIP {vip}"


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
