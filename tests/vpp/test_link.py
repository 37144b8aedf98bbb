# SPDX-License-Identifier: Apache-2.0
"""The connection against servers that are no VPP, and replies in every cut."""

import asyncio
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from maglev.vpp.counts import Count
from maglev.vpp.link import HEADER, Garbled, Link, VppGone, VppUnavailable
from maglev.vpp.waiters import Dump, Result
from tests.vpp.impostor import Serve, answering, framed, impostor, welcome

REPLY_S = 0.5
TABLE = {"ping_00000000": 48}


def result(context: int, retval: int, message_id: int = 48) -> bytes:
    return framed(struct.pack(">HIi", message_id, context, retval))


def meet(
    path: Path,
    serve: Serve,
    story: Callable[[Link], Awaitable[None]],
    reply_s: float = REPLY_S,
) -> None:
    """Connect to a server and run a story with the connection."""

    async def run() -> None:
        link = await Link.open(path, "test", reply_s)
        try:
            await story(link)
        finally:
            link.close()

    with impostor(path, serve):
        asyncio.run(run())


def waiting(link: Link) -> asyncio.Future[int]:
    """Send an empty message and return the future of its result."""
    future = asyncio.get_running_loop().create_future()
    link.send(framed(b""), link.context(), Result(future, 48, Count()))
    return future


def test_the_table_of_messages_is_learnt(tmp_path):
    async def story(link: Link) -> None:
        assert (link.table, link.handle, link.in_flight) == (TABLE, 7, 0)

    meet(tmp_path / "s", answering(welcome(TABLE)), story)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (welcome(TABLE, message_id=17), "message 17 with result 0 instead of a welcome"),
        (welcome(TABLE, result=-1), "message 16 with result -1 instead of a welcome"),
        (welcome(TABLE, missing=1), "a table of 2 messages in 66 bytes"),
        (framed(b"HTTP/1.1 400 Bad Request\r\n"), "instead of a welcome|a table of"),
        (framed(b""), "cannot be understood"),
        (HEADER.pack(0, 1 << 31, 0), "a message of 2147483648 bytes"),
    ],
)
def test_a_server_that_is_no_vpp_is_unavailable(tmp_path, answer, reason):
    async def story(link: Link) -> None:
        raise AssertionError("welcomed")

    with pytest.raises(VppUnavailable, match=reason):
        meet(tmp_path / "s", answering(answer), story)


@pytest.mark.parametrize("length", range(1, 60))
def test_replies_are_found_however_they_are_cut(tmp_path, length):
    replies = b"".join(result(context, -context) for context in range(1, 6))
    pieces = [replies[at : at + length] for at in range(0, len(replies), length)]

    async def story(link: Link) -> None:
        assert await asyncio.gather(*(waiting(link) for _ in range(5))) == [-1, -2, -3, -4, -5]

    meet(tmp_path / "s", answering(welcome(TABLE), *pieces), story)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (result(1, 0, message_id=49), "message 49 of 10 bytes where 48 was due"),
        (framed(result(1, 0)[16:-1]), "message 48 of 9 bytes where 48 was due"),
        (framed(b"\0"), "a message of 1 bytes"),
    ],
)
def test_a_wrong_reply_ends_the_connection(tmp_path, reply, reason):
    async def story(link: Link) -> None:
        with pytest.raises(VppGone, match=reason):
            await waiting(link)
        assert reason in await link.lost

    meet(tmp_path / "s", answering(welcome(TABLE), reply), story)


def test_silence_is_noticed_however_much_else_is_said(tmp_path):
    """Others are answered all the time; the first is not, and VPP answers in order."""

    def serve(caller: socket.socket) -> None:
        answering(welcome(TABLE))(caller)
        context = 1
        while caller.recv(16, socket.MSG_WAITALL):
            context += 1
            caller.sendall(result(context, 0))

    async def story(link: Link) -> None:
        first = waiting(link)
        while not first.done():
            await asyncio.wait([waiting(link)], timeout=0.05)
        with pytest.raises(VppGone, match=r"no answer within 0\.5 s"):
            await first

    meet(tmp_path / "s", serve, story)


def test_a_slow_vpp_is_not_lost_as_long_as_it_answers_one_after_another(tmp_path):
    def serve(caller: socket.socket) -> None:
        answering(welcome(TABLE))(caller)
        for context in range(1, 5):
            time.sleep(0.4)
            caller.sendall(result(context, context))

    async def story(link: Link) -> None:
        assert await asyncio.gather(*(waiting(link) for _ in range(4))) == [1, 2, 3, 4]

    meet(tmp_path / "s", serve, story, reply_s=1.0)


def test_a_context_is_not_given_out_while_it_waits(tmp_path):
    async def story(link: Link) -> None:
        contexts = [link.context() for _ in range(3)]
        assert contexts == [1, 2, 3]
        link._context = 0xFFFFFFFE
        waiting(link)
        assert link.context() == 1
        waiting(link)
        link._context = 0xFFFFFFFE
        assert link.context() == 1

    meet(tmp_path / "s", answering(welcome(TABLE)), story)


def test_a_dump_ends_with_the_reply_that_ends_it():
    async def run() -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        told: list[int] = []
        dump = Dump(future, 50, 4, 51, lambda data, begin: told.append(begin), Count())
        assert not dump.take(50, bytearray(8), 0, 4)
        assert not dump.take(50, bytearray(8), 4, 8)
        with pytest.raises(Garbled, match="message 50 of 3 bytes where 50 was due"):
            dump.take(50, bytearray(8), 0, 3)
        assert dump.take(51, bytearray(8), 0, 4)
        assert (told, future.done()) == ([0, 4], True)

    asyncio.run(run())
