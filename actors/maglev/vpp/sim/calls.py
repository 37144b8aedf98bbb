# SPDX-License-Identifier: Apache-2.0
"""The log of calls received, from which tests prove what was changed and what was not.

Messages are kept as bytes and put into words only when somebody reads them, because writing is on
the path of every call.  The state is a bounded queue; look at `in_words` for what an entry tells.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import cast

from maglev.vpp.sim import addresses
from maglev.vpp.sim.addresses import Prefix, from_wire
from maglev.vpp.sim.codec import Codec, string_at

KEPT = 200_000
"""Calls kept; older ones are forgotten."""

PROTOCOLS = {6: "tcp", 17: "udp", 255: "any"}

Entry = tuple[int, str, Codec, bytes, bytes]
"""Monotonic time in ns, name of the client, message, its bytes, the beginning of its reply."""


class CallLog:
    """The calls of the past, numbered from 0."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self.next = 0

    def add(self, entry: Entry) -> None:
        """Append a call."""
        self._entries.append(entry)
        self.next += 1

    def since(self, cursor: int, limit: int) -> tuple[int, list[dict[str, object]]]:
        """Return the calls from number cursor on, in words, and the number of the first.

        That is a later number than cursor if the calls there are forgotten already.
        """
        oldest = self.next - len(self._entries)
        first = min(max(cursor, oldest), self.next)
        entries = islice(self._entries, first - oldest, first - oldest + limit)
        return first, [{"n": n, **in_words(entry)} for n, entry in enumerate(entries, start=first)]


def in_words(entry: Entry) -> dict[str, object]:
    """Return a call as names and plain values; `retval` only if it was answered with one."""
    at_ns, client, codec, message, reply = entry
    told: dict[str, object] = {"at_ns": at_ns, "client": client, "message": codec.name}
    fields = codec.fields(message)
    if "pfx.len" in fields and not codec.name.endswith("_dump"):
        told["vip"] = _vip(fields)
    if "as_address.un" in fields:
        told["as"] = _address(fields, "as_address")
    for name in ("weight", "src_ip_sticky", "encap", "sticky_buckets_per_core", "flow_timeout"):
        if name in fields:
            told[name] = fields[name]
    for flag in ("del", "flush"):
        if "is_" + flag in fields:
            told[flag] = fields["is_" + flag]
    if codec.name == "cli_inband":
        told["line"] = string_at(message, codec.fixed.size)
    if len(reply) >= 26 and not codec.name.endswith("_dump"):
        told["retval"] = int.from_bytes(reply[22:26], "big", signed=True)
    return told


def _vip(fields: dict[str, object]) -> str:
    family, length = cast(int, fields["pfx.address.af"]), cast(int, fields["pfx.len"])
    union = cast(bytes, fields["pfx.address.un"])
    prefix: Prefix = from_wire(family, union), length + (0 if family else 96)
    port = cast(int, fields["port"])
    protocol = cast(int, fields["protocol"]) if port else 255
    return vip_name(prefix, protocol, port)


def vip_name(prefix: Prefix, protocol: int, port: int) -> str:
    """Return a VIP as `192.0.2.1/32 tcp 80`."""
    return f"{addresses.prefix_text(prefix)} {PROTOCOLS.get(protocol, protocol)} {port}"


def _address(fields: dict[str, object], name: str) -> str:
    family, union = cast(int, fields[name + ".af"]), cast(bytes, fields[name + ".un"])
    return addresses.text(from_wire(family, union))
