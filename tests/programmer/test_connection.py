# SPDX-License-Identifier: Apache-2.0
"""VPP comes, goes, hangs, is too old or not wanted: what the programmer says and does."""

from maglev.actor import Woke
from maglev.messages import Done, Refused, VipProgrammed, VppStatus
from maglev.programmer.events import ReadVpp
from tests.programmer.world import World, key, ready, settings, vip


def test_it_says_who_vpp_is_once_connected():
    world = World().settle()
    status = world.last(VppStatus)
    assert (status.connected, status.weights, status.version, status.pid) == (
        True,
        True,
        "26.10",
        7,
    )
    assert status.connected_at_ns == int(1000.0 * 1e9)
    assert world.logged("vpp-connect") == [{"version": "26.10", "pid": 7}]


def test_without_an_address_it_never_looks_for_vpp_and_says_so():
    world = World(off=True)
    world.sync(settings(), vip("www", 100))
    world.ask()
    world.pass_s(100)
    assert not world.fed
    assert "MAGLEV_VPP_API_ADDR" in world.last(VppStatus).error
    ((_, answer),) = world.replies
    assert isinstance(answer, Refused)
    assert answer.code == "unavailable"


def test_it_looks_for_vpp_every_five_seconds_and_logs_the_reason_once():
    world = World()
    world.up = False
    world.lose("no such file")
    world.pass_s(24)
    assert [fields["why"] for fields in world.logged("vpp-disconnect")] == ["no such file"]
    assert world.last(VppStatus) == VppStatus(connected=False, error="no such file")
    world.up = True
    world.pass_s(1)
    assert world.last(VppStatus).connected


def test_it_pings_every_ten_seconds_while_connected():
    world = World().settle()
    world.pass_s(9.9)
    assert world.pings == 0
    world.pass_s(50.1)
    assert world.pings == 6
    world.up = False
    world.lose()
    world.pass_s(60)
    assert world.pings == 6


def test_a_lost_vpp_is_read_before_anything_is_sent_to_it_again():
    world = ready(vip("www", 100))
    world.lose("no answer within 5 s")
    world.hear(vip("www", 0))
    assert not world.wire
    assert world.logged("vpp-disconnect") == [{"why": "no answer within 5 s"}]
    reads = world.reads
    world.pass_s(5)
    assert world.reads == reads + 1
    assert world.vpp.weights() == {("192.0.2.1/32", 80): {"10.0.0.1": 0}}
    assert len(world.changes()) == 1


def test_nothing_is_sent_between_the_connection_and_the_first_read():
    world = ready(vip("www", 100))
    world.lose()
    world.now_s += 5
    world.feed(Woke())
    assert world.step()  # connected, and the read is on its way
    assert world.last(VppStatus).connected
    world.hear(vip("www", 0))
    assert [type(one) for one in world.wire] == [ReadVpp]
    world.settle()
    assert world.vpp.weights() == {("192.0.2.1/32", 80): {"10.0.0.1": 0}}


def test_a_vpp_that_forgot_everything_gets_everything_again():
    world = ready(vip("www", 100, 50))
    world.vpp.vips.clear()
    world.vpp.conf = type(world.vpp)().conf
    world.lose()
    world.pass_s(5)
    assert world.vpp.weights() == {("192.0.2.1/32", 80): {"10.0.0.1": 100, "10.0.0.2": 50}}
    assert len(world.logged("vpp-lb-conf-set")) == 2


def test_a_vpp_without_weights_is_sent_nothing_and_the_reason_is_said_once():
    world = World()
    world.unsupported = "VPP 26.06 has no messages for AS weights"
    world.lose()
    world.sync(settings(), vip("www", 100))
    world.pass_s(300)
    world.ask()
    assert world.changes() == []
    assert world.reads == 0
    status = world.last(VppStatus)
    assert (status.connected, status.weights) == (True, False)
    assert status.error == world.unsupported
    assert world.logged("vpp-unsupported") == [{"error": world.unsupported}]
    ((_, answer),) = world.replies
    assert world.unsupported in answer.text


def test_a_vpp_with_weights_that_comes_back_in_its_place_is_programmed():
    world = World()
    world.unsupported = "too old"
    world.lose()
    world.sync(settings(), vip("www", 100))
    world.pass_s(5)
    world.unsupported = ""
    world.lose()
    world.pass_s(5)
    assert world.vpp.weights() == {("192.0.2.1/32", 80): {"10.0.0.1": 100}}
    assert world.last(VppStatus).error == ""


def test_whoever_waits_for_a_sync_hears_that_vpp_was_lost():
    world = ready(vip("www", 100))
    world.ask(number=1)
    world.ask(number=2)
    world.lose("it crashed")
    assert {number: answer.code for number, answer in world.replies} == {
        1: "unavailable",
        2: "unavailable",
    }
    assert "it crashed" in world.replies[0][1].text


def test_a_sync_asked_for_tells_what_it_changed():
    world = ready(vip("www", 100, 100))
    world.vpp.vips[key()][2].update({"10.0.0.1": 3, "10.0.0.9": 4})
    world.ask(number=1)
    world.settle()
    assert world.replies == [
        (1, Done(text="1 as_removed, 1 as_weight_updated", changed=True)),
    ]
    world.ask(number=2)
    world.settle()
    assert world.replies[1] == (2, Done(text="nothing to do", changed=False))


def test_a_sync_asked_for_during_a_sync_begins_after_it():
    world = ready(vip("www", 100))
    world.ask(number=1)
    world.ask(number=2)
    reads = world.reads
    world.vpp.vips[key()][2]["10.0.0.1"] = 3
    world.settle()
    assert world.reads == reads + 1
    assert [number for number, _ in world.replies] == [1, 2]


def test_a_sync_of_one_frontend_touches_no_other_vip():
    world = ready(vip("www", 100), vip("api", 100, address="192.0.2.2"))
    world.vpp.vips[key()][2]["10.0.0.1"] = 3
    world.vpp.vips[key("192.0.2.2")][2]["10.0.0.1"] = 4
    world.vpp.vips[key("192.0.2.3")] = ["gre4", False, {}]
    world.ask("api")
    world.settle()
    assert [call.frontend for call in world.changes()] == ["api"]
    assert world.replies[0][1].text == "1 as_weight_updated"


def test_a_sync_is_refused_for_an_unknown_frontend_and_before_the_end_of_the_wait():
    world = ready(vip("www", 100))
    world.ask("web", number=1)
    world.hear(settings("wait", revision=2))
    world.ask(number=2)
    assert [answer.code for _, answer in world.replies] == ["not_found", "failed_precondition"]
    assert "web" in world.replies[0][1].text


def test_callers_have_a_bound():
    world = ready(vip("www", 100))
    for number in range(1200):
        world.ask(number=number)
    assert len(world.replies) == 199  # one sync began with the first, 1000 wait for the next
    assert all(isinstance(answer, Refused) for _, answer in world.replies)
    world.settle()
    assert len(world.replies) == 1200


def test_what_vpp_has_stays_said_while_it_is_away():
    world = ready(vip("www", 100))
    world.lose()
    assert world.last(VipProgrammed, frontend="www").ases[0].weight == 100
