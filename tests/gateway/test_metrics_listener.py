# SPDX-License-Identifier: Apache-2.0
"""The HTTP side of metrics: what is served, what is refused, and that nobody is held up."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from maglev.gateway.metrics.listener import (
    CONNECTIONS_MAX,
    REQUEST_BYTES_MAX,
    SLICE_S,
    Listener,
)
from maglev.gateway.metrics.text import CONTENT_TYPE

PAGE = [f'some_metric{{number="{number}"}} {number}\n' for number in range(1000)]
WHOLE = "".join(PAGE)


class Log:
    """Keeps what is written to it."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict[str, object]]] = []

    def write(self, level: str, msg: str, fields: dict[str, object]) -> None:
        self.lines.append((level, msg, fields))


class Served:
    """A listener on a port of its own, and its clients."""

    def __init__(
        self, listener: Listener, port: int, log: Log, tasks: set[asyncio.Task[None]]
    ) -> None:
        self.listener = listener
        self.tasks = tasks
        self.port = port
        self.log = log

    async def raw(self, request: bytes) -> bytes:
        """Send bytes; return all that comes until the end."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(request)
            async with asyncio.timeout(20):
                return await reader.read()
        except ConnectionResetError:
            return b""
        finally:
            writer.close()

    async def get(self, path: str = "/metrics", method: str = "GET", **headers: str) -> Any:
        """Ask as a client of the standard library does; return (status, headers, body)."""

        def ask() -> tuple[int, Any, bytes]:
            client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
            client.request(
                method, path, headers={k.replace("_", "-"): v for k, v in headers.items()}
            )
            response = client.getresponse()
            body = response.read()
            client.close()
            return response.status, response.headers, body

        return await asyncio.to_thread(ask)


@asynccontextmanager
async def serving(page: Callable[[], Iterator[str]], **options: Any) -> AsyncIterator[Served]:
    tasks: set[asyncio.Task[None]] = set()

    def spawn(coroutine: Any, name: str) -> None:
        task = asyncio.get_running_loop().create_task(coroutine, name=name)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    log = Log()
    listener = Listener(page, spawn, log, **options)  # type: ignore[arg-type]
    server = await listener.open("127.0.0.1", 0)
    try:
        yield Served(listener, server.sockets[0].getsockname()[1], log, tasks)
    finally:
        server.close()
        listener.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)


async def until(condition: Callable[[], object]) -> None:
    """Wait until something is true."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


def run(
    story: Callable[[Served], Awaitable[None]],
    page: Callable[[], Iterator[str]] = lambda: iter(PAGE),
    **options: Any,
) -> None:
    async def main() -> None:
        async with serving(page, **options) as served:
            await story(served)

    asyncio.run(main())


# --- what is served -------------------------------------------------------------------------------


def test_the_page_is_served_whole() -> None:
    async def story(served: Served) -> None:
        status, headers, body = await served.get()
        assert (status, headers["Content-Type"]) == (200, CONTENT_TYPE)
        assert body.decode() == WHOLE
        assert headers["Content-Encoding"] is None

    run(story)


def test_it_is_compressed_for_whoever_can_read_that() -> None:
    async def story(served: Served) -> None:
        status, headers, body = await served.get(Accept_Encoding="deflate, gzip;q=0.5")
        assert (status, headers["Content-Encoding"]) == (200, "gzip")
        assert gzip.decompress(body).decode() == WHOLE
        assert len(body) < len(WHOLE) / 4

    run(story)


@pytest.mark.parametrize("accepted", ["identity", "gzip;q=0", "gzip; q=0.000", "gzipped", ""])
def test_it_is_plain_for_whoever_cannot(accepted: str) -> None:
    async def story(served: Served) -> None:
        _, headers, body = await served.get(Accept_Encoding=accepted)
        assert headers["Content-Encoding"] is None
        assert body.decode() == WHOLE

    run(story)


def test_a_client_of_http_1_0_gets_no_chunks() -> None:
    async def story(served: Served) -> None:
        answer = await served.raw(b"GET /metrics HTTP/1.0\r\n\r\n")
        head, _, body = answer.partition(b"\r\n\r\n")
        assert b"chunked" not in head
        assert body.decode() == WHOLE

    run(story)


def test_a_head_has_no_body() -> None:
    async def story(served: Served) -> None:
        status, headers, body = await served.get(method="HEAD")
        assert (status, headers["Content-Type"], body) == (200, CONTENT_TYPE, b"")

    run(story)


def test_a_request_may_come_byte_by_byte() -> None:
    async def story(served: Served) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        for byte in b"GET /metrics?x=1 HTTP/1.1\r\nHost: x\r\n\r\n":
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)
        assert b"200 OK" in await reader.readline()
        writer.close()

    run(story)


def test_the_root_says_where_to_look() -> None:
    async def story(served: Served) -> None:
        status, _, body = await served.get("/")
        assert (status, b"/metrics" in body) == (200, True)

    run(story)


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /metrics/x HTTP/1.1\r\n\r\n", 404),
        (b"POST /metrics HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 405),
        (b"DELETE / HTTP/1.1\r\n\r\n", 405),
        (b"\x16\x03\x01 not HTTP\r\n\r\n", 400),
        (b"GET\r\n\r\n", 400),
        (b"GET /metrics HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", 200),
        (b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * REQUEST_BYTES_MAX, 431),
        (b"POST /metrics HTTP/1.1\r\nContent-Length: 99999\r\n\r\n" + b"z" * 99999, 431),
    ],
)
def test_what_is_not_a_get_of_metrics_is_refused(request_: bytes, status: int) -> None:
    async def story(served: Served) -> None:
        answer = await served.raw(request_)
        # What we did not read may make the kernel take the answer back.
        assert answer.startswith(b"HTTP/1.1 %d " % status) or (status == 431 and not answer)

    run(story)


def test_only_one_request_is_answered_on_a_connection() -> None:
    async def story(served: Served) -> None:
        answer = await served.raw(b"GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n")
        assert answer.count(b"HTTP/1.1 200") == 1
        assert b"Connection: close" in answer

    run(story)


def test_garbage_behind_a_request_changes_nothing() -> None:
    async def story(served: Served) -> None:
        answer = await served.raw(b"GET /metrics HTTP/1.0\r\n\r\n\x00\x01 garbage\r\n\r\n")
        assert answer.count(b"HTTP/1.1 ") == 1
        assert answer.endswith(WHOLE.encode())

    run(story)


def test_a_request_that_does_not_end_is_cut_off() -> None:
    async def story(served: Served) -> None:
        assert await served.raw(b"GET /metrics HTTP/1.1\r\n") == b""
        assert served.listener.connections == set()

    run(story, time_scale=0.02)


def test_too_many_connections_are_told_so_and_the_others_stay() -> None:
    async def story(served: Served) -> None:
        opened = [
            await asyncio.open_connection("127.0.0.1", served.port) for _ in range(CONNECTIONS_MAX)
        ]
        await until(lambda: len(served.listener.connections) == CONNECTIONS_MAX)
        assert (await served.raw(b"")).startswith(b"HTTP/1.1 503 ")
        reader, writer = opened[0]
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        assert b"200 OK" in await reader.read()
        for _, one in opened:
            one.close()

    run(story)


# --- whoever does not keep up ---------------------------------------------------------------------


def endless() -> Iterator[str]:
    while True:
        yield "x" * 10_000


def test_a_reader_who_does_not_read_is_cut_off_and_nothing_piles_up() -> None:
    async def story(served: Served) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", served.port, limit=1000)
        writer.write(b"GET /metrics HTTP/1.1\r\n\r\n")
        await until(lambda: served.listener.connections)
        [connection] = served.listener.connections
        waiting: list[int] = []

        def over() -> bool:
            waiting.append(connection.transport.get_write_buffer_size())
            return not served.listener.connections

        await until(over)
        assert max(waiting) < 20_000_000, "one slice"
        writer.close()

    run(story, endless, time_scale=0.01)


def test_a_reader_who_leaves_ends_the_work_for_him() -> None:
    made = 0

    def page() -> Iterator[str]:
        nonlocal made
        for piece in endless():
            made += 1
            yield piece

    async def story(served: Served) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(b"GET /metrics HTTP/1.1\r\n\r\n")
        await reader.readexactly(100)
        writer.transport.abort()
        await until(lambda: not served.listener.connections)
        await until(lambda: not served.tasks)
        assert made < 1_000_000

    run(story, page)


def test_a_page_that_cannot_be_made_is_logged_and_seen_to_be_incomplete() -> None:
    def page() -> Iterator[str]:
        yield "begin 1\n"
        raise ValueError("no such thing")

    async def story(served: Served) -> None:
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            await served.get()
        [(level, msg, fields)] = served.log.lines
        assert (level, msg) == ("error", "metrics-failed")
        assert "no such thing" in str(fields["error"])
        status, _, _ = await served.get("/")
        assert status == 200, "and the others are served"

    run(story, page)


def test_the_loop_has_its_turn_between_slices_however_many_ask() -> None:
    """Each piece takes a tenth of a slice, so a slice is the longest the loop can be held up."""
    piece_s = SLICE_S / 10
    pieces = 2000

    def page() -> Iterator[str]:
        for _ in range(pieces):
            until_s = time.monotonic() + piece_s
            while time.monotonic() < until_s:
                pass
            yield "x 1\n"

    async def story(served: Served) -> None:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.get_running_loop().create_task(count())
        await asyncio.gather(*(served.get() for _ in range(4)))
        counting.cancel()
        assert turns > 4 * pieces / 16, "a look at the clock every few pieces, a slice is ten"

    run(story, page)
