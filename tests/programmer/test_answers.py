# SPDX-License-Identifier: Apache-2.0
"""What VPP refuses: who is held up (nobody else), what is said, when it is tried again."""

from itertools import pairwise

import pytest

from maglev.core.reconcile import AddAs, AddVip, DelAs, DelVip, SetWeight
from maglev.core.timers import Timers
from maglev.messages import SyncFinished, VipProgrammed, VppStatus
from maglev.programmer.answers import retry_delay_s
from maglev.programmer.events import PushLbConf, VppRead
from maglev.programmer.words import refusal
from tests.programmer.world import World, key, ready, settings, vip

WWW = ("192.0.2.1/32", 80)


def refusing(world, retval, kind, **which):
    """Let VPP refuse operations of a kind with these fields from now on."""

    def refuse(number, call):
        same = isinstance(call, kind) and all(
            getattr(call, name) == value for name, value in which.items()
        )
        return retval if same else 0

    world.refuse = refuse


def test_a_refused_operation_holds_up_no_other_and_its_vip_says_why():
    world = World()
    refusing(world, -97, AddAs, address="10.0.0.2")
    world.sync(
        settings(),
        vip("www", 100, 100, 100),
        vip("api", 100, address="192.0.2.2"),
    )
    world.settle()
    assert world.vpp.weights() == {
        WWW: {"10.0.0.1": 100, "10.0.0.3": 100},
        ("192.0.2.2/32", 80): {"10.0.0.1": 100},
    }
    www = world.last(VipProgrammed, frontend="www")
    assert not www.in_sync
    assert www.error == (
        "add AS 10.0.0.2 with weight 100 to VIP 192.0.2.1/32 tcp 80: "
        "VPP answered -97 (wrong address family)"
    )
    assert [one.address for one in www.ases] == ["10.0.0.1", "10.0.0.3"]
    assert world.last(VipProgrammed, frontend="api").in_sync
    assert world.said(SyncFinished)[0].failed == 1


def test_the_ases_of_a_vip_that_was_not_made_are_left_out():
    world = World()
    refusing(world, -1, AddVip)
    world.sync(settings(), vip("www", *[100] * 100))
    for _ in range(30):  # the read, lb_conf, and one window
        world.step()
    assert len(world.vpp.calls) < 30
    assert world.programmer.state.bulk is not None
    assert all(step.dropped for step in world.programmer.state.bulk)


def test_the_first_refusal_of_a_vip_is_what_it_says():
    world = World()
    refusing(world, -70, AddVip)
    world.sync(settings(), vip("www", 100, 100))
    world.settle()
    assert world.last(VipProgrammed).error.startswith("add VIP 192.0.2.1/32 tcp 80: ")
    assert "not a power of two" in world.last(VipProgrammed).error


def test_a_lasting_refusal_is_tried_ever_more_rarely_and_is_news_once():
    world = World()
    refusing(world, -97, AddAs)
    tries = []
    begin = world.programmer.handle

    def noting(event, now):
        tries.extend([now.mono_s] * isinstance(event, VppRead))
        return begin(event, now)

    world.programmer.handle = noting
    world.sync(settings(interval_s=1e6), vip("www", 100))
    world.pass_s(200)
    assert [later - earlier for earlier, later in pairwise(tries)] == [
        0,
        1,
        2,
        4,
        8,
        16,
        32,
        60,
        60,
    ]
    levels = [one.level for one in world.log_effects if one.msg == "vpp-lbsync-refused"]
    assert levels == ["error"] + ["debug"] * (len(tries) - 1)


def test_once_vpp_accepts_it_the_error_is_gone():
    world = World()
    refusing(world, -97, AddAs)
    world.sync(settings(interval_s=1e6), vip("www", 100))
    world.pass_s(10)
    assert world.last(VipProgrammed).error
    world.refuse = lambda number, call: 0
    world.pass_s(10)
    assert world.last(VipProgrammed).error == ""
    assert world.last(VipProgrammed).in_sync
    assert world.programmer.state.retry_at_s == float("inf")


def test_a_picture_that_was_wrong_is_mended_at_once():
    world = ready(vip("www", 100, 0))
    del world.vpp.vips[key()][2]["10.0.0.2"]  # by hand, and not noticed yet
    world.hear(vip("www", 0, 100))
    world.settle()
    assert world.vpp.weights() == {WWW: {"10.0.0.1": 0, "10.0.0.2": 100}}
    assert world.last(VipProgrammed).in_sync


def test_a_vip_made_by_somebody_else_meanwhile_becomes_ours():
    world = ready()
    world.vpp.vips[key()] = ["gre4", False, {"10.0.0.1": 3, "10.0.0.7": 7}]
    world.hear(vip("www", 100, 50))
    world.settle()
    assert world.vpp.weights() == {WWW: {"10.0.0.1": 100, "10.0.0.2": 50}}
    assert world.last(VipProgrammed).in_sync


def test_a_vip_in_trouble_still_gets_its_changes_at_once():
    world = World()
    refusing(world, -97, AddAs, address="10.0.0.3")
    world.sync(settings(interval_s=1e6), vip("www", 100, 0, 100))
    world.pass_s(100)
    reads = world.reads
    world.hear(vip("www", 0, 100, 100))
    assert {call.address for call in world.wire} == {"10.0.0.1", "10.0.0.2", "10.0.0.3"}
    world.settle()
    assert world.vpp.weights() == {WWW: {"10.0.0.1": 0, "10.0.0.2": 100}}
    assert world.reads == reads


def test_a_refused_flush_is_sent_again():
    world = ready(vip("www", 100))
    world.refuse = lambda number, call: -1
    world.hear(
        vip("www", type(vip("x", 1).ases[0])(address="10.0.0.1", backend="b", weight=100, flush=1))
    )
    world.step()
    world.refuse = lambda number, call: 0
    world.settle()
    assert world.vpp.flushes[key(), "10.0.0.1"] == 1


def test_a_refused_lb_conf_is_said_retried_and_holds_up_no_vip():
    world = World()
    refusing(world, -70, PushLbConf)
    world.sync(settings(interval_s=1e6), vip("www", 100))
    world.pass_s(100)
    assert world.vpp.weights() == {WWW: {"10.0.0.1": 100}}
    assert "-70" in world.last(VppStatus).error
    assert world.last(VppStatus).connected
    world.refuse = lambda number, call: 0
    world.pass_s(60)
    assert world.last(VppStatus).error == ""
    assert len(world.logged("vpp-lb-conf-set")) == 1


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(1, 0), (2, 0.1), (3, 0.2), (8, 6.0), (9, 6.0), (5000, 6.0)]
)
def test_the_wait_doubles_up_to_a_bound_and_scales(attempts, seconds):
    assert retry_delay_s(attempts, Timers.scaled(0.1)) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("operation", "text"),
    [
        (AddVip(key(), "www", "gre4", False), "add VIP 192.0.2.1/32 tcp 80"),
        (DelVip(key(port=0), "", "stale"), "delete VIP 192.0.2.1/32 any"),
        (DelAs(key(), "", "10.0.0.1", 5), "delete AS 10.0.0.1 from VIP 192.0.2.1/32 tcp 80"),
        (
            SetWeight(key(), "www", "10.0.0.1", "web1", 7, 5, False, 0),
            "set weight 7 of AS 10.0.0.1 in VIP 192.0.2.1/32 tcp 80",
        ),
    ],
)
def test_a_refusal_names_its_object_and_what_vpp_means(operation, text):
    assert refusal(operation, -6) == f"{text}: VPP answered -6 (no such entry)"
    assert refusal(operation, -3) == f"{text}: VPP answered -3 (an error)"
