# SPDX-License-Identifier: Apache-2.0
"""Who goes to VPP first, and how many at a time."""

from maglev.core.reconcile import AddAs
from maglev.programmer.queues import BULK_IN_FLIGHT_MAX, URGENT_IN_FLIGHT_MAX
from tests.programmer.world import Vpp, World, key, ready, settings, vip


def many(count, *ases, first=1):
    return [
        vip(f"www{number}", *ases, address=f"192.0.2.{number}")
        for number in range(first, first + count)
    ]


def test_bulk_work_keeps_a_narrow_window():
    world = World()
    world.sync(settings(), *many(100, 100, 100))
    most = 0
    while world.step():
        most = max(most, len(world.wire))
    assert most == BULK_IN_FLIGHT_MAX


def test_urgent_work_keeps_a_wide_window():
    world = ready(*many(100, *[100] * 10))
    world.hear(*many(100, *[50] * 10))
    most = len(world.wire)
    while world.step():
        most = max(most, len(world.wire))
    assert most == URGENT_IN_FLIGHT_MAX
    assert all(weight == 50 for ases in world.vpp.weights().values() for weight in ases.values())


def test_an_urgent_change_waits_for_no_more_than_the_bulk_window():
    vpp = Vpp()
    vpp.vips[key()] = ["gre4", False, {"10.0.0.1": 100}]
    world = World(vpp)
    world.sync(settings(), vip("www", 100), *many(200, 100, first=2))
    for _ in range(50):
        world.step()
    taken = world.sent
    world.hear(vip("www", 0))
    while vpp.vips[key()][2]["10.0.0.1"]:
        world.step()
    assert world.sent - taken <= BULK_IN_FLIGHT_MAX + 1
    world.settle()
    assert len(vpp.vips) == 201


def test_added_vips_and_ases_hold_up_no_change_of_weight():
    world = ready(vip("www", 100), *many(50, 100, first=2))
    world.hear(*many(50, *[100] * 10, first=2), *many(50, *[100] * 10, first=100))
    world.hear(vip("www", 0))
    sent = world.sent
    while world.vpp.vips[key()][2]["10.0.0.1"]:
        world.step()
    assert world.sent - sent <= BULK_IN_FLIGHT_MAX + 1
    world.settle()
    assert len(world.vpp.vips) == 101


def test_an_urgent_change_replaces_the_bulk_plan_of_its_vip():
    world = World()
    world.sync(settings(), *many(200, 100))
    for _ in range(10):
        world.step()
    last = "www200"
    world.hear(vip(last, 7, address="192.0.2.200"))
    world.settle()
    added = [call for call in world.vpp.calls if isinstance(call, AddAs) and call.frontend == last]
    assert [call.weight for call in added] == [7]
    assert len(world.vpp.vips) == 200
    assert world.programmer.state.sync is None


def test_nothing_is_left_in_the_queues_at_rest():
    world = ready(*many(50, 100, 0))
    world.hear(*many(50, 0, 100))
    world.settle()
    state = world.programmer.state
    assert [*state.urgent, *state.bulk, *state.flying, *state.ended, *state.wanted] == []
    assert not any(known.busy for known in state.known.values())
