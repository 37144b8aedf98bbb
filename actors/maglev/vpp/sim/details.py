# SPDX-License-Identifier: Apache-2.0
"""The answers to dumps: VIPs and ASes as details messages, whole lists at a time.

A dump of ten thousand ASes must not hold up other callers, so the encoded ASes of a VIP are kept
until they change, and the caller's context is stamped over all of them at once.  That memory is the
only state; look at `AsDetails.dump`.
"""

from __future__ import annotations

from maglev.vpp.sim.addresses import is_ip4_prefix, to_wire
from maglev.vpp.sim.codec import HEADER, Codec
from maglev.vpp.sim.definitions import Version
from maglev.vpp.sim.plane import ENCAPS, Plane, Vip

CONTEXT_AT = HEADER.size + 2  # bytes into a framed details message

# The numbers of 26.06, which tells its inner type of a VIP instead of the encapsulation.
_OLD_TYPES = {
    (False, "gre6"): 0,
    (False, "gre4"): 1,
    (True, "gre6"): 2,
    (True, "gre4"): 3,
    (True, "l3dsr"): 4,
}


def vip_details(codec: Codec, vip: Vip, context: int, version: Version) -> bytes:
    """Return one VIP as `lb_vip_details`."""
    family, union = to_wire(vip.prefix[0])
    length, protocol = _told(vip, version)
    encap, new_len = ENCAPS.index(vip.encap), vip.new_len
    if version == "26.06":
        encap = _OLD_TYPES[is_ip4_prefix(vip.prefix), vip.encap]
        new_len >>= 16  # the wrong half of the number
    return codec.frame(
        context, family, union, length, protocol, vip.port, encap, vip.dscp, 0, 0, new_len & 0xFFFF
    )


class AsDetails:
    """Dumps of one kind: `lb_as_details` or `lb_as_v2_details`."""

    def __init__(self, codec: Codec, version: Version) -> None:
        self._codec = codec
        self._version: Version = version
        self._encoded: dict[Vip, tuple[int, bytes]] = {}

    def dump(self, plane: Plane, context: int, only: tuple[bytes, int, int] | None) -> bytes:
        """Return the ASes of all VIPs, or of those with this address, protocol and port."""
        encoded = self._encoded
        # Made anew each time, so that nothing is kept for VIPs that are gone.
        self._encoded = {}
        for vip in plane.vips:
            known = encoded.get(vip)
            if known is None or known[0] != vip.revision:
                known = vip.revision, self._encode(vip)
            self._encoded[vip] = known
        return _stamped(
            b"".join(
                block
                for vip, (_, block) in self._encoded.items()
                if only is None or only == (vip.prefix[0], vip.protocol, vip.port)
            ),
            context,
            HEADER.size + self._codec.fixed.size,
        )

    def _encode(self, vip: Vip) -> bytes:
        family, union = to_wire(vip.prefix[0])
        length, protocol = _told(vip, self._version)
        weighted = self._codec.name == "lb_as_v2_details"
        counts = vip.bucket_counts() if weighted else [0] * len(vip.ases)
        frames = []
        for one, count in zip(vip.ases, counts, strict=True):
            weight = (one.weight, count) if weighted else ()
            told = family, union, length, protocol, vip.port, *to_wire(one.address)
            frames.append(self._codec.frame(0, *told, one.used, int(one.deleted_s), *weight))
        return b"".join(frames)


def _told(vip: Vip, version: Version) -> tuple[int, int]:
    """Return length and protocol as this version tells them."""
    if version == "26.06":
        return vip.prefix[1], 0
    return vip.prefix[1] - (96 if is_ip4_prefix(vip.prefix) else 0), vip.protocol


def _stamped(frames: bytes, context: int, size: int) -> bytes:
    """Return frames of equal size with the context put into each of them."""
    stamped = bytearray(frames)
    count = len(frames) // size
    for at, byte in enumerate(context.to_bytes(4, "big"), start=CONTEXT_AT):
        stamped[at::size] = bytes([byte]) * count
    return bytes(stamped)
