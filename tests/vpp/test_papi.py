# SPDX-License-Identifier: Apache-2.0
"""The connection to VPP: what it learns, and that every wait ends whatever VPP does."""

import asyncio
import os
import signal
import socket
import struct
from collections.abc import Awaitable, Callable

import pytest

from maglev.vpp.link import VppGone, VppUnavailable
from maglev.vpp.papi import VppApi, VppChanged
from tests.vpp.impostor import answering, framed, impostor, welcome
from tests.vpp.simulated import Simulated, simulated_vpp

REPLY_S = 1.0


def with_api(vpp: Simulated, story: Callable[[VppApi], Awaitable[None]]) -> None:
    """Run a story with a connected VppApi."""

    async def run() -> None:
        api = await VppApi.connect(vpp.socket, reply_s=REPLY_S)
        try:
            async with asyncio.timeout(30):
                await story(api)
        finally:
            api.close()

    asyncio.run(run())


def connect(path) -> VppApi:
    async def run() -> VppApi:
        api = await VppApi.connect(path, reply_s=REPLY_S)
        api.close()
        return api

    return asyncio.run(run())


def test_it_learns_who_vpp_is(vpp):
    api = connect(vpp.socket)
    assert (api.version, api.build_date) == ("26.10-rc0", "2026-11-20T17:06:32")
    assert api.pid == vpp.process.pid
    assert api.lb_plugin
    assert api.weights_supported


def test_it_learns_that_an_older_vpp_has_no_weights(tmp_path):
    with simulated_vpp(tmp_path, "26.06") as vpp:
        api = connect(vpp.socket)
        assert (api.version, api.lb_plugin, api.weights_supported) == ("26.06-rc2", True, False)


def test_no_socket_is_told_with_its_path(tmp_path):
    with pytest.raises(VppUnavailable, match=r"nobody\.sock: No such file or directory"):
        connect(tmp_path / "nobody.sock")


def test_a_socket_that_nobody_serves_is_told_with_its_path(tmp_path):
    path = tmp_path / "left.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with pytest.raises(VppUnavailable, match=r"left\.sock: Connection refused"):
        connect(path)


def test_a_socket_that_is_not_permitted_is_told_with_its_path(vpp):
    vpp.socket.chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)  # root may connect to everything
    try:
        with pytest.raises(VppUnavailable, match=r"api\.sock: Permission denied"):
            connect(vpp.socket)
    finally:
        os.seteuid(user)


def test_a_vpp_that_hangs_is_unavailable_after_the_deadline(vpp):
    vpp.control.hang()
    with pytest.raises(VppUnavailable, match=r"api\.sock: no answer within 1 s"):
        connect(vpp.socket)


def test_a_vpp_that_hangs_after_the_welcome_is_unavailable_too(vpp):
    vpp.control.fail("get_api_json", action="hang")
    with pytest.raises(VppUnavailable, match=r"no answer within 1 s"):
        connect(vpp.socket)


@pytest.mark.parametrize("message", ["get_api_json", "show_version", "control_ping"])
@pytest.mark.parametrize("action", ["close", "garbage", "restart"])
def test_whatever_goes_wrong_while_connecting_is_told_and_the_next_try_works(vpp, message, action):
    vpp.control.fail(message, action=action, garbage="noise")
    with pytest.raises(VppUnavailable, match=r"api\.sock: VPP (closed|sent)"):
        connect(vpp.socket)
    assert connect(vpp.socket).weights_supported


def test_a_refused_definition_is_no_definition(vpp):
    vpp.control.fail("get_api_json", retval=-1)
    with pytest.raises(VppUnavailable, match="VPP answered get_api_json with -1"):
        connect(vpp.socket)


def test_a_vpp_that_does_not_serve_its_definitions_is_unavailable(tmp_path):
    path = tmp_path / "api.sock"
    with (
        impostor(path, answering(welcome({"get_api_json_01234567": 27}))),
        pytest.raises(VppUnavailable, match="VPP does not offer get_api_json"),
    ):
        connect(path)


@pytest.mark.parametrize("text", ["", "{", "[1]", '[{"messages": 1}]'])
def test_definitions_that_are_none_are_told(tmp_path, text):
    table = {"get_api_json_51077d14": 27, "get_api_json_reply_ea715b59": 28}
    reply = struct.pack(">HIiI", 28, 1, 0, len(text)) + text.encode()
    path = tmp_path / "api.sock"
    with (
        impostor(path, answering(welcome(table), framed(reply))),
        pytest.raises(VppUnavailable, match="definitions cannot be understood"),
    ):
        connect(path)


def test_a_stopped_process_is_lost_after_the_deadline_and_every_call_ends(vpp):
    async def story(api: VppApi) -> None:
        vpp.process.send_signal(signal.SIGSTOP)
        calls = [api.call("show_version", {}) for _ in range(100)]
        ended = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(one) for one in ended} == {VppGone}
        assert str(ended[0]) == f"{vpp.socket}: no answer within 1 s"
        assert await api.closed == "no answer within 1 s"
        with pytest.raises(VppGone):
            await api.ping()

    with_api(vpp, story)


@pytest.mark.parametrize(
    ("action", "garbage", "reason"),
    [
        ("close", "unknown", "VPP closed the connection"),
        ("restart", "unknown", "VPP closed the connection"),
        ("garbage", "unknown", "VPP sent what cannot be understood: message 65535 of "),
        ("garbage", "short", "VPP sent what cannot be understood: "),
        ("garbage", "noise", "VPP sent what cannot be understood: a message of "),
        ("silence", "unknown", "no answer within 1 s"),
        ("hang", "unknown", "no answer within 1 s"),
    ],
)
def test_a_lost_connection_ends_all_that_waits_and_says_why(vpp, action, garbage, reason):
    async def story(api: VppApi) -> None:
        vpp.control.fail("show_version", action=action, garbage=garbage, nth=3)
        calls = [api.call("show_version", {}) for _ in range(5)]
        # Somebody who is not interested any more is no trouble.
        calls[4].cancel()
        ended = await asyncio.gather(*calls, return_exceptions=True)
        assert [getattr(one, "version", None) for one in ended[:2]] == ["26.10-rc0"] * 2
        assert isinstance(ended[2], VppGone)
        assert (await api.closed).startswith(reason)
        assert api.in_flight == 0

    with_api(vpp, story)


def test_a_reply_that_nobody_asked_for_is_passed_over(vpp):
    async def story(api: VppApi) -> None:
        vpp.control.fail("show_version", action="garbage", garbage="stray")
        assert (await api.call("show_version", {})).version == "26.10-rc0"
        await api.ping()

    with_api(vpp, story)


def test_late_replies_are_replies(vpp):
    async def story(api: VppApi) -> None:
        vpp.control.delay(300)
        calls = [api.call("control_ping", {}) for _ in range(10)]
        assert {reply.vpe_pid for reply in await asyncio.gather(*calls)} == {vpp.process.pid}

    with_api(vpp, story)


def test_a_dump_tells_the_fields_that_were_asked_for(vpp):
    vips = [f"192.0.2.{n}/32 tcp 80" for n in range(1, 5)]
    for one in vips:
        vpp.control.add_vip(one)

    async def story(api: VppApi) -> None:
        told = []
        await api.dump("lb_vip", ("vip.port", "vip.pfx.len"), told.append)
        assert told == [(80, 32)] * 4

    with_api(vpp, story)


def test_replies_come_to_whom_they_belong(vpp):
    async def story(api: VppApi) -> None:
        commands = [f"no such command {n}" for n in range(200)]
        replies = await asyncio.gather(*(api.call("cli_inband", {"cmd": c}) for c in commands))
        assert [one.reply for one in replies] == [f"unknown input `{c}'\n" for c in commands]

    with_api(vpp, story)


def test_the_same_vpp_started_again_is_met_without_learning_anew(vpp):
    first = connect(vpp.socket)
    vpp.control.restart()
    cursor = vpp.control.cursor()
    second = connect(vpp.socket)
    assert first.pid != second.pid
    assert "get_api_json" not in {call["message"] for call in vpp.control.calls(cursor)}


def test_a_vpp_with_other_messages_asks_for_a_new_process(vpp):
    connect(vpp.socket)
    vpp.control.restart(version="26.06")
    with pytest.raises(VppChanged, match="this process must start anew"):
        connect(vpp.socket)
    vpp.control.restart(version="26.10")
    assert connect(vpp.socket).weights_supported


def test_both_connections_end_with_one_of_them(vpp):
    async def story(api: VppApi) -> None:
        vpp.control.fail("show_version", action="close")
        api.call("show_version", {}, bulk=True)
        assert (await api.closed).startswith("VPP closed the connection")
        with pytest.raises(VppGone):
            await api.call("show_version", {})

    with_api(vpp, story)


def test_closing_ends_what_waits(vpp):
    async def story(api: VppApi) -> None:
        waits = api.call("show_version", {})
        api.close("enough")
        with pytest.raises(VppGone, match="enough"):
            await waits

    with_api(vpp, story)


def test_a_field_that_vpp_does_not_know_is_a_mistake_of_ours(vpp):
    async def story(api: VppApi) -> None:
        with pytest.raises(AssertionError, match="colour"):
            api.call("show_version", {"colour": "red"})
        with pytest.raises(VppUnavailable, match=r"lb_as_set_weight of VPP .* lacks .*colour"):
            api.prepare("lb_as_set_weight", ("colour",))
        with pytest.raises(VppUnavailable, match="cmd: String has no fixed size"):
            api.prepare("cli_inband", ())

    with_api(vpp, story)
