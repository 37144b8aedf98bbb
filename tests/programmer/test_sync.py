# SPDX-License-Identifier: Apache-2.0
"""Syncs: what is read, what is believed of it, what is sent, what is said."""

from maglev.messages import SyncFinished, VipProgrammed
from maglev.programmer.say import VIPS_A_TURN_MAX
from tests.programmer.world import Vpp, World, key, ready, settings, vip

WWW = ("192.0.2.1/32", 80)


def test_a_sync_that_finds_nothing_sends_nothing():
    world = ready(vip("www", 100, 0), vip("api", None, address="192.0.2.2"))
    reads = world.reads
    world.pass_s(300)
    assert world.changes() == []
    assert world.reads == reads + 10
    assert world.last(SyncFinished) == SyncFinished(scope="all", duration_s=0.0)


def test_what_somebody_changed_by_hand_is_mended_within_the_interval():
    world = ready(vip("www", 100, 50), vip("api", 1, address="192.0.2.2"))
    ases = world.vpp.vips[key()][2]
    ases["10.0.0.1"] = 1
    ases["10.0.0.77"] = 77
    del ases["10.0.0.2"]
    del world.vpp.vips[key("192.0.2.2")]
    world.vpp.vips[key("192.0.2.66", 0)] = ["gre6", True, {"2001:db8::1": 5}]
    world.pass_s(30)
    assert world.vpp.weights() == {
        WWW: {"10.0.0.1": 100, "10.0.0.2": 50},
        ("192.0.2.2/32", 80): {"10.0.0.1": 1},
    }
    finished = world.last(SyncFinished)
    assert (finished.vip_added, finished.vip_removed) == (1, 1)
    assert (finished.as_added, finished.as_removed, finished.as_weight_updated) == (2, 2, 1)


def test_the_interval_counts_from_the_end_of_a_sync_and_can_be_changed():
    world = ready(vip("www", 100))
    reads = world.reads
    world.pass_s(29)
    assert world.reads == reads
    world.hear(settings(revision=2, interval_s=5.0))
    world.settle()
    reads = world.reads
    world.pass_s(50)
    assert world.reads == reads + 10


def test_stickiness_set_by_hand_makes_the_vip_anew():
    world = ready(vip("www", 100))
    world.vpp.vips[key()][1] = True
    world.pass_s(30)
    assert world.vpp.vips[key()] == ["gre4", False, {"10.0.0.1": 100}]
    assert world.logged("vpp-lbsync-vip-del")[-1]["why"] == "src-ip-sticky"


def test_unknown_stickiness_is_no_reason_to_make_a_vip_anew():
    world = ready(vip("www", 100))
    world.vpp.vips[key()][1] = None
    world.pass_s(30)
    assert world.changes() == []


def test_a_read_tells_nothing_of_a_vip_written_since_it_began():
    world = ready(vip("www", 100), vip("api", 100, address="192.0.2.2"))
    world.ask()
    stale = world.vpp.read()
    world.wire.clear()  # the read is under way, and is as old as `stale` when it comes
    world.hear(vip("www", 0))
    world.settle()
    world.feed(stale)
    world.settle()
    assert [call.weight for call in world.changes()] == [0]
    assert world.vpp.weights()[WWW] == {"10.0.0.1": 0}
    assert world.last(VipProgrammed, frontend="www").ases[0].weight == 0


def test_a_read_tells_nothing_of_a_vip_that_had_calls_under_way_when_it_began():
    world = ready(vip("www", 100))
    world.hear(vip("www", 0))
    write = world.wire.popleft()
    world.ask()
    world.wire.clear()
    stale = world.vpp.read()
    world.wire.append(write)
    world.settle()
    world.feed(stale)
    world.settle()
    assert [call.weight for call in world.changes()] == [0]
    assert world.vpp.weights()[WWW] == {"10.0.0.1": 0}


def test_a_change_under_way_is_not_sent_twice_when_a_read_comes():
    world = ready(vip("www", 100))
    world.ask()
    world.hear(vip("www", 0))
    read, write = world.wire
    world.wire.clear()
    assert read is not write
    world.feed(world.vpp.read())
    world.wire.append(write)
    world.settle()
    assert len(world.changes()) == 1


def test_vips_are_programmed_in_numeric_order_raised_before_lowered():
    vpp = Vpp()
    vips = []
    for number in (10, 9, 100):
        address = f"192.0.2.{number}"
        vpp.vips[key(address)] = ["gre4", False, {"10.0.0.1": 0, "10.0.0.2": 100, "10.0.0.3": 5}]
        vips.append(vip(f"www{number}", 100, 0, address=address))
    world = World(vpp)
    world.sync(settings(), *vips)
    world.settle()
    _, *calls = world.changes()
    order = [(type(call).__name__, call.vip.prefix.split(".")[3], call.address) for call in calls]
    assert order == [
        ("SetWeight", "9/32", "10.0.0.1"),
        ("SetWeight", "10/32", "10.0.0.1"),
        ("SetWeight", "100/32", "10.0.0.1"),
        ("SetWeight", "9/32", "10.0.0.2"),
        ("SetWeight", "10/32", "10.0.0.2"),
        ("SetWeight", "100/32", "10.0.0.2"),
        ("DelAs", "9/32", "10.0.0.3"),
        ("DelAs", "10/32", "10.0.0.3"),
        ("DelAs", "100/32", "10.0.0.3"),
    ]


def test_a_change_tells_how_long_it_took_from_the_result_that_caused_it():
    world = ready(vip("www", 100, 0))
    world.hear(vip("www", 0, 100, decided_at_s=world.now_s - 0.25))
    world.now_s += 0.5
    world.settle()
    assert world.last(VipProgrammed).failover_s == 0.75
    assert world.last(SyncFinished).frontend == "www"
    assert world.last(SyncFinished).duration_s == 0.5


def test_a_wish_first_heard_of_is_no_failover():
    world = World()
    world.sync(settings(), vip("www", 100, decided_at_s=1.0))
    world.settle()
    assert world.last(VipProgrammed).failover_s == 0.0


def test_each_change_and_each_sync_is_logged_with_what_it_is_about():
    world = ready(vip("www", 100, 50))
    assert world.logged("vpp-lbsync-vip-add") == [
        {"vip": "192.0.2.1/32 tcp 80", "frontend": "www", "encap": "gre4", "src_ip_sticky": False}
    ]
    assert world.logged("vpp-lbsync-as-add")[1] == {
        "vip": "192.0.2.1/32 tcp 80",
        "frontend": "www",
        "backend": "web2",
        "address": "10.0.0.2",
        "weight": 50,
    }
    world.hear(vip("www", 0))
    world.settle()
    assert world.logged("vpp-lbsync-as-weight") == [
        {
            "vip": "192.0.2.1/32 tcp 80",
            "frontend": "www",
            "backend": "web1",
            "address": "10.0.0.1",
            "from": 100,
            "to": 0,
            "flush": False,
        }
    ]
    assert world.logged("vpp-lbsync-as-del")[0]["address"] == "10.0.0.2"
    end = world.logged("vpp-lbsync")[-1]
    assert (end["stage"], end["scope"], end["frontend"]) == ("end", "vip", "www")
    assert (end["as_removed"], end["as_weight_updated"], end["failed"]) == (1, 1, 0)


def test_a_vip_of_all_ports_reads_as_such():
    world = ready(vip("www", 100, port=0))
    assert world.logged("vpp-lbsync-vip-add")[0]["vip"] == "192.0.2.1/32 any"
    world.pass_s(60)
    assert world.changes() == []


def test_buckets_are_said_as_read():
    world = ready(vip("www", 100, 0))
    read = world.vpp.read
    world.vpp.read = lambda: type(read())(
        read().conf, read().vips, {key(): {"10.0.0.1": 1024, "10.0.0.2": 0}}
    )
    world.pass_s(30)
    assert [one.buckets for one in world.last(VipProgrammed).ases] == [1024, 0]


def test_news_of_many_vips_come_in_parts_and_all_of_them():
    vips = [vip(f"www{n}", 100, address=f"192.0.2.{n}") for n in range(1, 201)]
    world = ready(*vips)
    world.published.clear()
    world.ask()
    world.wire.clear()
    read = world.vpp.read()
    world.feed(type(read)(read.conf, read.vips, {each: {"10.0.0.1": 1024} for each in read.vips}))
    assert len(world.said(VipProgrammed)) == VIPS_A_TURN_MAX
    world.settle()
    assert len(world.said(VipProgrammed)) == 200
