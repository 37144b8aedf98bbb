# SPDX-License-Identifier: Apache-2.0
"""What VPP should have against what it has: the operations that lead from one to the other.

A plan is a list in a safe order, worth having wherever it is cut off: made again from what VPP has
by then, it leads to the same end.  The state lives with the programmer: its picture of VPP
(`vip_after`) and its memory of flushes done (`recalled`, `settled`).  Look at `plan` for the order.

Flushes.  A DesiredAs counts the flushes that are due; the programmer remembers per AS up to which
number it has flushed, and each SetWeight, with or without a flush, brings it up to date:

    flushed = recalled(desired, actual, flushed)  # one VIP alone: flushed |= recalled([one], ...)
    for operation in plan(desired, actual, flushed, whole=True):
        ...  # once VPP has accepted it:
        flushed |= settled(operation)

A higher number than remembered is one flush, whatever the weight: an AS that went down and came up
again between two looks keeps its weight and loses its flows once.  Without a memory (a new
programmer, or numbers that began anew: lower than remembered) flows are flushed only where the
state still asks for it and VPP still has a weight; with weight 0 they were flushed when it fell.
An AS that VPP lacks has no flows, and a deletion always flushes: both need no number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address
from typing import Literal, NamedTuple

from maglev.messages import DesiredAs, DesiredVip


class Vip(NamedTuple):
    """What tells VIPs apart in VPP; addresses here and below in the text `ipaddress` gives them."""

    prefix: str  # address/length
    protocol: int  # 6 tcp, 17 udp, 255 any
    port: int  # 0: all


@dataclass(frozen=True, slots=True)
class ActualVip:
    """A VIP as VPP has it, with the weights of the ASes in use by address."""

    vip: Vip
    encap: str
    src_ip_sticky: bool | None  # None: not known, which is no reason to make the VIP anew
    ases: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class AddVip:
    """Make a VIP without ASes."""

    vip: Vip
    frontend: str
    encap: Literal["gre4", "gre6"]
    src_ip_sticky: bool


@dataclass(frozen=True, slots=True)
class DelVip:
    """Delete a VIP whose ASes are deleted already; it is made again unless `why` is `stale`."""

    vip: Vip
    frontend: str  # empty: of none
    why: Literal["stale", "encap", "src-ip-sticky"]


@dataclass(frozen=True, slots=True)
class AddAs:
    """Add an AS with a weight, 0..100."""

    vip: Vip
    frontend: str
    address: str
    backend: str
    weight: int
    flush_number: int  # of the DesiredAs: nothing to flush, but settled by this


@dataclass(frozen=True, slots=True)
class DelAs:
    """Delete an AS and flush its flows."""

    vip: Vip
    frontend: str  # empty: of none
    address: str
    weight_before: int


@dataclass(frozen=True, slots=True)
class SetWeight:
    """Set the weight of an AS, or flush its flows, or both."""

    vip: Vip
    frontend: str
    address: str
    backend: str
    weight: int
    weight_before: int
    flush: bool
    flush_number: int  # of the DesiredAs: settled by this


Operation = AddVip | DelVip | AddAs | DelAs | SetWeight
Flushed = Mapping[tuple[Vip, str], int]
"""Number of the last flush done, by VIP and address of the AS."""


def plan(
    desired: Iterable[DesiredVip], actual: Mapping[Vip, ActualVip], flushed: Flushed, *, whole: bool
) -> list[Operation]:
    """Return what is to be sent to VPP, in order; empty if VPP is as desired.

    1. VIPs to which something in VPP stands in the way: each time the deletions, then at once the
       VIP and its ASes.  This interrupts the VIP's service, so nothing else comes in between.
    2. Other additions, and raised weights.
    3. Lowered weights, and flushes without a change of weight.
    4. Other deletions.

    Weights rise before others fall, so that a VIP is never without a server in between.  Within
    each class the order is numeric, IPv4 before IPv6: a VIP before its ASes (after, to delete).

    `whole`: `desired` is all there should be, and what else VPP has is deleted.  Otherwise only the
    VIPs in `desired` are touched.  Such a sync removes no VIP but to make the same one anew, and if
    a VIP it must not remove is in the way, it leaves the one it is about as it is: a whole sync has
    to do that.
    """
    wanted = {vip_of(one): one for one in desired}
    stale = [vip for vip in actual if vip not in wanted] if whole else []
    steps = _Steps(flushed)
    anew: dict[Vip, DesiredVip] = {}
    for vip, one in wanted.items():
        current = actual.get(vip)
        if current is None or _must_be_anew(one, current):
            anew[vip] = one
        else:
            steps.change(vip, one, current)
    gone = _make_anew(anew, actual, stale, steps) if anew else set()
    for vip in stale:
        if vip not in gone:
            steps.deletions += _teardown(actual[vip], None)
    return [*steps.anew, *_sorted(steps.raised), *_sorted(steps.lowered), *_sorted(steps.deletions)]


def in_sync(desired: DesiredVip, current: ActualVip | None) -> bool:
    """Return whether VPP has the VIP as desired, flushes aside."""
    if current is None or _must_be_anew(desired, current):
        return False
    return len(current.ases) == len(desired.ases) and all(
        one.address in current.ases and one.weight in (None, current.ases[one.address])
        for one in desired.ases
    )


def vip_of(desired: DesiredVip) -> Vip:
    """Return what tells this VIP from others."""
    return Vip(desired.prefix, desired.protocol, desired.port)


def vip_after(before: ActualVip | None, operation: Operation) -> ActualVip | None:
    """Return the operation's VIP as VPP has it once it accepted the operation; None: not there."""
    match operation:
        case AddVip():
            return ActualVip(operation.vip, operation.encap, operation.src_ip_sticky, {})
        case DelVip():
            return None
    assert before is not None, f"no such VIP for {operation}"
    ases = dict(before.ases)
    if isinstance(operation, DelAs):
        del ases[operation.address]
    else:
        ases[operation.address] = operation.weight
    return ActualVip(before.vip, before.encap, before.src_ip_sticky, ases)


def apply(actual: Mapping[Vip, ActualVip], operation: Operation) -> dict[Vip, ActualVip]:
    """Return what VPP has once it accepted the operation; `vip_after` spares the copy."""
    others = {vip: one for vip, one in actual.items() if vip != operation.vip}
    changed = vip_after(actual.get(operation.vip), operation)
    return others if changed is None else {**others, operation.vip: changed}


def recalled(
    desired: Iterable[DesiredVip], actual: Mapping[Vip, ActualVip], flushed: Flushed
) -> dict[tuple[Vip, str], int]:
    """Return the memory of flushes for every AS of these VIPs that VPP has, and for no other."""
    memory = {}
    for one in desired:
        vip = vip_of(one)
        ases = actual[vip].ases if vip in actual else {}
        for wanted in one.ases:
            if (weight := ases.get(wanted.address)) is not None:
                key = (vip, wanted.address)
                memory[key] = _flushes_done(wanted, weight, flushed.get(key))
    return memory


def settled(operation: Operation) -> dict[tuple[Vip, str], int]:
    """Return what to add to the memory of flushes once VPP has accepted the operation."""
    if isinstance(operation, AddAs | SetWeight):
        return {(operation.vip, operation.address): operation.flush_number}
    return {}


def _flushes_done(wanted: DesiredAs, weight_before: int, remembered: int | None) -> int:
    """Return the number up to which flows are flushed; see the top for why."""
    if remembered is not None and remembered <= wanted.flush:
        return remembered
    owed = wanted.drain and wanted.weight == 0 and weight_before > 0
    return wanted.flush - 1 if owed else wanted.flush


@dataclass(slots=True)
class _Steps:
    """A plan in the making, by class."""

    flushed: Flushed
    anew: list[Operation] = field(default_factory=list)  # in order
    raised: list[Operation] = field(default_factory=list)
    lowered: list[Operation] = field(default_factory=list)
    deletions: list[Operation] = field(default_factory=list)

    def change(self, vip: Vip, one: DesiredVip, current: ActualVip) -> None:
        """Add what the ASes of a VIP need that is there and stays."""
        before = current.ases
        for wanted in one.ases:
            address = wanted.address
            weight_before = before.get(address)
            if weight_before is None:
                self.raised.append(_add_as(vip, one, wanted, None))
                continue
            weight = weight_before if wanted.weight is None else wanted.weight
            done = _flushes_done(wanted, weight_before, self.flushed.get((vip, address)))
            due = wanted.flush > done
            if weight == weight_before and not due:
                continue
            (self.raised if weight > weight_before else self.lowered).append(
                SetWeight(
                    vip=vip,
                    frontend=one.frontend,
                    address=address,
                    backend=wanted.backend,
                    weight=weight,
                    weight_before=weight_before,
                    flush=due,
                    flush_number=wanted.flush,
                )
            )
        kept = {wanted.address for wanted in one.ases}
        for address, weight in before.items():
            if address not in kept:
                self.deletions.append(DelAs(vip, one.frontend, address, weight))


def _make_anew(
    anew: Mapping[Vip, DesiredVip],
    actual: Mapping[Vip, ActualVip],
    stale: Iterable[Vip],
    steps: _Steps,
) -> set[Vip]:
    """Add the making of VIPs that VPP lacks or has otherwise; return those torn down for it."""
    removable = {*stale, *anew}
    on_prefix: dict[str, list[Vip]] = {}
    for vip in actual:
        on_prefix.setdefault(vip.prefix, []).append(vip)
    wanted_on: dict[str, dict[Vip, DesiredVip]] = {}
    for vip in sorted(anew, key=_vip_key):
        wanted_on.setdefault(vip.prefix, {})[vip] = anew[vip]
    gone: set[Vip] = set()
    for prefix, wanted in wanted_on.items():
        there = sorted(on_prefix.get(prefix, ()), key=_vip_key)
        stay = {vip: actual[vip].encap for vip in there if vip not in removable}
        for vip, one in _admitted(wanted, stay, actual):
            old = actual.get(vip)
            made = list(_made(vip, one, old))
            in_the_way = [
                other
                for other in there
                if other == vip or _in_conflict(vip, one.encap, other, actual[other].encap)
            ]
            if not in_the_way:
                steps.raised += made
                continue
            for other in in_the_way:
                if other not in gone:
                    gone.add(other)
                    steps.anew += _sorted(_teardown(actual[other], anew.get(other)))
            steps.anew += made
    return gone


def _admitted(
    wanted: Mapping[Vip, DesiredVip], stay: Mapping[Vip, str], actual: Mapping[Vip, ActualVip]
) -> list[tuple[Vip, DesiredVip]]:
    """Return which VIPs of one prefix VPP will take besides those that stay (encap by VIP)."""
    there = dict(stay)
    admitted = []
    for vip, one in wanted.items():
        if not any(_in_conflict(vip, one.encap, *other) for other in there.items()):
            there[vip] = one.encap
            admitted.append((vip, one))
        elif vip in actual:
            # It cannot be made anew, so the old one stays, and may stand in the way of others.
            rest = {other: two for other, two in wanted.items() if other != vip}
            return _admitted(rest, {**stay, vip: actual[vip].encap}, actual)
    return admitted


def _in_conflict(vip: Vip, encap: str, other: Vip, encap_other: str) -> bool:
    """Return whether VPP refuses two VIPs of one prefix side by side (lb.c, lb_vip_add).

    One for all ports bears no other next to it (-81), and all have the same encap (-73).
    """
    return vip != other and (vip.port == 0 or other.port == 0 or encap != encap_other)


def _must_be_anew(one: DesiredVip, current: ActualVip) -> bool:
    """Return whether VPP's VIP differs in what cannot be changed."""
    return current.encap != one.encap or current.src_ip_sticky not in (None, one.src_ip_sticky)


def _made(vip: Vip, one: DesiredVip, old: ActualVip | None) -> Iterator[Operation]:
    """Yield the making of a VIP with its ASes, in order; `old` is what VPP has of it before."""
    yield AddVip(vip, one.frontend, one.encap, one.src_ip_sticky)
    for wanted in sorted(one.ases, key=lambda wanted: _numeric(wanted.address)):
        yield _add_as(vip, one, wanted, old.ases.get(wanted.address) if old else None)


def _add_as(vip: Vip, one: DesiredVip, wanted: DesiredAs, weight_before: int | None) -> AddAs:
    """Return the addition of an AS; a held one keeps the weight it had in a VIP made anew."""
    weight = wanted.weight
    if weight is None:
        weight = wanted.weight_absent if weight_before is None else weight_before
    return AddAs(vip, one.frontend, wanted.address, wanted.backend, weight, wanted.flush)


def _teardown(old: ActualVip, one: DesiredVip | None) -> list[Operation]:
    """Return the deletion of a VIP, ASes first: VPP does not flush them when the VIP goes."""
    frontend = one.frontend if one else ""
    why: Literal["stale", "encap", "src-ip-sticky"] = "stale"
    if one:
        why = "encap" if old.encap != one.encap else "src-ip-sticky"
    return [
        *(DelAs(old.vip, frontend, address, weight) for address, weight in old.ases.items()),
        DelVip(old.vip, frontend, why),
    ]


def _sorted(operations: list[Operation]) -> list[Operation]:
    """Return the operations in numeric order, a new VIP before and an old one after its ASes."""
    return sorted(operations, key=_key)


def _key(operation: Operation) -> tuple[object, ...]:
    vip = _vip_key(operation.vip)
    match operation:
        case AddVip():
            return vip, 0
        case DelVip():
            return vip, 2
        case _:
            return vip, 1, _numeric(operation.address)


def _vip_key(vip: Vip) -> tuple[tuple[int, int], int, int, int]:
    address, _, length = vip.prefix.partition("/")
    return _numeric(address), int(length), vip.protocol, vip.port


@lru_cache(maxsize=1 << 15)
def _numeric(address: str) -> tuple[int, int]:
    parsed = ip_address(address)
    return parsed.version, int(parsed)
