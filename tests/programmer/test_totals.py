# SPDX-License-Identifier: Apache-2.0
"""What the programmer counts: changes by scope and kind, failovers, messages; and when it tells."""

from maglev.messages import ApiTally, VppTotals
from maglev.programmer.events import CallsCounted
from tests.programmer.world import World, ready, settings, vip

PING = ApiTally("control_ping", "send", True, 3)


def told(world: World) -> VppTotals:
    """What is said when the shell tells of its calls."""
    world.feed(CallsCounted(()))
    return world.last(VppTotals)


def counted(totals: VppTotals) -> dict[tuple[str, str], int]:
    return {(one.scope, one.kind): one.count for one in totals.syncs if one.count}


def test_every_scope_and_kind_is_there_at_zero() -> None:
    totals = told(World())
    assert len({(one.scope, one.kind) for one in totals.syncs}) == 10
    assert counted(totals) == {}
    assert set(totals.failover_buckets) == {0}


def test_what_vpp_accepted_is_counted_by_scope_and_kind() -> None:
    world = World()
    world.sync(settings(), vip("www", 100, 0))
    world.settle()
    assert counted(told(world)) == {("all", "vip_added"): 1, ("all", "as_added"): 2}
    world.hear(vip("www", 0, 100))
    world.settle()
    assert counted(told(world))["vip", "as_weight_updated"] == 2


def test_what_vpp_refused_is_not_counted() -> None:
    world = ready(vip("www", 100))
    world.refuse = lambda number, call: -1
    world.hear(vip("www", 0))
    world.settle()
    assert ("vip", "as_weight_updated") not in counted(told(world))


def test_a_failover_is_counted_by_the_time_since_the_deciding_result() -> None:
    world = ready(vip("www", 100, 0))
    world.hear(vip("www", 0, 100, decided_at_s=world.now_s - 0.003))
    world.settle()
    totals = told(world)
    assert totals.failover_buckets.index(1) == 2, "3 ms: above 2.5 ms, up to 5 ms"
    assert sum(totals.failover_buckets) == 1
    assert 2_900_000 < totals.failover_ns_sum < 3_100_000


def test_what_has_not_changed_is_not_said_again() -> None:
    world = World()
    world.feed(CallsCounted((PING,)))
    assert world.last(VppTotals).api == (PING,)
    said = len(world.said(VppTotals))
    world.feed(CallsCounted((PING,)))
    assert len(world.said(VppTotals)) == said
