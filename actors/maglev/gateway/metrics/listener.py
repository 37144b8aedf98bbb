# SPDX-License-Identifier: Apache-2.0
"""GET /metrics over HTTP, in slices of a quarter millisecond between which gRPC has its turn.

A server of our own, because all that is wanted is one page: aiohttp costs 10 MB, and would be given
the page as a whole.  httptools parses, as it does for the probes; one request a connection; every
request, answer and number of connections has its bound.  However many ask at once, one slice is
made in a turn of the loop.  The state is the connections; look at `_Connection._answer`.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final

import httptools

from maglev.gateway.metrics.text import CONTENT_TYPE
from maglev.log import Log

CONNECTIONS_MAX: Final = 32
REQUEST_BYTES_MAX: Final = 16 << 10
REQUEST_S: Final = 5.0
ANSWER_S: Final = 30.0
SLICE_S: Final = 0.00025
"""A call takes ten turns of the loop or so, each of which may have a slice in it."""

_PIECES_A_LOOK = 8  # rows of objects made between two looks at the clock
_GZIP_LEVEL = 1  # 25 MB become 1.3 MB in 65 ms
_GZIP = 16 + zlib.MAX_WBITS
_INDEX = b"maglevd: see /metrics\n"

Spawn = Callable[[Coroutine[Any, Any, None], str], None]
Page = Callable[[], Iterator[str]]


class Listener:
    """Serves a page to whoever asks."""

    def __init__(self, page: Page, spawn: Spawn, log: Log, time_scale: float = 1.0) -> None:
        """`page` makes the page anew, piece by piece; `spawn` runs a task beside us."""
        self.page = page
        self.spawn = spawn
        self.log = log
        self.request_s = REQUEST_S * time_scale
        self.answer_s = ANSWER_S * time_scale
        self.connections: set[_Connection] = set()
        self.turn = asyncio.Lock()  # of whoever makes the next slice

    async def open(self, host: str, port: int) -> asyncio.Server:
        """Accept connections; an empty host means all addresses; raises OSError."""
        loop = asyncio.get_running_loop()
        return await loop.create_server(
            lambda: _Connection(self), host or None, port, reuse_port=False
        )

    def close(self) -> None:
        """End every connection."""
        for connection in list(self.connections):
            connection.transport.abort()


class _Connection(asyncio.Protocol):
    """One connection: a request, its answer, the end.  Also what httptools calls."""

    transport: asyncio.Transport

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._gzip = False
        self._asked = False
        self._bytes = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._lost = False

    # --- the transport ----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport), f"{transport=}"
        self.transport = transport
        # Writing pauses until all is sent: at the end nothing waits for whoever does not read.
        transport.set_write_buffer_limits(0)
        listener = self._listener
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(listener.request_s, transport.abort)
        if len(listener.connections) >= CONNECTIONS_MAX:
            self._refuse(503, f"{CONNECTIONS_MAX} connections are open already")
        listener.connections.add(self)

    def data_received(self, data: bytes) -> None:
        if self._asked or self.transport.is_closing():
            return
        self._bytes += len(data)
        if self._bytes > REQUEST_BYTES_MAX:
            self._refuse(431, f"a request of at most {REQUEST_BYTES_MAX} bytes is wanted")
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # may be ignored (RFC 9110, 7.8), and the request is complete
        except httptools.HttpParserError as error:
            if not self._asked:
                self._refuse(400, f"not HTTP: {error}")

    def pause_writing(self) -> None:
        self._may_write.clear()

    def resume_writing(self) -> None:
        self._may_write.set()

    def connection_lost(self, error: Exception | None) -> None:
        self._lost = True
        self._may_write.set()
        self._listener.connections.discard(self)
        if self._deadline is not None:
            self._deadline.cancel()

    # --- httptools --------------------------------------------------------------------------------

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"accept-encoding":
            self._gzip = _wants_gzip(value)

    def on_message_complete(self) -> None:
        if self._asked:
            return
        self._asked = True
        method = self._parser.get_method()
        path = self._url.partition(b"?")[0]
        if method not in (b"GET", b"HEAD"):
            self._refuse(405, "only GET and HEAD are known here")
        elif path == b"/metrics":
            self._listener.spawn(self._answer(with_body=method == b"GET"), "metrics")
        elif path == b"/":
            self._end(200, _INDEX if method == b"GET" else b"", len(_INDEX))
        else:
            self._refuse(404, "only /metrics is here")

    # --- answers ----------------------------------------------------------------------------------

    def _refuse(self, status: int, text: str) -> None:
        body = text.encode() + b"\n"
        self._end(status, body, len(body))

    def _end(self, status: int, body: bytes, length: int) -> None:
        head = _head(status, f"Content-Length: {length}\r\nContent-Type: text/plain")
        self.transport.write(head + body)
        self.transport.close()

    async def _answer(self, *, with_body: bool) -> None:
        """Send the page; who does not read it within answer_s is cut off."""
        assert self._deadline is not None
        self._deadline.cancel()
        chunked = self._parser.get_http_version() != "1.0"
        told = f"Content-Type: {CONTENT_TYPE}\r\nVary: Accept-Encoding"
        if self._gzip:
            told += "\r\nContent-Encoding: gzip"
        if chunked:
            told += "\r\nTransfer-Encoding: chunked"
        self.transport.write(_head(200, told))
        try:
            async with asyncio.timeout(self._listener.answer_s):
                if with_body:
                    await self._send_page(chunked)
        except TimeoutError:
            self.transport.abort()
        except Exception as error:  # gRPC goes on, and the reader sees that it did not get all
            self._listener.log.write("error", "metrics-failed", {"error": repr(error)})
            self.transport.abort()
        else:
            self.transport.close()

    async def _send_page(self, chunked: bool) -> None:
        """Make and send slice after slice; chunks tell the reader whether it got them all."""
        pieces = self._listener.page()
        gzip = zlib.compressobj(_GZIP_LEVEL, wbits=_GZIP) if self._gzip else None
        more = True
        while more and not self._lost:
            async with self._listener.turn:
                text, more = _slice(pieces)
                data = text.encode()
                if gzip is not None:
                    data = gzip.compress(data) + (b"" if more else gzip.flush())
                await asyncio.sleep(0)
            if data:
                self.transport.write(b"%x\r\n%b\r\n" % (len(data), data) if chunked else data)
            await self._may_write.wait()
        if chunked and not self._lost:
            self.transport.write(b"0\r\n\r\n")
            await self._may_write.wait()


def _slice(pieces: Iterator[str]) -> tuple[str, bool]:
    """Return as much text as can be made in SLICE_S, and whether there may be more."""
    until_s = time.monotonic() + SLICE_S
    made: list[str] = []
    for piece in pieces:
        made.append(piece)
        if len(made) % _PIECES_A_LOOK == 0 and time.monotonic() > until_s:
            return "".join(made), True
    return "".join(made), False


def _head(status: int, told: str) -> bytes:
    return f"HTTP/1.1 {status} {_REASONS[status]}\r\n{told}\r\nConnection: close\r\n\r\n".encode()


_REASONS: Final = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}


def _wants_gzip(accepted: bytes) -> bool:
    """Return whether Accept-Encoding names gzip, and not with q=0."""
    for one in accepted.decode("latin-1").lower().split(","):
        name, _, quality = one.partition(";")
        if name.strip() == "gzip":
            return quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
