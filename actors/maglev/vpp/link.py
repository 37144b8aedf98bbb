# SPDX-License-Identifier: Apache-2.0
"""One connection to VPP's API socket: frames go out in bursts, replies come in by their context.

VPP answers a client's messages in order, so the oldest one that waits tells whether VPP is still
there, and one timer bounds every wait.  Replies are handled in slices of a quarter millisecond, so
that the answer to a dump of ten thousand ASes never holds up the loop.  The state is a Link; look
at `_work` for the way of a reply.  Wire format: VPP, src/vlibmemory/socket_api.c.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from struct import Struct
from struct import error as StructError
from typing import Protocol

HEADER = Struct(">QII")
"""Before every message: an unused word, the message's length in bytes, an unused word."""

_REPLY = Struct(">HI")  # message id and context, with which every reply begins
_HELLO = Struct(">HI64s")
_WELCOME = Struct(">HIIiIH")  # id, client, context, result, handle, entries of the message table
_TABLE_ENTRY = Struct(">H64s")
_HELLO_ID, _WELCOME_ID = 15, 16  # the only message ids that are the same in every VPP

MESSAGE_MAX = 64 << 20  # bytes; the definitions of a VPP with all plugins are some megabytes
WAITING_MAX = 100_000  # messages sent and not answered
BURST_BYTES = 16 << 10
SLICE_S = 0.00025
SLICE_STEP = 16  # replies between two looks at the clock


class VppUnavailable(Exception):
    """There is no VPP to talk to; the text says which socket and why."""


class VppGone(Exception):
    """The connection was lost before VPP answered; the text says why."""


class Garbled(Exception):
    """VPP sent something that cannot be understood; the connection is of no use any more."""


class Waiter(Protocol):
    """Whoever waits for the replies of one context."""

    touched_s: float  # monotonic time of sending, or of the last reply

    def take(self, message_id: int, data: bytearray, begin: int, end: int) -> bool:
        """Take the reply data[begin:end]; return whether it was the last.  Raises Garbled."""

    def fail(self, why: Exception) -> None:
        """There will be no (further) reply."""


class Link(asyncio.Protocol):
    """A connection that VPP has welcomed; `lost` gets the reason once it is of no use."""

    def __init__(self, path: Path, reply_s: float) -> None:
        self._loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[str] = self._loop.create_future()
        self.handle = 0
        self.table: dict[str, int] = {}
        self._path = path
        self._reply_s = reply_s
        self._welcome: asyncio.Future[None] = self._loop.create_future()
        self._waiting: dict[int, Waiter] = {}  # by context, in the order of sending
        self._oldest = 0  # the first context in there, as last seen
        self._turn_s = 0.0  # since when it is the first
        self._context = 0
        self._input = bytearray()
        self._working = False
        self._output: list[bytes] = []
        self._output_bytes = 0
        self._watch: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport

    @classmethod
    async def open(cls, path: Path, name: str, reply_s: float) -> Link:
        """Connect and be welcomed within reply_s seconds.  Raises VppUnavailable."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(reply_s):
                _, link = await loop.create_unix_connection(lambda: cls(path, reply_s), str(path))
                link._transport.write(_framed(_HELLO.pack(_HELLO_ID, 0, name.encode())))
                try:
                    await link._welcome
                except BaseException:
                    link.close("not welcomed")
                    raise
        except TimeoutError:
            raise VppUnavailable(f"{path}: no answer within {reply_s:g} s") from None
        except (OSError, VppGone) as why:
            text = why.strerror if isinstance(why, OSError) and why.strerror else why
            raise VppUnavailable(f"{path}: {text}") from None
        return link

    @property
    def in_flight(self) -> int:
        """The number of messages sent and not answered."""
        return len(self._waiting)

    def context(self) -> int:
        """Return a context that nothing waits for."""
        while True:
            self._context = self._context % 0xFFFFFFFF + 1
            if self._context not in self._waiting:
                return self._context

    def send(self, frame: bytes, context: int, waiter: Waiter) -> None:
        """Send a framed message; the waiter gets what comes back, or why nothing does."""
        assert len(self._waiting) < WAITING_MAX, f"{self._path}: {len(self._waiting)} unanswered"
        if self.lost.done():
            waiter.fail(VppGone(f"{self._path}: {self.lost.result()}"))
            return
        alone = not self._waiting
        self._waiting[context] = waiter
        if not self._output and not alone:
            self._loop.call_soon(self._flush)
        self._output.append(frame)
        self._output_bytes += len(frame)
        # VPP is idle: the first goes at once, and those that follow it in a burst.
        if alone or self._output_bytes >= BURST_BYTES:
            self._flush()

    def close(self, why: str = "closed") -> None:
        """Close the connection; whoever waits gets VppGone."""
        if self.lost.done():
            return
        self.lost.set_result(why)
        if self._watch:
            self._watch.cancel()
        self._transport.abort()
        gone = VppGone(f"{self._path}: {why}")
        for waiter in self._waiting.values():
            waiter.fail(gone)
        self._waiting.clear()
        self._input.clear()
        if not self._welcome.done():
            self._welcome.set_exception(gone)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport), f"{transport=}"
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.close(f"VPP closed the connection{f' ({exc})' if exc else ''}")

    def data_received(self, data: bytes) -> None:
        self._input += data
        if not self._working:
            self._work()

    def _flush(self) -> None:
        if self._output and not self.lost.done():
            self._transport.write(b"".join(self._output))
        self._output.clear()
        self._output_bytes = 0
        if self._watch is None and self._waiting and not self.lost.done():
            self._watch = self._loop.call_later(self._reply_s / 4, self._look)

    def _look(self) -> None:
        """Give up if the oldest message waits for too long since its turn came.

        What is here and not handled yet is no wait.
        """
        self._watch = None
        if not self._waiting:
            return
        oldest = next(iter(self._waiting.values()))
        since_s = max(oldest.touched_s, self._turn_s)
        if not self._working and self._loop.time() - since_s > self._reply_s:
            self.close(f"no answer within {self._reply_s:g} s")
        else:
            self._watch = self._loop.call_later(self._reply_s / 4, self._look)

    def _work(self) -> None:
        """Handle the replies that are here, as many as fit into a slice."""
        data, at, size = self._input, 0, len(self._input)
        until_s = self._loop.time() + SLICE_S
        self._working = False
        try:
            for count in range(1, size):
                begin = at + HEADER.size
                if begin > size:
                    break
                end = begin + HEADER.unpack_from(data, at)[1]
                if end > size:
                    if end - begin > MESSAGE_MAX:
                        raise Garbled(f"a message of {end - begin} bytes")
                    break
                at = end
                self._take(data, begin, end)
                if count % SLICE_STEP == 0 and self._loop.time() > until_s:
                    self._working = True
                    break
        except (Garbled, StructError) as why:
            self.close(f"VPP sent what cannot be understood: {why}")
            return
        del data[:at]
        oldest = next(iter(self._waiting), 0)
        if oldest != self._oldest:
            self._oldest, self._turn_s = oldest, self._loop.time()
        if self._working:
            self._transport.pause_reading()
            self._loop.call_soon(self._work)
        elif not self.lost.done():
            self._transport.resume_reading()

    def _take(self, data: bytearray, begin: int, end: int) -> None:
        if not self._welcome.done():
            self._be_welcomed(bytes(data[begin:end]))
            return
        if end - begin < _REPLY.size:
            raise Garbled(f"a message of {end - begin} bytes")
        message_id, context = _REPLY.unpack_from(data, begin)
        waiter = self._waiting.get(context)
        # Nobody asked for it, or nobody any more.
        if waiter is not None and waiter.take(message_id, data, begin, end):
            del self._waiting[context]

    def _be_welcomed(self, message: bytes) -> None:
        message_id, _, _, result, self.handle, count = _WELCOME.unpack_from(message)
        if message_id != _WELCOME_ID or result != 0:
            raise Garbled(f"message {message_id} with result {result} instead of a welcome")
        entries = message[_WELCOME.size :]
        if len(entries) != count * _TABLE_ENTRY.size:
            raise Garbled(f"a table of {count} messages in {len(entries)} bytes")
        self.table = {
            name.rstrip(b"\0").decode("ascii", "replace"): number
            for number, name in _TABLE_ENTRY.iter_unpack(entries)
        }
        self._welcome.set_result(None)


def _framed(message: bytes) -> bytes:
    return HEADER.pack(0, len(message), 0) + message
