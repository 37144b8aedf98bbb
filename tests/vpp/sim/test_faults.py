# SPDX-License-Identifier: Apache-2.0
"""What the simulated VPP does wrong when it is told to, and only then."""

import time
from itertools import product

import pytest

from maglev.vpp.sim.control import Control, ControlError
from maglev.vpp.sim.faults import Faults, Rule, spoil
from tests.support import eventually
from tests.vpp.raw import KNOWN, add_as, add_vip, set_weight


@pytest.fixture
def one_as(raw):
    raw.call("lb_add_del_vip_v2", *add_vip())
    raw.call("lb_add_del_as_v2", *add_as("10.0.0.1"))
    return raw


def weight(vpp):
    return vpp.control.weights()["192.0.2.1/32 tcp 80"]["10.0.0.1"]


@pytest.mark.parametrize(("nth", "times"), list(product(range(1, 5), range(1, 4))))
def test_a_rule_is_met_by_the_nth_call_and_so_many_after_it(nth, times):
    faults = Faults()
    faults.rules.append(Rule("ping", nth=nth, times=times))
    met = [number for number in range(1, 9) if faults.rule_for("ping")]
    assert met == list(range(nth, nth + times))
    assert faults.rules == []


def test_a_rule_counts_only_its_own_message():
    faults = Faults()
    faults.rules.append(Rule("ping", nth=2))
    assert [bool(faults.rule_for(name)) for name in ("ping", "pong", "ping")] == [
        False,
        False,
        True,
    ]


def test_nothing_is_no_reply_that_could_be_spoiled():
    assert all(spoil(kind, b"") for kind in ("unknown", "short", "noise", "stray"))


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_the_nth_call_is_refused_and_changes_nothing(vpp, one_as, nth):
    vpp.control.fail("lb_as_set_weight", nth=nth, retval=-42)
    for number in range(1, 5):
        answer = one_as.call("lb_as_set_weight", *set_weight("10.0.0.1", number))
        assert answer["retval"] == (-42 if number == nth else 0)
        assert weight(vpp) == (number if number != nth else (nth - 1 or 100))


def test_a_call_can_be_refused_though_it_was_done(vpp, one_as):
    vpp.control.fail("lb_as_set_weight", applied=True)
    assert one_as.call("lb_as_set_weight", *set_weight("10.0.0.1", 7))["retval"] == -1
    assert weight(vpp) == 7


@pytest.mark.parametrize("message", ["show_version", "control_ping", "cli_inband", "lb_conf_get"])
def test_every_reply_can_be_a_refusal(vpp, raw, message):
    vpp.control.fail(message)
    tail = bytes(4) if message == "cli_inband" else b""
    assert raw.call(message, tail=tail)["retval"] == -1


def test_a_call_can_stay_without_an_answer(vpp, one_as):
    vpp.control.fail("lb_as_set_weight", action="silence")
    one_as.send("lb_as_set_weight", *set_weight("10.0.0.1", 7))
    assert one_as.call("control_ping")["message"] == "control_ping_reply"
    assert weight(vpp) == 100


@pytest.mark.parametrize(("applied", "after"), [(False, 100), (True, 7)])
def test_the_connection_can_be_lost_before_and_after_a_call_is_done(vpp, one_as, applied, after):
    vpp.control.fail("lb_as_set_weight", action="close", applied=applied)
    one_as.send("lb_as_set_weight", *set_weight("10.0.0.1", 7))
    assert one_as.ends()
    assert weight(vpp) == after


def test_it_can_hang_at_a_call_and_go_on_with_the_next_one(vpp, raw):
    vpp.control.fail("control_ping", action="hang", nth=2)
    pings = b"".join(KNOWN["control_ping"].frame(raw.handle, n) for n in (1, 2, 3))
    raw.socket.sendall(pings)
    assert raw.receive()["context"] == 1
    assert vpp.control.state()["hung"]
    raw.socket.settimeout(0.1)
    with pytest.raises(TimeoutError):
        raw.receive()
    vpp.control.resume()
    raw.socket.settimeout(20)
    assert raw.receive()["context"] == 3


def test_a_hanging_one_lets_callers_in_and_answers_once_it_goes_on(vpp, raw):
    vpp.control.hang()
    raw.send("control_ping")
    raw.socket.settimeout(0.1)
    with pytest.raises(TimeoutError):
        raw.receive()
    vpp.control.clear()
    raw.socket.settimeout(20)
    assert raw.receive()["message"] == "control_ping_reply"


def test_replies_can_be_late(vpp, raw):
    vpp.control.delay(200)
    before_s = time.monotonic()
    raw.call("control_ping")
    assert time.monotonic() - before_s >= 0.2
    vpp.control.delay(0)
    raw.call("control_ping")


def test_a_restart_forgets_all_and_has_another_pid(vpp, one_as):
    before = vpp.control.state()
    vpp.control.restart()
    assert one_as.ends()
    after = vpp.control.state()
    assert (after["vips"], after["conf"]["sticky_buckets_per_core"]) == ([], 1024)
    assert (after["boots"], after["pid"] != before["pid"]) == (2, True)


def test_a_restart_at_a_call_can_keep_what_it_knew(vpp, one_as):
    vpp.control.restart(forget=False)
    assert one_as.ends()
    assert weight(vpp) == 100


def test_a_restart_can_come_back_as_another_version(vpp, call):
    vpp.control.restart(version="26.06")
    assert call("raw").welcome["count"] < len(KNOWN) + 40
    assert vpp.control.state()["version"] == "26.06"


def test_nobody_answers_while_it_is_away(vpp, call):
    vpp.control.restart(away_s=0.3)
    with pytest.raises(ConnectionRefusedError):
        call("too early")

    def back():
        try:
            return call("back")
        except OSError:
            return None

    assert eventually(back).call("control_ping")["retval"] == 0


def test_a_restart_can_happen_at_a_call(vpp, one_as):
    vpp.control.fail("lb_as_set_weight", action="restart")
    one_as.send("lb_as_set_weight", *set_weight("10.0.0.1", 7))
    assert one_as.ends()
    assert vpp.control.state()["vips"] == []


def test_all_connections_can_be_closed(vpp, call):
    callers = [call(f"caller-{n}") for n in range(3)]
    vpp.control.close_callers()
    assert all(caller.ends() for caller in callers)


def test_a_stray_reply_comes_before_the_right_one(vpp, raw):
    vpp.control.fail("control_ping", action="garbage", garbage="stray")
    raw.send("control_ping")
    assert [raw.receive()["context"] for _ in range(2)] == [0xFFFFFFFF, 1]


def test_a_wrong_request_is_told_and_harms_nothing(vpp):
    for wrong in ({"op": "nothing"}, {"op": "fail", "colour": "red"}, {"op": "delay"}):
        with pytest.raises(ControlError):
            vpp.control.ask(**wrong)
    with pytest.raises(ControlError, match=r"26\.99"):
        vpp.control.ask("restart", version="26.99")
    assert vpp.control.state()["boots"] == 1


def test_several_can_look_at_once(vpp):
    with Control(vpp.control_path) as other:
        assert other.state()["pid"] == vpp.control.state()["pid"]


def test_the_log_tells_what_was_changed_by_whom_and_when(vpp, one_as):
    cursor = vpp.control.cursor()
    before_ns = time.monotonic_ns()
    one_as.call("control_ping")
    one_as.call("lb_as_set_weight", *set_weight("10.0.0.1", 7, flush=True))
    one_as.call("lb_as_set_weight", *set_weight("10.0.0.9", 7))
    after_ns = time.monotonic_ns()
    first, second = vpp.control.changes(cursor)
    assert before_ns <= first.pop("at_ns") <= second["at_ns"] <= after_ns
    assert first == {
        "n": cursor + 1,
        "client": "raw",
        "message": "lb_as_set_weight",
        "vip": "192.0.2.1/32 tcp 80",
        "as": "10.0.0.1",
        "weight": 7,
        "flush": True,
        "retval": 0,
    }
    assert second["retval"] == -6
    assert vpp.control.calls(cursor)[0]["message"] == "control_ping"


def test_tampering_is_seen_but_is_no_call(vpp, one_as):
    cursor = vpp.control.cursor()
    vpp.control.set_weight("192.0.2.1/32 tcp 80", "10.0.0.1", 3)
    vpp.control.set_weight("192.0.2.1/32 tcp 80", "10.0.0.2", 4)
    vpp.control.add_vip("2001:db8::1/128 any 0", "gre6", src_ip_sticky=True)
    assert vpp.control.weights() == {
        "192.0.2.1/32 tcp 80": {"10.0.0.1": 3, "10.0.0.2": 4},
        "2001:db8::1/128 any 0": {},
    }
    vpp.control.del_as("192.0.2.1/32 tcp 80", "10.0.0.1")
    vpp.control.del_vip("2001:db8::1/128 any 0")
    assert vpp.control.weights() == {"192.0.2.1/32 tcp 80": {"10.0.0.2": 4}}
    assert vpp.control.calls(cursor) == []
    with pytest.raises(ControlError, match="lb_vip_find_index error -6"):
        vpp.control.del_vip("2001:db8::1/128 any 0")
