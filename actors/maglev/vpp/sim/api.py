# SPDX-License-Identifier: Apache-2.0
"""What each message of the binary API does to the plane, and what VPP answers.

Bytes come in and bytes go out, one whole message at a time; the method `on_<message>` handles it.
The state is the plane; look at the methods for what VPP checks and answers.  Where 26.06 is wrong
in a way that callers can see, so is this.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct

from maglev.vpp.sim import cli
from maglev.vpp.sim.addresses import Prefix, from_wire, is_ip4_prefix
from maglev.vpp.sim.codec import HEADER, Codec, codecs, message_table, string, string_at
from maglev.vpp.sim.definitions import Version, api_json
from maglev.vpp.sim.details import AsDetails, vip_details
from maglev.vpp.sim.plane import ENCAPS, NO_SUCH_ENTRY, Conf, Plane, Vip

KEEP = 0xFFFFFFFF  # in lb_conf: leave as it is
NO_SUCH_FIB = -3
UNSUPPORTED = -22

Handler = Callable[[Codec, bytes, float], bytes]

_RETVAL = Struct(">QIIHIi")


@dataclass(frozen=True, slots=True)
class Identity:
    """What a VPP says about itself."""

    pid: int
    release: str
    build_date: str
    build_directory: str


class Api:
    """The messages of one boot of one VPP."""

    def __init__(self, version: Version, identity: Identity, plane: Plane) -> None:
        self.version: Version = version
        self.plane = plane
        self.codecs = codecs(version)
        self.handlers: dict[int, tuple[Codec, Handler]] = {
            codec.id: (codec, getattr(self, "on_" + name))
            for name, codec in self.codecs.items()
            if hasattr(self, "on_" + name)
        }
        self._identity = identity
        self._ases = {
            name: AsDetails(self.codecs[name + "_details"], version)
            for name in ("lb_as", "lb_as_v2")
            if name + "_details" in self.codecs
        }
        # 26.06 takes the length of an IPv4 prefix for one of its 128 bits.
        self._ip4_offset = 0 if version == "26.06" else 96

    def greeting(self, message: bytes, handle: int) -> bytes:
        """Return the reply to `sockclnt_create`: the caller's handle and all message ids."""
        reply = self.codecs["sockclnt_create_reply"]
        assert reply.item, "the reply carries the message table"
        table = message_table(self.version)
        entries = (reply.item.pack(number, name.encode()) for name, number in table.items())
        context = int.from_bytes(message[2:6], "big")
        return reply.frame(handle, context, 0, handle, len(table), tail=b"".join(entries))

    def retval(self, codec: Codec, context: int, retval: int) -> bytes:
        """Return the reply to a message whose reply is nothing but a result."""
        # Replies follow their messages in the table, here as in VPP.
        return _RETVAL.pack(0, 10, 0, codec.id + 1, context, retval)

    def refusal(self, codec: Codec, context: int, retval: int) -> bytes:
        """Return a reply of a result and zeros; nothing where VPP has no way to refuse (dumps)."""
        reply = self.codecs.get(codec.name + "_reply")
        if reply is None:
            return b""
        text = string("") if reply.text else b""
        zeros = bytes(reply.fixed.size - 10) + text
        body = reply.id.to_bytes(2, "big") + context.to_bytes(4, "big")
        body += retval.to_bytes(4, "big", signed=True) + zeros
        return HEADER.pack(0, len(body), 0) + body

    def on_sockclnt_delete(self, codec: Codec, message: bytes, now_s: float) -> bytes:
        return self.retval(codec, context_of(message), 1)

    def on_memclnt_keepalive(self, codec: Codec, message: bytes, now_s: float) -> bytes:
        return self.retval(codec, context_of(message), 0)

    def on_control_ping(self, codec: Codec, message: bytes, now_s: float) -> bytes:
        client = 0 if self.version == "26.06" else int.from_bytes(message[2:6], "big")
        reply = self.codecs["control_ping_reply"]
        return reply.frame(context_of(message), 0, client, self._identity.pid)

    def on_get_api_json(self, codec: Codec, message: bytes, now_s: float) -> bytes:
        text = string(api_json(self.version))
        return self.codecs["get_api_json_reply"].frame(context_of(message), 0, tail=text)

    def on_api_versions(self, codec: Codec, message: bytes, now_s: float) -> bytes:
        # A real one tells none either: nothing there fills the list.
        return self.codecs["api_versions_reply"].frame(context_of(message), 0, 0)

    def on_show_version(self, codec: Codec, message: bytes, now_s: float) -> bytes:
        who = self._identity
        texts = ("vpe", who.release, who.build_date, who.build_directory)
        reply = self.codecs["show_version_reply"]
        return reply.frame(context_of(message), 0, *(text.encode() for text in texts))

    def on_cli_inband(self, codec: Codec, message: bytes, now_s: float) -> bytes:
        line = string_at(message, codec.fixed.size)
        retval, text = cli.run(line, self.plane, self.version, now_s)
        reply = self.codecs["cli_inband_reply"]
        return reply.frame(context_of(message), retval, tail=string(text))

    def on_ip_route_lookup(self, codec: Codec, message: bytes, now_s: float) -> bytes:
        _, _, context, table, _, family, union, length = codec.fixed.unpack_from(message)
        prefix = from_wire(family, union), length + (0 if family else 96)
        index = self.plane.stats_index(prefix) if table == 0 else None
        reply = self.codecs["ip_route_lookup_reply"]
        if index is None:
            retval = NO_SUCH_ENTRY if table == 0 else NO_SUCH_FIB
            return reply.frame(context, retval, 0, 0, 0, b"", 0, 0)
        return reply.frame(context, 0, table, index, family, union, length, 0)

    def on_lb_conf(self, codec: Codec, message: bytes, now_s: float) -> bytes:
        _, _, context, ip4, ip6, sticky, timeout = codec.fixed.unpack_from(message)
        before = self.plane.conf
        conf = Conf(
            ip4,
            ip6,
            before.sticky_buckets_per_core if sticky == KEEP else sticky,
            before.flow_timeout_s if timeout == KEEP else timeout,
        )
        return self.retval(codec, context, self.plane.configure(conf))

    def on_lb_conf_get(self, codec: Codec, message: bytes, now_s: float) -> bytes:
        conf = self.plane.conf
        return self.codecs["lb_conf_get_reply"].frame(
            context_of(message),
            0,
            conf.ip4_src_address,
            conf.ip6_src_address,
            conf.sticky_buckets_per_core,
            conf.flow_timeout_s,
        )

    def on_lb_add_del_vip(self, codec: Codec, message: bytes, now_s: float) -> bytes:
        fields = codec.fixed.unpack_from(message)
        _, _, context, family, union, length, protocol, port, encap, dscp = fields[:10]
        new_len, is_del = fields[13], fields[-1]
        sticky = fields[14] if codec.name == "lb_add_del_vip_v2" else False
        prefix = self._prefix(family, union, length)
        if is_del:
            vip = self.plane.find(prefix, protocol, port)
            if vip is not None:
                self.plane.vip_del(vip, now_s)
            retval = NO_SUCH_ENTRY if vip is None else 0
        elif encap >= len(ENCAPS):
            retval = UNSUPPORTED
        else:
            # VPP takes what does not go with IPv6 for its first type.
            known = ENCAPS[encap] if encap < 2 or is_ip4_prefix(prefix) else "gre6"
            vip = Vip(prefix, protocol, port, known, new_len, sticky, dscp & 0x3F)
            retval = self.plane.vip_add(vip)
        return self.retval(codec, context, retval)

    on_lb_add_del_vip_v2 = on_lb_add_del_vip

    def on_lb_add_del_as(self, codec: Codec, message: bytes, now_s: float) -> bytes:
        fields = codec.fixed.unpack_from(message)
        _, _, context, family, union, length, protocol, port, as_family, as_union = fields[:10]
        vip = self.plane.find(self._prefix(family, union, length), protocol, port)
        if vip is None:
            return self.retval(codec, context, NO_SUCH_ENTRY)
        address = from_wire(as_family, as_union)
        if fields[-2]:
            retval = self.plane.as_del(vip, [address], now_s)
        else:
            weighted = codec.name == "lb_add_del_as_v2"
            weight = fields[10] if weighted else self.plane.weight_default
            retval = self.plane.as_add(vip, [address], weight)
        return self.retval(codec, context, retval)

    on_lb_add_del_as_v2 = on_lb_add_del_as

    def on_lb_as_set_weight(self, codec: Codec, message: bytes, now_s: float) -> bytes:
        _, _, context, family, union, length, protocol, port, as_family, as_union, weight, _ = (
            codec.fixed.unpack_from(message)
        )
        vip = self.plane.find(self._prefix(family, union, length), protocol, port)
        if vip is None:
            return self.retval(codec, context, NO_SUCH_ENTRY)
        address = from_wire(as_family, as_union)
        return self.retval(codec, context, self.plane.as_set_weight(vip, address, weight))

    def on_lb_flush_vip(self, codec: Codec, message: bytes, now_s: float) -> bytes:
        # As in VPP: a VIP that is not there is no error.
        return self.retval(codec, context_of(message), 0)

    def on_lb_vip_dump(self, codec: Codec, message: bytes, now_s: float) -> bytes:
        context, details = context_of(message), self.codecs["lb_vip_details"]
        # 26.06 tells of deleted VIPs too.
        told = (vip for vip in self.plane.vips if vip.used or self.version == "26.06")
        return b"".join(vip_details(details, vip, context, self.version) for vip in told)

    def on_lb_as_dump(self, codec: Codec, message: bytes, now_s: float) -> bytes:
        _, _, context, _, union, _, protocol, port = codec.fixed.unpack_from(message)
        # VPP compares the 16 bytes of the message, which are never those of an IPv4 VIP.
        only = (union, protocol, port) if any(union) else None
        return self._ases[codec.name.removesuffix("_dump")].dump(self.plane, context, only)

    on_lb_as_v2_dump = on_lb_as_dump

    def _prefix(self, family: int, union: bytes, length: int) -> Prefix:
        return from_wire(family, union), length + (0 if family else self._ip4_offset)


def context_of(message: bytes) -> int:
    """Return the context of a request, with which its reply must come."""
    return int.from_bytes(message[6:10], "big")
