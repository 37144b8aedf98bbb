# SPDX-License-Identifier: Apache-2.0
"""What the aggregator wants, phase by phase, and what the programmer makes of it."""

import pytest

from maglev.actor import Found, Lost
from maglev.core.reconcile import AddVip, DelVip, SetWeight
from maglev.messages import VipForgotten, VipProgrammed, VipWithdrawn
from maglev.programmer.events import PushLbConf
from tests.programmer.world import CONF, Vpp, World, key, ready, server, settings, vip

WWW = ("192.0.2.1/32", 80)


def stale_vpp():
    """A VPP that has a VIP of nobody's, and www with an AS too many."""
    vpp = Vpp()
    vpp.conf = CONF
    vpp.vips[key("192.0.2.9")] = ["gre4", False, {"10.0.0.9": 100}]
    vpp.vips[key()] = ["gre4", False, {"10.0.0.1": 7, "10.0.0.9": 100}]
    return vpp


def test_before_anybody_speaks_nothing_is_sent():
    world = World(stale_vpp()).pass_s(100)
    assert world.changes() == []


def test_while_waiting_vpp_is_read_and_nothing_is_sent_not_even_lb_conf():
    world = World()
    world.sync(settings("wait"), vip("www", 100))
    world.hear(vip("www", 50), settings("wait", revision=2))
    world.pass_s(100)
    assert world.changes() == []
    assert world.reads > 1
    assert world.last(VipProgrammed, frontend="www") == VipProgrammed(
        frontend="www", prefix="192.0.2.1/32", protocol=6, port=80, in_sync=False, ases=()
    )


def test_released_vips_are_programmed_and_all_others_stay():
    world = World(stale_vpp())
    world.sync(settings("wait"))
    world.hear(settings("release"), vip("www", 100))
    world.pass_s(100)
    assert world.vpp.weights() == {
        WWW: {"10.0.0.1": 100},
        ("192.0.2.9/32", 80): {"10.0.0.9": 100},
    }
    world.changes()
    world.hear(vip("api", 50, address="192.0.2.2"))
    world.settle()
    assert world.vpp.weights()["192.0.2.2/32", 80] == {"10.0.0.1": 50}


def test_with_the_full_phase_stale_vips_go():
    world = World(stale_vpp())
    world.sync(settings("release"), vip("www", 100))
    world.settle()
    world.hear(settings("full", revision=2))
    world.settle()
    assert world.vpp.weights() == {WWW: {"10.0.0.1": 100}}
    assert world.vpp.flushes[key("192.0.2.9"), "10.0.0.9"] == 1


def test_lb_conf_is_pushed_before_any_vip_and_only_if_it_differs():
    world = World()
    world.sync(settings(), vip("www", 100))
    world.settle()
    pushed, *others = world.changes()
    assert pushed == PushLbConf(CONF)
    assert isinstance(others[0], AddVip)
    world.hear(settings(revision=2))
    world.settle()
    assert world.changes() == []
    assert len(world.logged("vpp-lb-conf-set")) == 1


def test_a_raised_revision_compares_everything_and_pushes_a_new_lb_conf():
    world = ready(vip("www", 100))
    other = type(CONF)(
        ipv4_src_address="192.0.2.251",
        ipv6_src_address=CONF.ipv6_src_address,
        sticky_buckets_per_core=1024,
        flow_timeout_s=20,
    )
    world.vpp.vips[key()][2]["10.0.0.1"] = 1
    world.hear(settings(revision=2, conf=other))
    world.settle()
    pushed, mended = world.changes()
    assert pushed == PushLbConf(other)
    assert mended.weight == 100


def test_a_changed_weight_is_sent_without_a_read():
    world = ready(vip("www", 100, 0))
    reads = world.reads
    world.hear(vip("www", 0, 100))
    assert [call.address for call in world.wire] == ["10.0.0.2", "10.0.0.1"]
    world.settle()
    assert world.reads == reads
    assert world.vpp.weights() == {WWW: {"10.0.0.1": 0, "10.0.0.2": 100}}


def test_what_is_said_again_sends_nothing():
    world = ready(vip("www", 100))
    world.hear(vip("www", 100), settings(), vip("www", 100, decided_at_s=5.0))
    world.sync(settings(), vip("www", 100), epoch=world.epoch)
    world.settle()
    assert world.changes() == []


def test_a_held_weight_leaves_what_vpp_has():
    world = ready(vip("www", 70, 30))
    world.hear(vip("www", None, 0))
    world.settle()
    assert world.vpp.weights() == {WWW: {"10.0.0.1": 70, "10.0.0.2": 0}}
    assert world.last(VipProgrammed).in_sync


def test_a_withdrawn_vip_goes_with_the_next_sync_of_everything():
    world = ready(vip("www", 100), vip("api", 100, address="192.0.2.2"))
    world.hear(VipWithdrawn(frontend="api"))
    world.settle()
    assert world.changes() == []
    assert world.said(VipForgotten) == []
    world.hear(settings(revision=2))
    world.settle()
    assert world.vpp.weights() == {WWW: {"10.0.0.1": 100}}
    assert world.said(VipForgotten) == [VipForgotten(frontend="api")]
    assert world.logged("vpp-lbsync-vip-del")[0]["why"] == "stale"


def test_a_renamed_frontend_keeps_its_vip():
    world = ready(vip("www", 100))
    world.hear(VipWithdrawn(frontend="www"), vip("web", 100), settings(revision=2))
    world.settle()
    assert world.changes() == []
    assert world.said(VipForgotten) == [VipForgotten(frontend="www")]
    assert world.last(VipProgrammed, frontend="web").in_sync


def test_a_renamed_frontend_keeps_its_vip_whatever_is_said_first():
    world = ready(vip("www", 100))
    world.hear(settings(revision=2), vip("web", 100), VipWithdrawn(frontend="www"))
    world.settle()
    assert world.changes() == []
    assert world.said(VipForgotten) == [VipForgotten(frontend="www")]


def test_a_frontend_that_moves_to_another_address_leaves_nothing_behind():
    world = ready(vip("www", 100))
    world.hear(vip("www", 100, address="192.0.2.2"), settings(revision=2))
    world.settle()
    assert world.vpp.weights() == {("192.0.2.2/32", 80): {"10.0.0.1": 100}}
    assert world.last(VipProgrammed, frontend="www").prefix == "192.0.2.2/32"
    assert world.said(VipForgotten) == []


def test_a_withdrawal_of_what_was_never_wanted_changes_nothing():
    world = ready(vip("www", 100))
    world.hear(VipWithdrawn(frontend="api"))
    world.settle()
    assert world.changes() == []


@pytest.mark.parametrize("change", [{"sticky": True}, {"encap": "gre6"}])
def test_a_vip_that_cannot_be_changed_is_made_anew_at_once(change):
    world = ready(vip("www", 100))
    address = {"gre6": "2001:db8::1"}.get(change.get("encap"), "10.0.0.1")
    one = type(server(1, 100))(address=address, backend="web1", weight=100)
    world.hear(vip("www", one, **change))
    world.settle()
    assert [type(call).__name__ for call in world.changes()] == [
        "DelAs",
        "DelVip",
        "AddVip",
        "AddAs",
    ]
    assert world.last(VipProgrammed).in_sync


def test_two_vips_of_one_address_that_change_encapsulation_end_as_wanted():
    old = [vip("www", 100), vip("tls", 100, port=443)]
    world = ready(*old)
    one = type(server(1, 1))(address="2001:db8::1", backend="web1", weight=100)
    world.hear(vip("www", one, encap="gre6"), vip("tls", one, port=443, encap="gre6"))
    world.settle()
    assert world.vpp.weights() == {
        WWW: {"2001:db8::1": 100},
        ("192.0.2.1/32", 443): {"2001:db8::1": 100},
    }
    assert world.logged("vpp-lbsync-refused") == []


def test_an_all_port_vip_that_replaces_a_port_vip_ends_as_wanted():
    world = ready(vip("www", 100))
    world.hear(vip("all", 100, port=0), VipWithdrawn(frontend="www"), settings(revision=2))
    world.settle()
    assert world.vpp.weights() == {("192.0.2.1/32", 0): {"10.0.0.1": 100}}
    assert world.logged("vpp-lbsync-refused") == []


def test_a_withdrawn_vip_gets_nothing_more_of_its_plan():
    world = ready()
    world.hear(vip("www", *[100] * 100))
    sent = len(world.wire)
    world.hear(VipWithdrawn(frontend="www"))
    world.settle()
    assert len(world.changes()) == sent


def test_while_a_plan_waits_for_its_turn_a_read_plans_nothing_twice():
    world = ready()
    world.hear(vip("www", *[100] * 100))
    world.ask()
    world.feed(world.vpp.read())
    world.wire.pop()
    world.settle()
    assert len(world.changes()) == 101
    assert world.logged("vpp-lbsync-refused") == []


# --- flushes --------------------------------------------------------------------------------------


def down(flush):
    return server(1, 0, drain=True, flush=flush)


def test_a_flush_is_sent_once_per_change():
    world = ready(vip("www", 100))
    world.hear(vip("www", down(1)))
    world.pass_s(100)
    world.hear(vip("www", down(2)))
    world.pass_s(100)
    assert [call.flush for call in world.changes()] == [True, True]
    assert world.vpp.flushes[key(), "10.0.0.1"] == 2


def test_an_as_that_went_down_and_up_between_two_looks_is_flushed_once():
    world = ready(vip("www", 100))
    world.hear(vip("www", server(1, 100, flush=1)))
    world.pass_s(100)
    (call,) = world.changes()
    assert (call.weight, call.flush) == (100, True)


def test_a_fresh_programmer_flushes_only_what_is_due_and_still_has_weight():
    vpp = Vpp()
    vpp.conf = CONF
    vpp.vips[key()] = ["gre4", False, {"10.0.0.1": 100, "10.0.0.2": 0, "10.0.0.3": 100}]
    world = World(vpp)
    drained = [server(number, 0, drain=True, flush=3) for number in (1, 2)]
    world.sync(settings(), vip("www", *drained, server(3, 50, flush=2)))
    world.pass_s(100)
    assert [(call.address, call.flush) for call in world.changes()] == [
        ("10.0.0.1", True),
        ("10.0.0.3", False),
    ]


def test_a_new_epoch_begins_to_count_flushes_anew():
    world = ready(vip("www", server(1, 100, flush=7)))
    world.sync(settings(), vip("www", server(1, 100, flush=2)))
    world.pass_s(100)
    assert world.changes() == []
    world.hear(vip("www", server(1, 100, flush=3)))
    world.settle()
    (call,) = world.changes()
    assert call.flush


def test_higher_numbers_of_a_new_epoch_are_no_flush_due():
    world = ready(vip("www", server(1, 100, flush=2)))
    world.sync(settings(), vip("www", server(1, 100, flush=7)))
    world.pass_s(100)
    assert world.changes() == []


@pytest.mark.parametrize("weight", [0, 100])
def test_a_flush_that_nobody_knows_of_is_sent_again(weight):
    world = ready(vip("www", 100))
    world.cut = lambda number: "before"
    world.hear(vip("www", server(1, weight, drain=weight == 0, flush=1)))
    world.settle()
    world.cut = lambda number: ""
    world.pass_s(5)
    assert world.vpp.flushes[key(), "10.0.0.1"] == 1


def test_flushes_of_ases_that_are_gone_are_forgotten():
    world = ready(vip("www", server(1, 100, flush=2), 50))
    world.hear(vip("www", 100))
    world.hear(vip("www", server(3, 100)))
    world.settle()
    assert {address for _, address in world.programmer.state.flushed} == {"10.0.0.3"}


def test_numbers_of_a_new_epoch_count_from_its_first_word_on():
    world = ready(vip("www", 100))
    world.lose()
    world.pass_s(5)
    world.sync(settings(), vip("www", 100))
    world.hear(vip("www", server(1, 100, flush=1)))  # before any read could begin
    world.pass_s(100)
    assert world.vpp.flushes[key(), "10.0.0.1"] == 1


def test_a_snapshot_of_the_same_epoch_flushes_nothing_again():
    world = ready(vip("www", 100))
    world.hear(vip("www", down(1)))
    world.settle()
    world.sync(settings(), vip("www", down(1)), epoch=world.epoch)
    world.pass_s(100)
    assert world.vpp.flushes[key(), "10.0.0.1"] == 1


# --- the aggregator comes and goes ----------------------------------------------------------------


def test_without_the_aggregator_vpp_is_mended_by_what_was_wanted_last():
    world = ready(vip("www", 100))
    world.feed(Lost("aggregator"))
    world.vpp.vips[key()][2]["10.0.0.1"] = 1
    world.pass_s(30)
    assert world.vpp.weights() == {WWW: {"10.0.0.1": 100}}
    world.feed(Found("aggregator"))
    world.settle()
    assert world.last(VipProgrammed).in_sync


def test_an_aggregator_that_starts_anew_and_waits_stops_the_rest_of_a_plan():
    world = World()
    vips = [vip(f"www{number}", 100, address=f"192.0.2.{number}") for number in range(1, 100)]
    world.sync(settings(), *vips)
    for _ in range(10):
        world.step()
    in_flight = sum(1 for _ in world.wire)
    taken = world.sent
    world.sync(settings("wait"))
    world.pass_s(100)
    assert world.sent == taken + in_flight
    assert world.programmer.state.sync is None


def test_going_back_to_waiting_stops_the_rest_of_a_plan():
    world = ready()
    world.hear(vip("www", *[100] * 100))
    sent = len(world.wire)
    world.hear(settings("wait", revision=2))
    world.pass_s(100)
    assert len(world.changes()) == sent


def test_a_vip_missing_in_a_new_snapshot_is_withdrawn():
    world = ready(vip("www", 100), vip("api", 100, address="192.0.2.2"))
    world.sync(settings(), vip("www", 100))
    world.settle()
    assert [type(call) for call in world.changes()][-1] is DelVip
    assert world.said(VipForgotten) == [VipForgotten(frontend="api")]


def test_a_newer_wish_replaces_what_was_not_sent_of_the_older():
    world = ready(vip("www", *[100] * 100))
    world.hear(*(vip("www", *[weight] * 100) for weight in range(10)))
    world.settle()
    assert set(world.vpp.weights()[WWW].values()) == {9}
    assert all(isinstance(call, SetWeight) for call in world.changes())
    assert world.last(VipProgrammed).in_sync
