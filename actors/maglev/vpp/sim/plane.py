# SPDX-License-Identifier: Apache-2.0
"""The lb plugin without packets: VIPs, their ASes, and how VPP forgets deleted ones.

What is deleted is only marked, keeps its place in its pool and can be revived, until it is
collected some time later (VPP: src/plugins/lb/lb.c).  The state is one Plane; look at `vip_add` and
`as_add` for the order of VPP's checks, which decides the error that a caller sees.  Time is an
argument, in seconds since the start of VPP; results are VPP's own numbers, 0 is success.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from maglev.core.buckets import buckets
from maglev.vpp.sim.addresses import Prefix, is_ip4, masked

NO_SUCH_ENTRY = -6
INVALID_MEMORY_SIZE = -70
INVALID_ARGUMENT = -73
VALUE_EXIST = -81
INVALID_ADDRESS_FAMILY = -97

ENCAPS = ("gre4", "gre6", "l3dsr")
ANY_PROTOCOL = 255

T = TypeVar("T")


class Crashed(Exception):
    """What a caller asked for kills a real VPP."""


class Pool(Generic[T]):
    """VPP's pool: an element keeps its index, and the index freed last is given out first."""

    __slots__ = ("_first", "_free", "_slots")

    def __init__(self, first: int = 0) -> None:
        self._first = first
        self._slots: list[T | None] = [None] * first
        self._free: list[int] = []

    def __len__(self) -> int:
        return len(self._slots) - len(self._free) - self._first

    def __iter__(self) -> Iterator[T]:
        return (one for one in self._slots if one is not None)

    def put(self, one: T) -> int:
        """Return the index that the element got."""
        if self._free:
            index = self._free.pop()
            self._slots[index] = one
        else:
            index = len(self._slots)
            self._slots.append(one)
        return index

    def drop(self, index: int) -> None:
        """Free an index."""
        assert self._slots[index] is not None, f"{index=}"
        self._slots[index] = None
        self._free.append(index)


@dataclass(slots=True, eq=False)
class As:
    """An application server of one VIP; `used` is bit 0 of its flags."""

    address: bytes  # 16
    weight: int
    dpo: int
    used: bool = True
    deleted_s: float = 0.0  # when it was deleted last; 0: never
    waiting: bool = False  # to be collected
    index: int = -1


@dataclass(slots=True, eq=False)
class Vip:
    """A VIP; `revision` is raised by whatever changes its ASes."""

    prefix: Prefix
    protocol: int
    port: int
    encap: str
    new_len: int
    src_ip_sticky: bool
    dscp: int = 0  # of l3dsr
    used: bool = True
    deleted_s: float = 0.0
    index: int = -1
    revision: int = 0
    ases: Pool[As] = field(default_factory=Pool)
    by_address: dict[bytes, As] = field(default_factory=dict)
    _counted: tuple[int, list[int]] = (-1, [])

    def bucket_counts(self) -> list[int]:
        """Return the number of buckets of each AS, in the order of the pool."""
        if self._counted[0] != self.revision:
            weights = [(one.address, one.weight if one.used else 0) for one in self.ases]
            self._counted = (self.revision, buckets(weights, self.new_len).counts)
        return self._counted[1]


@dataclass(slots=True)
class Conf:
    """The global parameters of the plugin; the defaults are those of a fresh VPP."""

    ip4_src_address: bytes = b"\xff" * 4
    ip6_src_address: bytes = b"\xff" * 16
    sticky_buckets_per_core: int = 1024
    flow_timeout_s: int = 40


class Plane:
    """All VIPs of one VPP; `first_dpo` is the index of the first route to an AS."""

    def __init__(self, *, collect_after_s: float, weight_default: int, first_dpo: int) -> None:
        self.collect_after_s = collect_after_s
        self.weight_default = weight_default
        self.conf = Conf()
        self.vips: Pool[Vip] = Pool(first=1)  # as in VPP, index 0 is nobody's
        self.as_count = 0
        self._first_dpo = first_dpo
        self._dpos: dict[bytes, int] = {}
        self._stats_indexes: dict[Prefix, int] = {}
        self._in_use: dict[Prefix, dict[tuple[int, int], Vip]] = {}
        self._deleted: deque[tuple[float, Vip, As | None]] = deque()

    def configure(self, conf: Conf) -> int:
        """Set the global parameters."""
        if not _is_power_of_two(conf.sticky_buckets_per_core):
            return INVALID_MEMORY_SIZE
        self.conf = conf
        return 0

    def find(self, prefix: Prefix, protocol: int, port: int) -> Vip | None:
        """Return the VIP in use; port 0 means all ports, whatever the protocol."""
        return self._in_use.get(masked(prefix), {}).get((protocol if port else ANY_PROTOCOL, port))

    def vip_add(self, vip: Vip) -> int:
        """Add a VIP; its index tells where."""
        vip.prefix = masked(vip.prefix)
        if not vip.port:
            vip.protocol = ANY_PROTOCOL
        neighbours = self._in_use.get(vip.prefix, {})
        if (vip.protocol, vip.port) in neighbours:
            return VALUE_EXIST
        # All ports and a port of their own exclude each other on one prefix.
        if neighbours and (not vip.port or (ANY_PROTOCOL, 0) in neighbours):
            return VALUE_EXIST
        if any(other.encap != vip.encap for other in neighbours.values()):
            return INVALID_ARGUMENT
        if vip.new_len == 0:
            raise Crashed("new_flows_table_length=0")
        if not _is_power_of_two(vip.new_len):
            return INVALID_MEMORY_SIZE
        vip.index = self.vips.put(vip)
        self._in_use.setdefault(vip.prefix, {})[vip.protocol, vip.port] = vip
        self._stats_indexes.setdefault(vip.prefix, len(self._stats_indexes))
        return 0

    def vip_del(self, vip: Vip, now_s: float) -> None:
        """Delete a VIP and with it its ASes, whose flows stay."""
        self.as_del(vip, [one.address for one in vip.ases], now_s)
        neighbours = self._in_use[vip.prefix]
        del neighbours[vip.protocol, vip.port]
        if not neighbours:
            del self._in_use[vip.prefix]
        vip.used, vip.deleted_s = False, now_s
        self._deleted.append((now_s, vip, None))

    def as_add(self, vip: Vip, addresses: Sequence[bytes], weight: int) -> int:
        """Add ASes or revive deleted ones; all or none."""
        added: dict[bytes, None] = {}
        revived: list[As] = []
        # From the last to the first, as VPP does: it shows in the order of dumps.
        for address in reversed(addresses):
            known = vip.by_address.get(address)
            if known is not None:
                if known.used:
                    return VALUE_EXIST
                revived.append(known)
            elif is_ip4(address) != (vip.encap != "gre6"):
                return INVALID_ADDRESS_FAMILY
            else:
                added[address] = None
        for known in revived:
            known.used, known.weight = True, weight
        for address in added:
            dpo = self._dpos.setdefault(address, self._first_dpo + len(self._dpos))
            one = As(address, weight, dpo)
            one.index = vip.ases.put(one)
            vip.by_address[address] = one
            self.as_count += 1
        vip.revision += 1
        return 0

    def as_del(self, vip: Vip, addresses: Sequence[bytes], now_s: float) -> int:
        """Delete ASes, also those deleted already; all or none."""
        if any(address not in vip.by_address for address in addresses):
            return NO_SUCH_ENTRY
        for address in addresses:
            one = vip.by_address[address]
            one.used, one.deleted_s = False, now_s
            if not one.waiting:
                one.waiting = True
                self._deleted.append((now_s, vip, one))
        vip.revision += 1
        return 0

    def as_set_weight(self, vip: Vip, address: bytes, weight: int) -> int:
        """Give an AS in use another weight."""
        one = vip.by_address.get(address)
        if one is None or not one.used:
            return NO_SUCH_ENTRY
        one.weight = weight
        vip.revision += 1
        return 0

    def stats_index(self, prefix: Prefix) -> int | None:
        """Return the index of the prefix's route in the stats segment, if a VIP has it."""
        return self._stats_indexes[prefix] if prefix in self._in_use else None

    def collect(self, now_s: float) -> None:
        """Forget what was deleted long enough ago and not revived since."""
        while self._deleted and self._deleted[0][0] + self.collect_after_s <= now_s:
            deleted_s, vip, one = self._deleted.popleft()
            if one is None:
                self.vips.drop(vip.index)
            elif one.used:
                one.waiting = False
            elif one.deleted_s > deleted_s:  # revived and deleted again
                self._deleted.append((one.deleted_s, vip, one))
            else:
                vip.ases.drop(one.index)
                del vip.by_address[one.address]
                vip.revision += 1
                self.as_count -= 1


def _is_power_of_two(number: int) -> bool:
    return number.bit_count() == 1
