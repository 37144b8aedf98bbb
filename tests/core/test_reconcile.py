# SPDX-License-Identifier: Apache-2.0
"""Plans on a small dense world: whatever is wanted, whatever is there, wherever it is cut off.

Two prefixes, three kinds of VIP, three ASes of each family, weights 0, 1, 100: small enough that
what is there and what is wanted meet in every way.  Expectations are written down here anew.
"""

from ipaddress import ip_address, ip_network

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
weights = st.sampled_from([0, 1, 100])
encaps = st.sampled_from(["gre4", "gre6"])
numbers = st.integers(0, 2)


@st.composite
def wanted_vips(draw, prefix, protocol, port, encap):
    ases = []
    for address in draw(st.lists(st.sampled_from(SERVERS[encap]), unique=True)):
        weight = draw(st.sampled_from([None, 0, 1, 100]))
        ases.append(
            DesiredAs(
                address=address,
                backend=f"at {address}",
                weight=weight,
                weight_absent=draw(weights) if weight is None else 0,
                drain=weight == 0 and draw(st.booleans()),
                flush=draw(numbers),
            )
        )
    return DesiredVip(
        frontend=f"{prefix} {protocol} {port}",
        prefix=prefix,
        protocol=protocol,
        port=port,
        encap=encap,
        src_ip_sticky=draw(st.booleans()),
        ases=tuple(ases),
    )


@st.composite
def wanted_worlds(draw):
    """Return what a configuration may ask for, in any order."""
    vips = []
    for prefix in PREFIXES:
        encap = draw(encaps)
        for protocol, port in draw(st.sampled_from(PORTS)):
            vips.append(draw(wanted_vips(prefix, protocol, port, encap)))
    return draw(st.permutations(vips))


@st.composite
def actual_worlds(draw, stickiness=(True, False)):
    """Return what a VPP may have, others' work included."""
    world = {}
    for prefix in PREFIXES:
        encap = draw(encaps)
        for protocol, port in draw(st.sampled_from(PORTS)):
            ases = st.dictionaries(st.sampled_from(SERVERS[encap]), st.sampled_from([0, 1, 100]))
            sticky = draw(st.sampled_from(stickiness))
            vip = Vip(prefix, protocol, port)
            world[vip] = ActualVip(vip, encap, sticky, draw(ases))
    return world


@st.composite
def memories(draw):
    keys = [
        (Vip(prefix, *ports), address)
        for prefix in PREFIXES
        for ports in ((255, 0), (6, 80), (17, 53))
        for address in (*SERVERS["gre4"], *SERVERS["gre6"])
    ]
    return {key: draw(numbers) for key in keys if draw(st.booleans())}


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


@given(wanted_worlds(), actual_worlds(), memories())
@settings(max_examples=400)
def test_a_plan_leads_to_what_is_desired_and_vpp_refuses_nothing_of_it(desired, before, memory):
    vpp = StrictVpp(before).run(plan(desired, before, memory, whole=True))
    assert vpp.picture() == state_expected(desired, before)
    assert all(in_sync(one, vpp.picture()[vip_of(one)]) for one in desired)


@given(wanted_worlds(), actual_worlds(), memories())
@settings(max_examples=400)
def test_every_flush_that_is_due_is_done_once_and_no_other(desired, before, memory):
    vpp = StrictVpp(before).run(plan(desired, before, memory, whole=True))
    flushed = {key: count for key, count in vpp.flushes.items() if count}
    assert flushed == dict.fromkeys(flushes_expected(desired, before, memory), 1)


@given(wanted_worlds(), actual_worlds(), memories())
@settings(max_examples=300)
def test_a_second_plan_is_empty(desired, before, memory):
    operations = plan(desired, before, memory, whole=True)
    memory = remembering(recalled(desired, before, memory), operations)
    world = StrictVpp(before).run(operations).picture()
    assert plan(desired, world, memory, whole=True) == []
    assert recalled(desired, world, memory) == memory
    assert plan(desired, world, {}, whole=True) == []


@given(wanted_worlds(), actual_worlds(), memories())
@settings(max_examples=200)
def test_a_plan_cut_off_anywhere_can_be_planned_again(desired, before, memory):
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


@given(wanted_worlds(), actual_worlds(), memories())
@settings(max_examples=300)
def test_a_vip_with_a_server_before_and_after_has_one_all_the_time(desired, before, memory):
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


@given(wanted_worlds(), actual_worlds(), memories())
@settings(max_examples=200)
def test_no_operation_of_a_plan_can_be_left_out(desired, before, memory):
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


@given(wanted_worlds(), actual_worlds(), memories(), st.booleans())
@settings(max_examples=400)
def test_weights_rise_before_others_fall_and_each_class_is_in_numeric_order(
    desired, before, memory, whole
):
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


@given(wanted_worlds(), actual_worlds(), memories())
@settings(max_examples=300)
def test_what_was_interrupted_is_back_before_anything_else_is_done(desired, before, memory):
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


@given(wanted_worlds(), actual_worlds(), memories(), st.integers(0, 7))
@settings(max_examples=400)
def test_a_sync_of_some_vips_leaves_all_others_alone(desired, before, memory, chosen):
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


@given(st.data(), actual_worlds(), memories(), st.booleans())
@settings(max_examples=400)
def test_vpp_refuses_nothing_even_if_what_is_desired_contradicts_itself(
    data, before, memory, whole
):
    keys = data.draw(st.lists(st.tuples(*map(st.sampled_from, (PREFIXES, PORTS[1:4]))), max_size=5))
    desired = [
        data.draw(wanted_vips(prefix, *ports[0], data.draw(encaps))) for prefix, ports in keys
    ]
    operations = plan(desired, before, memory, whole=whole)
    world = StrictVpp(before).run(operations).picture()
    memory = remembering(recalled(desired, before, memory), operations)
    assert plan(desired, world, memory, whole=whole) == []


@given(wanted_worlds(), actual_worlds(), memories())
@settings(max_examples=200)
def test_the_picture_follows_every_operation_as_vpp_does(desired, before, memory):
    vpp, picture = StrictVpp(before), before
    for operation in plan(desired, before, memory, whole=True):
        vpp.accept(operation)
        unchanged = dict(picture)
        following = apply(picture, operation)
        assert following == vpp.picture()
        assert picture == unchanged
        picture = following


@given(wanted_worlds(), actual_worlds((True, False, None)), memories())
@settings(max_examples=300)
def test_a_plan_does_not_depend_on_whether_the_memory_was_completed_first(desired, before, memory):
    completed = recalled(desired, before, memory)
    assert plan(desired, before, completed, whole=True) == plan(desired, before, memory, whole=True)
    assert completed.keys() == {
        (vip_of(one), two.address)
        for one in desired
        for two in one.ases
        if vip_of(one) in before and two.address in before[vip_of(one)].ases
    }


@given(wanted_worlds(), actual_worlds((True, False, None)))
@settings(max_examples=300)
def test_a_vip_is_in_sync_exactly_if_a_whole_plan_would_not_touch_it(desired, before):
    nothing_due = {(vip_of(one), two.address): two.flush for one in desired for two in one.ases}
    touched = {one.vip for one in plan(desired, before, nothing_due, whole=True)}
    for one in desired:
        assert in_sync(one, before.get(vip_of(one))) == (vip_of(one) not in touched)
