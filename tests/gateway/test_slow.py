# SPDX-License-Identifier: Apache-2.0
"""Readers that are slow, many, or gone: nobody else notices, and nothing is lost in silence."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

from grpc import aio

from maglev.rpc.service import METHODS, pb
from tests.gateway.actors import backend, moved
from tests.gateway.rig import Rig
from tests.support import eventually

NOTHING_NEW = "backend web2 unknown -> unknown 0"
GROWTH_KB_MAX = 24_000


def memory_kb(rig: Rig) -> int:
    """Return the memory of the gateway, its own and its share of what is shared."""
    assert rig.process is not None
    rollup = Path(f"/proc/{rig.process.pid}/smaps_rollup").read_text()
    return next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))


def files(rig: Rig) -> int:
    """Return how many descriptors the gateway has open."""
    assert rig.process is not None
    return len(os.listdir(f"/proc/{rig.process.pid}/fd"))


def flap(rig: Rig, first: int, count: int) -> str:
    """Let web1 change its state count times; return the last event of that."""
    history = [moved(first - 1, "down", "up")]
    for number in range(first, first + count):
        before, after = ("up", "down") if number % 2 == 0 else ("down", "up")
        history.insert(0, moved(number, before, after))
        rig.say("aggregator", backend("web1", *history[:200]))
    return f"backend web1 {before} -> {after} {number}"


class Mute:
    """A client of HTTP/2 that asks for a stream and then reads not a single byte more."""

    # Preface, SETTINGS, and a request: HEADERS with literal fields, then DATA, both on stream 1.
    _PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self.socket = socket.create_connection((host, int(port)))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        request = pb.WatchRequest(log=True, log_level="debug", backend=True).SerializeToString()
        fields = (
            (b":method", b"POST"),
            (b":scheme", b"http"),
            (b":path", METHODS["WatchEvents"].path.encode()),
            (b":authority", b"maglev"),
            (b"te", b"trailers"),
            (b"content-type", b"application/grpc"),
        )
        headers = b"".join(
            b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value
            for name, value in fields
        )
        message = b"\x00" + len(request).to_bytes(4, "big") + request
        frames = self._frame(4, 0, 0, b"")
        frames += self._frame(1, 4, 1, headers) + self._frame(0, 1, 1, message)
        self.socket.sendall(self._PREFACE + frames)

    @staticmethod
    def _frame(kind: int, flags: int, stream: int, body: bytes) -> bytes:
        return (
            len(body).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + body
        )


def test_readers_that_read_nothing_hold_up_nobody_and_cost_a_bounded_memory(rig: Rig) -> None:
    reader = rig.watch(backend=True)
    reader.wait(NOTHING_NEW)
    mutes = [Mute(rig.target) for _ in range(20)]
    aggregator = rig.actors["aggregator"]
    eventually(aggregator.logs_are_heard, what="the mute are watching")
    number, before_kb = 4, memory_kb(rig)
    for _ in range(10):
        for _ in range(200):
            aggregator.log("debug", "x" * 1000)
        reader.wait(flap(rig, number, 100))
        number += 100
    told = [int(line.split()[-1]) for line in reader.told() if line.startswith("backend web1")]
    assert told == list(range(3, number))
    assert memory_kb(rig) - before_kb < GROWTH_KB_MAX
    for mute in mutes:
        mute.socket.close()
    eventually(lambda: not aggregator.logs_are_heard(), what="they are gone")


def test_a_reader_that_pauses_is_told_how_much_it_lost_and_goes_on(rig: Rig) -> None:
    asyncio.run(_pause_and_read_on(rig))


async def _pause_and_read_on(rig: Rig) -> None:
    """Read nothing for so long that the rings turn; then read to the end."""
    # A small window, so that events wait in the gateway and not on the way.
    options = (("grpc.http2.lookahead_bytes", 1024), ("grpc.http2.bdp_probe", 0))
    async with aio.insecure_channel(rig.target, options) as channel:
        call = channel.unary_stream(
            METHODS["WatchEvents"].path, response_deserializer=pb.Event.FromString
        )(pb.WatchRequest(log=True, log_level="info").SerializeToString())
        aggregator = rig.actors["aggregator"]
        await asyncio.to_thread(eventually, aggregator.logs_are_heard)
        size, count = 4000, 4000  # four times what is kept of a level
        for number in range(count):
            aggregator.log("info", "x" * size, number=number)
            if number % 100 == 0:
                await asyncio.sleep(0.01)
        aggregator.log("info", "last")
        got, lost = 0, 0
        async for event in call:
            if event.WhichOneof("event") == "lost":
                lost += event.lost.lost
            else:
                got += event.log.actor == "aggregator"
                if event.log.msg == "last":
                    break
        assert got + lost >= count + 1
        assert got < count
        call.cancel()


def test_fifty_readers_get_every_event_and_leave_nothing_behind(rig: Rig) -> None:
    rig.call("GetVersion")
    before = files(rig)
    asyncio.run(_fifty(rig))
    eventually(lambda: files(rig) <= before + 2, what="descriptors are closed")


async def _fifty(rig: Rig) -> None:
    readers, events = 50, 100
    channels = [
        aio.insecure_channel(rig.target, [("grpc.use_local_subchannel_pool", 1)])
        for _ in range(readers)
    ]
    ready: asyncio.Queue[int] = asyncio.Queue()

    async def read(channel: aio.Channel) -> list[int]:
        call = channel.unary_stream(
            METHODS["WatchEvents"].path, response_deserializer=pb.Event.FromString
        )(pb.WatchRequest(backend=True).SerializeToString())
        numbers: list[int] = []
        async for event in call:
            assert event.WhichOneof("event") == "backend", f"{event}"
            if event.backend.name == "web2":
                ready.put_nowait(1)
            else:
                numbers.append(event.backend.transition.number)
                if numbers[-1] == 3 + events:
                    break
        call.cancel()
        return numbers

    reading = asyncio.gather(*map(read, channels))
    for _ in range(readers):
        await ready.get()
    flap(rig, 4, events)
    for numbers in await reading:
        assert numbers == list(range(3, 4 + events))
    for channel in channels:
        await channel.close()
