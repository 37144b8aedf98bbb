# SPDX-License-Identifier: Apache-2.0
"""Addresses as VPP's lb plugin keeps them: 16 bytes, IPv4 as twelve zero bytes and the address.

A prefix is such an address with a length of 0..128, so an IPv4 /32 has the length 128.  On the wire
an address is a family and 16 bytes that begin with the address.  There is no state.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from socket import AF_INET, AF_INET6, inet_ntop

Prefix = tuple[bytes, int]

IP4, IP6 = 0, 1
_ZEROS = bytes(12)


def from_wire(family: int, union: bytes) -> bytes:
    """Return the 16 bytes of an address given by its family and the union of the message."""
    return union if family == IP6 else _ZEROS + union[:4]


def to_wire(address: bytes) -> tuple[int, bytes]:
    """Return family and union; as in VPP, an address of twelve zero bytes is IPv4."""
    return (IP4, address[12:] + _ZEROS) if is_ip4(address) else (IP6, address)


def from_text(text: str) -> bytes:
    """Return the 16 bytes of an address; ValueError if the text is none."""
    return ip_address(text).packed.rjust(16, b"\0")


def is_ip4(address: bytes) -> bool:
    """Tell whether VPP takes these 16 bytes for IPv4."""
    return address.startswith(_ZEROS)


def is_ip4_prefix(prefix: Prefix) -> bool:
    """Tell whether VPP takes this prefix for IPv4."""
    return prefix[1] >= 96 and is_ip4(prefix[0])


def text(address: bytes) -> str:
    """Return an address as VPP prints it."""
    return inet_ntop(AF_INET, address[12:]) if is_ip4(address) else _ip6_text(address)


def prefix_text(prefix: Prefix) -> str:
    """Return a prefix as VPP prints it."""
    address, length = prefix
    if is_ip4_prefix(prefix):
        return f"{inet_ntop(AF_INET, address[12:])}/{length - 96}"
    return f"{_ip6_text(address)}/{length}"


def _ip6_text(address: bytes) -> str:
    # Unlike inet_ntop, VPP never writes the end of an address as IPv4.
    known = inet_ntop(AF_INET6, address)
    return str(IPv6Address(address)) if "." in known else known


def masked(prefix: Prefix) -> Prefix:
    """Return the prefix with the bits behind its length cleared."""
    address, length = prefix
    if length >= 128:
        return prefix
    mask = (1 << 128) - (1 << (128 - length))
    return (int.from_bytes(address, "big") & mask).to_bytes(16, "big"), length
