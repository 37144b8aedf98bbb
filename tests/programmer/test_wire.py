# SPDX-License-Identifier: Apache-2.0
"""The real process on a real bus, against a simulated VPP on VPP's own wire protocol."""

import signal
import time
from contextlib import ExitStack

import pytest

from maglev.messages import Done, Refused
from maglev.programmer.queues import BULK_IN_FLIGHT_MAX
from maglev.vpp.sim.control import CHANGING
from tests.programmer.rig import Rig
from tests.programmer.world import server, settings, vip
from tests.vpp.simulated import simulated_vpp

FAST = 0.1  # time scale: replies within 0.5 s, connected again after 0.5 s
WWW = "192.0.2.1/32 tcp 80"


@pytest.fixture
def make(tmp_path):
    """What makes a VPP and a programmer, started; all end with the test."""
    with ExitStack() as stack:

        def make_one(*said, version="26.10", as_call_us=0.0, **options):
            vpp = stack.enter_context(simulated_vpp(tmp_path, version, 1.0, as_call_us))
            rig = Rig(tmp_path, vpp.socket, **options)
            stack.callback(rig.stop)
            rig.say(*said)
            return vpp, rig.start()

        yield make_one


def fleet(count=30, *ases):
    """So many VIPs, and what VPP should have of them."""
    weights = ases or (100, 50, 0)
    vips = [vip(f"www{n}", *weights, address=f"192.0.2.{n}") for n in range(1, count + 1)]
    wanted = {
        f"192.0.2.{n}/32 tcp 80": {f"10.0.0.{k}": weight for k, weight in enumerate(weights, 1)}
        for n in range(1, count + 1)
    }
    return vips, wanted


def converged(vpp, rig, vips, wanted):
    """Wait until VPP has what is wanted, and the programmer says so."""
    rig.until(lambda: rig.in_sync(*(one.frontend for one in vips)), "all in sync")
    rig.until(lambda: vpp.control.weights() == wanted, f"VPP: {vpp.control.weights()}")


def test_vpp_gets_what_is_wanted_and_a_second_sync_only_reads(make):
    vips, wanted = fleet()
    vpp, rig = make(settings(interval_s=3600.0), *vips)
    converged(vpp, rig, vips, wanted)
    since = vpp.control.cursor()
    answer = rig.ask()
    assert (answer.text, answer.changed, answer.cls) == ("nothing to do", False, "VipProgrammed")
    calls = {call["message"] for call in vpp.control.calls(since)}
    assert calls & CHANGING == set()
    assert {"lb_vip_dump", "lb_as_v2_dump", "lb_conf_get", "cli_inband"} <= calls
    conf = vpp.control.state()["conf"]
    assert "192.0.2.250" in conf.values()


def test_a_removed_backend_stays_removed_without_further_calls(make):
    """VPP shows a deleted AS until it collects it."""
    vpp, rig = make(settings(interval_s=0.1), vip("www", 100, 50))
    converged(vpp, rig, [vip("www")], {WWW: {"10.0.0.1": 100, "10.0.0.2": 50}})
    rig.say(vip("www", 100))
    converged(vpp, rig, [vip("www")], {WWW: {"10.0.0.1": 100}})
    since = vpp.control.cursor()
    rig.syncs()
    rig.until(lambda: len(rig.edges) > 3, "some more syncs")
    assert vpp.control.changes(since) == []


def test_what_is_changed_by_hand_is_mended(make):
    vips, wanted = fleet(3)
    vpp, rig = make(settings(interval_s=0.2), *vips)
    converged(vpp, rig, vips, wanted)
    vpp.control.set_weight(WWW, "10.0.0.1", 7)
    vpp.control.set_weight(WWW, "10.0.0.77", 77)
    vpp.control.del_as("192.0.2.2/32 tcp 80", "10.0.0.1")
    vpp.control.del_vip("192.0.2.3/32 tcp 80")
    vpp.control.add_vip("2001:db8::9/128 udp 53", "gre6", src_ip_sticky=True)
    rig.until(lambda: vpp.control.weights() == wanted, "mended")
    vpp.control.del_vip(WWW)
    vpp.control.add_vip(WWW, src_ip_sticky=True)
    rig.until(
        lambda: (
            vpp.control.weights() == wanted
            and not any(one["src_ip_sticky"] for one in vpp.control.state()["vips"] if one["used"])
        ),
        "made anew",
    )


def test_ipv6_all_ports_and_stickiness_are_read_as_written(make):
    six = type(server(1, 1))(address="2001:db8:1::1", backend="six", weight=30)
    vips = [
        vip("six", six, address="2001:db8::1", encap="gre6", sticky=True),
        vip("mixed", 70, address="2001:db8::2"),
        vip("all", 100, address="192.0.2.9", port=0),
    ]
    vpp, rig = make(settings(), *vips)
    rig.until(lambda: rig.in_sync("six", "mixed", "all"), "all in sync")
    since = vpp.control.cursor()
    assert not rig.ask().changed
    assert vpp.control.changes(since) == []


def test_a_change_tells_how_long_it_took_and_is_sent_without_a_read(make):
    vpp, rig = make(settings(), vip("www", 100, 0))
    rig.until(lambda: rig.in_sync("www"), "in sync")
    since = vpp.control.cursor()
    rig.say(vip("www", 0, 100, decided_at_s=time.monotonic()))
    rig.until(lambda: rig.programmed("www").failover_s, "failed over")
    calls = vpp.control.calls(since)
    assert [call["message"] for call in calls] == ["lb_as_set_weight"] * 2
    assert 0 < rig.programmed("www").failover_s < 1
    assert (rig.until(lambda: rig.syncs("vip"), "its end"))[-1].as_weight_updated == 2


def test_an_urgent_change_overtakes_a_full_sync(make):
    vips, _ = fleet(200, *[100] * 5)
    vpp, rig = make(settings("release", interval_s=3600.0), vips[0], as_call_us=200.0)
    rig.until(lambda: rig.in_sync("www1"), "in sync")
    since = vpp.control.cursor()
    rig.say(*vips[1:], settings("full", revision=2, interval_s=3600.0))
    rig.until(lambda: len(vpp.control.changes(since)) > 100, "the full sync is under way")
    said = len(vpp.control.changes(since))
    rig.say(vip("www1", 0, *[100] * 4, decided_at_s=time.monotonic()))
    rig.until(lambda: rig.programmed("www1").failover_s, "failed over")
    rig.until(lambda: rig.in_sync(*(one.frontend for one in vips)), "all in sync", 60)
    order = [call["message"] for call in vpp.control.changes(since)]
    assert order.index("lb_as_set_weight") < len(order) - 2 * BULK_IN_FLIGHT_MAX, said


def test_one_refused_operation_of_many_is_told_and_tried_again(make):
    vips, wanted = fleet()
    vpp, rig = make(settings("wait", interval_s=3600.0), *vips, scale=FAST)
    rig.until(lambda: rig.alive and rig.programmed("www30"), "read")
    vpp.control.fail("lb_add_del_as_v2", nth=40, retval=-97)
    rig.say(settings("full", revision=2, interval_s=3600.0))
    converged(vpp, rig, vips, wanted)
    # A busy machine may have the sync of the connection end after the phase was heard.
    first = rig.until(lambda: [one for one in rig.syncs() if one.vip_added], "a sync's end")[0]
    assert (first.failed, first.vip_added, first.as_added) == (1, 30, 89)
    assert "VPP answered -97 (wrong address family)" in rig.log.read_text()


@pytest.mark.parametrize("action", ["restart", "close", "silence", "garbage", "hang"])
@pytest.mark.parametrize("nth", [1, 60])
def test_a_vpp_that_fails_in_the_middle_of_a_sync_gets_it_all_in_the_end(make, action, nth):
    vips, wanted = fleet()
    vpp, rig = make(settings("wait"), *vips, scale=FAST)
    rig.until(lambda: rig.alive and rig.programmed("www30"), "read")
    vpp.control.fail("lb_add_del_as_v2", action=action, nth=nth)
    rig.say(settings("full", revision=2))
    rig.until(lambda: "vpp-disconnect" in rig.log.read_text(), "it is noticed")
    vpp.control.clear()
    converged(vpp, rig, vips, wanted)
    assert rig.process.poll() is None


def test_a_stopped_vpp_is_given_up_and_harms_nobody_else(make):
    vips, wanted = fleet(3)
    vpp, rig = make(settings(), *vips, scale=FAST)
    converged(vpp, rig, vips, wanted)
    vpp.process.send_signal(signal.SIGSTOP)
    rig.say(vip("www1", 0, 50, 100, address="192.0.2.1"))
    rig.until(lambda: not rig.status().connected, "given up")
    assert "no answer within 0.5 s" in rig.status().error
    began_s = time.monotonic()
    while time.monotonic() < began_s + 30 * FAST:
        answer = rig.ask()
        assert isinstance(answer, Refused)
        assert answer.code == "unavailable"
    assert rig.alive
    vpp.process.send_signal(signal.SIGCONT)
    wanted[WWW] |= {"10.0.0.1": 0, "10.0.0.3": 100}
    converged(vpp, rig, vips, wanted)


def test_a_vpp_without_weights_is_not_touched_until_a_new_one_takes_its_place(make):
    vpp, rig = make(settings(), vip("www", 100), version="26.06", scale=FAST)
    rig.until(lambda: rig.status() and rig.status().connected, "connected")
    rig.until(lambda: rig.ask().code == "unavailable", "refused")
    assert not rig.status().weights
    assert "26.06" in rig.status().error
    assert vpp.control.changes() == []
    vpp.control.restart(version="26.10")
    # Its messages are others, and those of the first one cannot be unlearnt.
    assert rig.process.wait(20) == 0
    rig.start()
    converged(vpp, rig, [vip("www")], {WWW: {"10.0.0.1": 100}})


def test_a_successor_after_kill_9_changes_nothing(make):
    down = server(1, 0, drain=True, flush=4)
    vpp, rig = make(settings(), vip("www", down, 100, None))
    rig.until(lambda: rig.in_sync("www"), "in sync")
    since = vpp.control.cursor()
    rig.kill()
    pid = rig.process.pid
    rig.start()
    rig.until(lambda: any("vpp-maglev" in one for one in vpp.control.state()["callers"]), "back")
    rig.until(lambda: not rig.alive or rig.process.pid != pid, "noticed")
    rig.until(lambda: isinstance(rig.ask(), Done), "synced")
    assert vpp.control.changes(since) == []


def test_vpp_may_come_and_go_in_any_order(make, tmp_path):
    vips, wanted = fleet(3)
    rig = Rig(tmp_path, tmp_path / "api.sock", scale=FAST)
    try:
        rig.say(settings(), *vips)
        rig.start()
        rig.until(lambda: rig.status() and "No such file" in rig.status().error, "no socket yet")
        with simulated_vpp(tmp_path) as vpp:
            converged(vpp, rig, vips, wanted)
        rig.until(lambda: not rig.status().connected, "noticed")
        with simulated_vpp(tmp_path) as vpp:
            rig.until(lambda: vpp.control.weights() == wanted, "programmed anew")
    finally:
        rig.stop()


def test_without_an_address_the_process_idles_and_says_so(tmp_path):
    rig = Rig(tmp_path, "")
    try:
        rig.say(settings(), vip("www", 100))
        rig.start()
        rig.until(lambda: rig.status() and "MAGLEV_VPP_API_ADDR" in rig.status().error, "idle")
        assert rig.ask().code == "unavailable"
    finally:
        rig.stop()


def test_each_call_is_logged_with_its_payload_at_debug_and_not_at_info(make):
    vpp, rig = make(settings(), vip("www", 100), log_level="debug")
    converged(vpp, rig, [vip("www")], {WWW: {"10.0.0.1": 100}})
    rig.ask()
    log = rig.log.read_text()
    for line in ("vpp-api-send", "vpp-api-recv", "vpp-api-send-multi", "vpp-api-recv-multi"):
        assert f'"msg": "{line}"' in log
    assert '"message": "lb_add_del_as_v2"' in log
    assert '"as_address": "10.0.0.1"' in log
    assert '"pfx": "192.0.2.1/32"' in log
