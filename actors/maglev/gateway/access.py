# SPDX-License-Identifier: Apache-2.0
"""Who may change things: callers on the loopback interface, on the Unix socket, and operators.

A Visitor is whoever makes a call, as far as the kernel or a certificate tells; `judge` says whether
it may change anything, and if not, in words, how it could.  Pure; door.py finds the Guests out.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote


@dataclass(frozen=True, slots=True)
class Guest:
    """Who came in by the door; `names` are those in a client certificate that was verified."""

    origin: str  # 'unix', or the address
    user: str = ""  # of the process at the other end of the Unix socket
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who makes a call: a name for the audit, where from, and whether it may change things."""

    who: str
    origin: str
    refusal: str = ""  # why it may not, and how it could; empty: it may


@dataclass(frozen=True, slots=True)
class Rules:
    """What is asked of callers; `tls` and `certificates`: how they could show who they are."""

    socket: Path
    open: bool = False
    tls: bool = False
    certificates: bool = False


def judge(
    peer: str, guests: Mapping[str, Guest], operators: frozenset[str], rules: Rules
) -> Visitor:
    """Return who is at the other end of a connection; `peer` is gRPC's word for it."""
    kind, _, rest = peer.partition(":")
    if kind in ("ipv4", "ipv6"):
        return _judge(Guest(unquote(rest)), operators, rules)
    guest = guests.get(rest) if kind == "unix-abstract" else None
    if guest is None:  # not by the door, or gone already
        return Visitor("unknown", kind, _refusal("somebody unknown", rules))
    return _judge(guest, operators, rules)


def _judge(guest: Guest, operators: frozenset[str], rules: Rules) -> Visitor:
    if guest.user:
        return Visitor(guest.user, guest.origin)
    for name in guest.names:
        if name in operators:
            return Visitor(name, guest.origin)
    who = guest.names[0] if guest.names else ""
    if is_loopback(guest.origin):
        return Visitor(who or "loopback", guest.origin)
    if rules.open:
        return Visitor(who or "anybody", guest.origin)
    named = f"{guest.origin} with a certificate for {', '.join(guest.names)}" if who else ""
    return Visitor(who or "anybody", guest.origin, _refusal(named or guest.origin, rules))


def is_loopback(origin: str) -> bool:
    """Return whether an `address:port` is of this machine's loopback interface.

    IPv4 in IPv6 (`[::ffff:127.0.0.1]:4242`) counts as IPv4: a listener on [::] shows it so.
    """
    text = origin.rpartition(":")[0].strip("[]").partition("%")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def _refusal(whom: str, rules: Rules) -> str:
    if rules.certificates:
        third = "with a client certificate whose name is on the list of operators"
    elif rules.tls:
        third = "with a client certificate, once --grpc-client-ca and --grpc-operators are set"
    else:
        third = "with a client certificate, once --grpc-tls-cert and its companions are set"
    return (
        f"{whom} may look and not change anything: changes are made from this machine (loopback, "
        f"or unix:{rules.socket}), {third}, or by everybody with --grpc-open"
    )
