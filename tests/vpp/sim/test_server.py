# SPDX-License-Identifier: Apache-2.0
"""The simulated VPP as callers meet it on its socket."""

import signal
import socket

import pytest

from maglev.vpp.sim.codec import HEADER, message_table
from tests.support import eventually
from tests.vpp.raw import KNOWN, add_as, add_vip, set_weight, vip


def test_the_welcome_has_the_whole_message_table(raw):
    assert raw.welcome["count"] == len(message_table("26.10"))
    assert raw.welcome["context"] == 77
    assert raw.handle & 1 << 31


def test_messages_may_come_in_pieces_and_in_heaps(raw):
    pings = b"".join(KNOWN["control_ping"].frame(raw.handle, n) for n in range(1, 6))
    for byte in pings[:40]:
        raw.socket.sendall(bytes([byte]))
    raw.socket.sendall(pings[40:])
    assert [raw.receive()["context"] for _ in range(5)] == [1, 2, 3, 4, 5]


def test_each_of_many_callers_gets_its_own_replies(vpp, call):
    callers = [call(f"caller-{n}") for n in range(50)]
    for caller in callers:
        caller.context = caller.handle % 1000 * 100
    for _ in range(3):
        for caller in callers:
            caller.send("control_ping")
    for caller in callers:
        told = [caller.receive() for _ in range(3)]
        assert [one["context"] for one in told] == [caller.context - 2 + n for n in range(3)]
        assert {one["client_index"] for one in told} == {caller.handle}
    assert len(vpp.control.state()["callers"]) == 50


def test_a_handle_is_free_again_once_its_caller_is_gone(vpp, call):
    first = call("first")
    first.socket.close()
    eventually(lambda: not vpp.control.state()["callers"])
    assert call("second").handle == first.handle


def test_what_is_unknown_is_passed_over_in_silence(raw):
    unknown = (999).to_bytes(2, "big") + bytes(20)
    short = KNOWN["lb_conf"].id.to_bytes(2, "big") + raw.handle.to_bytes(4, "big")
    stranger = KNOWN["control_ping"].fixed.pack(KNOWN["control_ping"].id, 12345, 1)
    for message in (b"", b"\0", unknown, short, stranger):
        raw.socket.sendall(HEADER.pack(0, len(message), 0) + message)
    assert raw.call("control_ping")["context"] == 1


def test_a_caller_that_announces_megabytes_is_cut_off(raw):
    raw.socket.sendall(HEADER.pack(0, 1 << 30, 0))
    assert raw.ends()


def test_a_table_length_of_zero_kills_vpp(vpp, raw):
    pid = vpp.control.state()["pid"]
    raw.call("lb_add_del_vip_v2", *add_vip())
    dead = list(add_vip(port=81))
    dead[10] = 0
    raw.send("lb_add_del_vip_v2", *dead)
    assert raw.ends()
    after = vpp.control.state()
    assert (after["vips"], after["pid"] != pid) == ([], True)


def test_questions_of_a_careful_caller_are_answered(raw):
    assert raw.call("api_versions")["count"] == 0
    assert raw.call("memclnt_keepalive")["retval"] == 0


def test_the_route_of_a_vip_has_an_index_of_its_own(raw):
    prefixes = ("192.0.2.1/32", "2001:db8::1/128")
    for prefix in prefixes:
        raw.call("lb_add_del_vip_v2", *add_vip(prefix=prefix))
    looked_up = [raw.call("ip_route_lookup", 0, 1, *vip(prefix)[:3]) for prefix in prefixes]
    assert [one["retval"] for one in looked_up] == [0, 0]
    assert len({one["route.stats_index"] for one in looked_up}) == 2
    assert raw.call("ip_route_lookup", 0, 1, *vip("192.0.2.2/32")[:3])["retval"] == -6
    assert raw.call("ip_route_lookup", 5, 1, *vip()[:3])["retval"] == -3


def test_the_older_messages_work_besides_the_newer_ones(raw):
    add = add_vip()
    assert raw.call("lb_add_del_vip", *add[:-2], add[-1])["retval"] == 0
    assert raw.call("lb_add_del_as", *add_as("10.0.0.1")[:-3], False, False)["retval"] == 0
    assert raw.call("lb_flush_vip", *vip())["retval"] == 0
    raw.send("lb_as_dump", *vip("0.0.0.0/0", 0, 0))
    assert raw.receive()["message"] == "lb_as_details"
    raw.send("lb_as_v2_dump", *vip("0.0.0.0/0", 0, 0))
    told = raw.receive()
    assert (told["context"], told["weight"], told["num_buckets"]) == (raw.context, 100, 1024)


def test_a_dump_can_be_for_one_ipv6_vip(raw):
    raw.call("lb_add_del_vip_v2", *add_vip(prefix="2001:db8::1/128"))
    raw.call("lb_add_del_vip_v2", *add_vip())
    for where in (vip("2001:db8::1/128"), vip()):
        raw.call("lb_add_del_as_v2", *where, *add_as("10.0.0.1")[5:])
    raw.send("lb_as_v2_dump", *vip("2001:db8::1/128"))
    assert raw.receive()["vip.pfx.len"] == 128
    assert raw.call("control_ping")["message"] == "control_ping_reply"


def test_a_weight_shows_in_the_next_dump(raw):
    raw.call("lb_add_del_vip_v2", *add_vip())
    raw.call("lb_add_del_as_v2", *add_as("10.0.0.1"))
    for weight in (10, 20):
        assert raw.call("lb_as_set_weight", *set_weight("10.0.0.1", weight))["retval"] == 0
        raw.send("lb_as_v2_dump", *vip("0.0.0.0/0", 0, 0))
        assert raw.receive()["weight"] == weight


def test_encapsulations_that_are_not_simulated_are_refused(raw):
    wanted = list(add_vip())
    wanted[5] = 4
    assert raw.call("lb_add_del_vip_v2", *wanted)["retval"] == -22


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_told_and_leaves_no_socket(vpp, number):
    vpp.process.send_signal(number)
    assert vpp.process.wait(20) == 0
    assert not vpp.socket.exists()
    assert not vpp.control_path.exists()


def test_a_stopped_process_lets_callers_in_and_says_nothing(vpp):
    vpp.process.send_signal(signal.SIGSTOP)
    with socket.socket(socket.AF_UNIX) as caller:
        caller.connect(str(vpp.socket))
        caller.settimeout(0.1)
        caller.sendall(KNOWN["sockclnt_create"].frame(1, b"waits"))
        with pytest.raises(TimeoutError):
            caller.recv(1)
        vpp.process.send_signal(signal.SIGCONT)
        caller.settimeout(20)
        assert caller.recv(16)
