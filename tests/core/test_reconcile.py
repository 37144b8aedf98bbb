# SPDX-License-Identifier: Apache-2.0
"""Plans on a small dense world: whatever is wanted, whatever is there, wherever it is cut off.

Two prefixes, three kinds of VIP, three ASes of each family, weights 0, 1, 100: small enough that
what is there and what is wanted meet in every way.  Expectations are written down here anew.
"""

from ipaddress import ip_address, ip_network
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from maglev.core.reconcile import (
    ActualVip,
    AddAs,
    AddVip,
    DelAs,
    DelVip,
    SetWeight,
    Vip,
    apply,
    in_sync,
    plan,
    recalled,
    settled,
    vip_of,
)
from maglev.messages import DesiredAs, DesiredVip
from tests.core.strict_vpp import Refused, StrictVpp

PREFIXES = ["192.0.2.10/32", "2001:db8::9/128"]
SERVERS = {
    "gre4": ["10.0.0.9", "10.0.0.10", "9.0.0.99"],  # as text these sort otherwise
    "gre6": ["2001:db8::9", "2001:db8::10", "2001:db8::a"],
}
PORTS = [(), ((255, 0),), ((6, 80),), ((17, 53),), ((6, 80), (17, 53))]
WANTED = [
    None,
    *({"weight": None, "weight_absent": weight} for weight in (0, 1, 100)),
    *({"weight": weight} for weight in (0, 1, 100)),
    {"weight": 0, "drain": True},
]
# An AS in one draw: how it is wanted, its weight now, flushes due so far and remembered.
MEETINGS = list(product(WANTED, (None, 0, 1, 100), (0, 1, 2), (None, 0, 1, 2)))
encaps = st.sampled_from(["gre4", "gre6"])
ports = st.sampled_from(PORTS)
mostly = st.sampled_from([True, True, True, False])


@st.composite
def servers(draw, vip, encap, encap_now):
    """Return what is wanted of the ASes of a VIP, their weights now, and what is remembered."""
    wanted, weights, memory = [], {}, {}
    for family in sorted({encap, encap_now} - {None}):
        for address in SERVERS[family]:
            how, weight, flush, remembered = draw(st.sampled_from(MEETINGS))
            if how is not None and family == encap:
                wanted.append(DesiredAs(address=address, backend="b", flush=flush, **how))
            if weight is not None and family == encap_now:
                weights[address] = weight
            if remembered is not None:
                memory[vip, address] = remembered
    return tuple(draw(st.permutations(wanted))), weights, memory


@st.composite
def worlds(draw, stickiness=(True, False)):
    """Return what a configuration may ask for, what a VPP may have, and what is remembered."""
    desired, before, memory = [], [], {}
    for prefix in PREFIXES:
        encap, there = draw(encaps), draw(ports)
        encap_now, there_now = encap, there
        if not draw(mostly):
            encap_now, there_now = draw(encaps), draw(ports)
        for protocol, port in sorted({*there, *there_now}):
            vip, key = Vip(prefix, protocol, port), (protocol, port)
            sides = (encap if key in there else None, encap_now if key in there_now else None)
            ases, weights, remembered = draw(servers(vip, *sides))
            memory |= remembered
            sticky = draw(st.booleans())
            sticky_now = sticky if draw(mostly) else draw(st.sampled_from(stickiness))
            if key in there:
                desired.append(
                    DesiredVip(
                        frontend=f"{vip}",
                        prefix=prefix,
                        protocol=protocol,
                        port=port,
                        encap=encap,
                        src_ip_sticky=sticky,
                        ases=ases,
                    )
                )
            if key in there_now:
                before.append(ActualVip(vip, encap_now, sticky_now, weights))
    before = {one.vip: one for one in draw(st.permutations(before))}
    return draw(st.permutations(desired)), before, memory


def differs(one, current):
    return (one.encap, one.src_ip_sticky) != (current.encap, current.src_ip_sticky)


def flushes_expected(desired, before, memory):
    """Return which ASes get exactly one flush: those that go, and those of which one is due."""
    kept, expected = {}, set()
    for one in desired:
        vip = vip_of(one)
        if vip in before and not differs(one, before[vip]):
            kept |= {(vip, two.address): two for two in one.ases}
    for vip, current in before.items():
        for address, weight in current.ases.items():
            two, known = kept.get((vip, address)), memory.get((vip, address))
            if two is None:
                due = True
            elif known is not None and known <= two.flush:
                due = two.flush > known
            else:
                due = two.drain and weight > 0
            if due:
                expected.add((vip, address))
    return expected


def state_expected(desired, before):
    """Return what VPP has in the end; an AS that is held keeps its weight in VPP."""
    world = {}
    for one in desired:
        vip, ases = vip_of(one), {}
        old = before[vip].ases if vip in before else {}
        for two in one.ases:
            held = old.get(two.address, two.weight_absent)
            ases[two.address] = held if two.weight is None else two.weight
        world[vip] = ActualVip(vip, one.encap, one.src_ip_sticky, ases)
    return world


def remembering(memory, operations):
    for operation in operations:
        memory = memory | settled(operation)
    return memory


@given(worlds())
@settings(max_examples=300)
def test_a_plan_leads_to_what_is_desired_and_vpp_refuses_nothing_of_it(world):
    desired, before, memory = world
    vpp = StrictVpp(before).run(plan(desired, before, memory, whole=True))
    assert vpp.picture() == state_expected(desired, before)
    assert all(in_sync(one, vpp.picture()[vip_of(one)]) for one in desired)


@given(worlds())
@settings(max_examples=300)
def test_every_flush_that_is_due_is_done_once_and_no_other(world):
    desired, before, memory = world
    vpp = StrictVpp(before).run(plan(desired, before, memory, whole=True))
    flushed = {key: count for key, count in vpp.flushes.items() if count}
    assert flushed == dict.fromkeys(flushes_expected(desired, before, memory), 1)


@given(worlds())
@settings(max_examples=150)
def test_a_second_plan_is_empty(world):
    desired, before, memory = world
    operations = plan(desired, before, memory, whole=True)
    memory = remembering(recalled(desired, before, memory), operations)
    world = StrictVpp(before).run(operations).picture()
    assert plan(desired, world, memory, whole=True) == []
    assert recalled(desired, world, memory) == memory
    assert plan(desired, world, {}, whole=True) == []


@given(worlds())
@settings(max_examples=150)
def test_a_plan_cut_off_anywhere_can_be_planned_again(world):
    desired, before, memory = world
    memory = recalled(desired, before, memory)
    operations = plan(desired, before, memory, whole=True)
    made_anew = {one.vip for one in operations if isinstance(one, DelVip)}
    for done in range(len(operations)):
        vpp = StrictVpp(before).run(operations[:done])
        at_cut = vpp.picture()
        known = remembering(memory, operations[:done])
        vpp.run(plan(desired, at_cut, recalled(desired, at_cut, known), whole=True))
        assert vpp.picture() == state_expected(desired, at_cut)
        once = flushes_expected(desired, before, memory)
        assert {key for key, count in vpp.flushes.items() if count == 1} == once
        for vip, one in state_expected(desired, before).items():
            assert vip in made_anew or vpp.picture()[vip] == one


@given(worlds())
@settings(max_examples=150)
def test_a_vip_with_a_server_before_and_after_has_one_all_the_time(world):
    desired, before, memory = world
    vpp, after = StrictVpp(before), state_expected(desired, before)
    operations = plan(desired, before, memory, whole=True)
    serving = [
        vip
        for vip in before.keys() & after.keys()
        if any(before[vip].ases.values()) and any(after[vip].ases.values())
        if (before[vip].encap, before[vip].src_ip_sticky)
        == (after[vip].encap, after[vip].src_ip_sticky)
    ]
    for operation in operations:
        vpp.accept(operation)
        assert all(any(vpp.picture()[vip].ases.values()) for vip in serving)


@given(worlds())
@settings(max_examples=150)
def test_no_operation_of_a_plan_can_be_left_out(world):
    desired, before, memory = world
    operations = plan(desired, before, memory, whole=True)
    full = StrictVpp(before).run(operations)
    for left_out in range(len(operations)):
        try:
            less = StrictVpp(before).run(operations[:left_out] + operations[left_out + 1 :])
        except Refused:
            continue
        assert (less.vips, +less.flushes) != (full.vips, +full.flushes), operations[left_out]


def number(text):
    address = ip_address(text)
    return (address.version, address)


def place(operation):
    """Return where an operation stands within its class: by VIP, a VIP around its ASes."""
    network = ip_network(operation.vip.prefix)
    vip = (number(network.network_address), operation.vip.protocol, operation.vip.port)
    if isinstance(operation, AddVip | DelVip):
        return (vip, 0 if isinstance(operation, AddVip) else 2)
    return (vip, 1, number(operation.address))


def klass(operation):
    match operation:
        case AddVip() | AddAs():
            return 2
        case SetWeight(weight=weight, weight_before=before):
            return 2 if weight > before else 3
    return 4


def interrupted(operations, before):
    """Return the added VIPs to which something stood in the way, and the VIPs deleted for them."""
    encap = {one.vip: one.encap for one in operations if isinstance(one, AddVip)}
    deleted = [one.vip for one in operations if isinstance(one, DelVip)]
    pairs = [
        (new, old)
        for new in encap
        for old in deleted
        if new == old
        or (new.prefix == old.prefix and (new.port == 0 or old.port == 0))
        or (new.prefix == old.prefix and encap[new] != before[old].encap)
    ]
    return {new for new, _ in pairs} | {old for _, old in pairs}


@given(worlds(), st.booleans())
@settings(max_examples=150)
def test_weights_rise_before_others_fall_and_each_class_is_in_numeric_order(world, whole):
    desired, before, memory = world
    operations = plan(desired, before, memory, whole=whole)
    anew = interrupted(operations, before)
    first = [one for one in operations if one.vip in anew]
    rest = operations[len(first) :]
    assert operations[: len(first)] == first
    assert rest == sorted(rest, key=lambda one: (klass(one), place(one)))
    prefixes = [one.vip.prefix for one in first]
    assert prefixes == sorted(prefixes, key=lambda prefix: number(prefix.split("/")[0]))
    for kind in (AddVip | AddAs, DelVip | DelAs):
        alike = [one for one in first if isinstance(one, kind)]
        assert alike == sorted(alike, key=place)


@given(worlds())
@settings(max_examples=150)
def test_what_was_interrupted_is_back_before_anything_else_is_done(world):
    desired, before, memory = world
    operations = plan(desired, before, memory, whole=True)
    for start, operation in enumerate(operations):
        again = [
            index
            for index, one in enumerate(operations)
            if isinstance(one, AddVip | AddAs) and one.vip == operation.vip
        ]
        if isinstance(operation, DelVip) and again:
            assert all(
                one.vip.prefix == operation.vip.prefix for one in operations[start : again[-1]]
            )


@given(worlds(), st.integers(0, 7))
@settings(max_examples=150)
def test_a_sync_of_some_vips_leaves_all_others_alone(world, chosen):
    desired, before, memory = world
    given_vips = [one for index, one in enumerate(desired) if chosen >> index & 1]
    keys = {vip_of(one) for one in given_vips}
    vpp = StrictVpp(before).run(plan(given_vips, before, memory, whole=False))
    after, expected = vpp.picture(), state_expected(given_vips, before)
    assert before.keys() <= after.keys()
    assert {vip: one for vip, one in after.items() if vip not in keys} == {
        vip: one for vip, one in before.items() if vip not in keys
    }
    for one in given_vips:
        vip = vip_of(one)
        blocked = any(
            other.prefix == vip.prefix and (not (other.port and vip.port) or two.encap != one.encap)
            for other, two in before.items()
            if other not in keys
        )
        assert after.get(vip) == (before.get(vip) if blocked else expected[vip])


@given(worlds(), worlds(), st.booleans())
@settings(max_examples=150)
def test_vpp_refuses_nothing_even_if_what_is_desired_contradicts_itself(world, other, whole):
    desired, before, memory = world
    desired = [*desired, *other[0]]
    operations = plan(desired, before, memory, whole=whole)
    world = StrictVpp(before).run(operations).picture()
    memory = remembering(recalled(desired, before, memory), operations)
    assert plan(desired, world, memory, whole=whole) == []


@given(worlds())
@settings(max_examples=150)
def test_the_picture_follows_every_operation_as_vpp_does(world):
    desired, before, memory = world
    vpp, picture = StrictVpp(before), before
    for operation in plan(desired, before, memory, whole=True):
        vpp.accept(operation)
        unchanged = dict(picture)
        following = apply(picture, operation)
        assert following == vpp.picture()
        assert picture == unchanged
        picture = following


@given(worlds((True, False, None)))
@settings(max_examples=150)
def test_a_plan_does_not_depend_on_whether_the_memory_was_completed_first(world):
    desired, before, memory = world
    completed = recalled(desired, before, memory)
    assert plan(desired, before, completed, whole=True) == plan(desired, before, memory, whole=True)
    assert completed.keys() == {
        (vip_of(one), two.address)
        for one in desired
        for two in one.ases
        if vip_of(one) in before and two.address in before[vip_of(one)].ases
    }


@given(worlds((True, False, None)))
@settings(max_examples=150)
def test_a_vip_is_in_sync_exactly_if_a_whole_plan_would_not_touch_it(world):
    desired, before, _ = world
    nothing_due = {(vip_of(one), two.address): two.flush for one in desired for two in one.ases}
    touched = {one.vip for one in plan(desired, before, nothing_due, whole=True)}
    for one in desired:
        assert in_sync(one, before.get(vip_of(one))) == (vip_of(one) not in touched)
