# SPDX-License-Identifier: Apache-2.0
"""VPP's Maglev table, bucket for bucket, computed without VPP.

An AS of weight w takes part as w replicas; each replica walks all buckets in a pseudo-random order
of its own, and the replicas take turns in taking their next free bucket until none is left (VPP:
src/plugins/lb/lb.c, lb_vip_update_new_flow_table).  There is no state; look at `_walks` for the
order of turns and at `buckets` for the turns themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from typing import NamedTuple

from xxhash import xxh64_intdigest

SIZE = 1024
"""Buckets of a VIP, the only size we ask VPP for."""

NOBODY = -1
"""Owner of every bucket while no AS has a weight: VPP drops new flows then."""

_SEED = 0x9E3779B97F4A7C13


class Buckets(NamedTuple):
    """The table: `table[bucket]` is an index into the ASes or NOBODY; `counts` has one per AS."""

    table: list[int]
    counts: list[int]


def buckets(ases: Sequence[tuple[bytes | str, int]], size: int = SIZE) -> Buckets:
    """Return which AS owns each bucket, for (address, weight) pairs with distinct addresses.

    An address is text or 16 bytes as VPP keeps it (IPv4: twelve zero bytes and the address); the
    order of the pairs does not matter.  `size` is a power of two.
    """
    assert size.bit_count() == 1, f"{size=}"
    owners, starts, skips = _walks(ases, size)
    table = [NOBODY] * size
    if not owners:
        return Buckets(table, [0] * len(ases))
    mask, free = size - 1, size
    while free:
        for turn, owner in enumerate(owners):
            bucket, skip = starts[turn], skips[turn]
            while table[bucket] >= 0:
                bucket = (bucket + skip) & mask
            table[bucket] = owner
            starts[turn] = (bucket + skip) & mask
            free -= 1
            if not free:
                break
    counts = [0] * len(ases)
    for owner in table:
        counts[owner] += 1
    return Buckets(table, counts)


def _walks(
    ases: Sequence[tuple[bytes | str, int]], size: int
) -> tuple[list[int], list[int], list[int]]:
    """Return owner, first bucket and skip of each replica, in the order of their turns.

    Replicas take turns by (replica, address); no more than `size` of them ever get one.
    """
    mask = size - 1
    in_order = sorted(
        (_sixteen_bytes(address), weight, index) for index, (address, weight) in enumerate(ases)
    )
    keys = [(_key(address), weight, index) for address, weight, index in in_order if weight > 0]
    owners: list[int] = []
    starts: list[int] = []
    skips: list[int] = []
    for replica in range(max((weight for _, weight, _ in keys), default=0)):
        for key, weight, index in keys:
            if replica >= weight:
                continue
            seed = xxh64_intdigest((key ^ replica).to_bytes(8, "little"), _SEED)
            owners.append(index)
            starts.append(seed >> 32 & mask)
            # Odd, hence prime with a power of two: the walk visits every bucket.
            skips.append((seed & 0xFFFFFFFF | 1) & mask)
        if len(owners) >= size:
            break
    return owners, starts, skips


def _sixteen_bytes(address: bytes | str) -> bytes:
    packed = address if isinstance(address, bytes) else ip_address(address).packed
    return packed.rjust(16, b"\0")


def _key(address: bytes) -> int:
    return int.from_bytes(address[:8], "little") ^ int.from_bytes(address[8:], "little")
