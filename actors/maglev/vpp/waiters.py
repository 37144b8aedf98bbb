# SPDX-License-Identifier: Apache-2.0
"""Who waits for a reply on a Link: for a result, for one whole message, for a dump.

Each holds one future, which always ends: with the reply, or with VppGone when the link is lost.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from struct import Struct
from typing import Any

from maglev.vpp.counts import Count
from maglev.vpp.link import Garbled

_RETVAL = Struct(">i")
_RETVAL_AT = 6  # behind message id and context

Each = Callable[[bytearray, int], None]
"""What takes one message of a dump: the bytes, and where the message begins in them."""


class Result:
    """Waits for a reply that is nothing but a result; the future gets it, 0 is success."""

    __slots__ = ("_count", "_reply_id", "future", "touched_s")

    def __init__(self, future: asyncio.Future[int], reply_id: int, count: Count) -> None:
        self.future = future
        self._reply_id = reply_id
        self._count = count
        self.touched_s = time.monotonic()

    def take(self, message_id: int, data: bytearray, begin: int, end: int) -> bool:
        if message_id != self._reply_id or end - begin < _RETVAL_AT + _RETVAL.size:
            raise Garbled(_unexpected(message_id, self._reply_id, end - begin))
        retval: int = _RETVAL.unpack_from(data, begin + _RETVAL_AT)[0]
        self._count.answered(retval)
        if not self.future.done():
            self.future.set_result(retval)
        return True

    def fail(self, why: Exception) -> None:
        _fail(self.future, why)


class Reply:
    """Waits for one message and decodes it; the future gets what `decode` makes of its bytes."""

    __slots__ = ("_count", "_decode", "_future", "_reply_id", "touched_s")

    def __init__(
        self,
        future: asyncio.Future[Any],
        reply_id: int,
        decode: Callable[[bytes], Any],
        count: Count,
    ) -> None:
        self._future = future
        self._reply_id = reply_id
        self._decode = decode
        self._count = count
        self.touched_s = time.monotonic()

    def take(self, message_id: int, data: bytearray, begin: int, end: int) -> bool:
        if message_id != self._reply_id:
            raise Garbled(_unexpected(message_id, self._reply_id, end - begin))
        try:
            reply = self._decode(bytes(data[begin:end]))
        except Exception as why:  # vpp_papi raises whatever the bytes lead it to
            raise Garbled(f"message {message_id}: {why!r}") from why
        self._count.answered(getattr(reply, "retval", 0))
        if not self._future.done():
            self._future.set_result(reply)
        return True

    def fail(self, why: Exception) -> None:
        _fail(self._future, why)


class Dump:
    """Waits for details and the end of them; the future gets None once `each` has had them all."""

    __slots__ = ("_count", "_details_id", "_each", "_end_id", "_future", "_size", "touched_s")

    def __init__(
        self,
        future: asyncio.Future[None],
        details_id: int,
        size: int,
        end_id: int,
        each: Each,
        count: Count,
    ) -> None:
        self._future = future
        self._details_id = details_id
        self._size = size
        self._end_id = end_id
        self._each = each
        self._count = count
        self.touched_s = time.monotonic()

    def take(self, message_id: int, data: bytearray, begin: int, end: int) -> bool:
        self.touched_s = time.monotonic()
        if message_id == self._details_id and end - begin == self._size:
            self._each(data, begin)
            return False
        if message_id != self._end_id:
            raise Garbled(_unexpected(message_id, self._details_id, end - begin))
        self._count.answered(0)
        if not self._future.done():
            self._future.set_result(None)
        return True

    def fail(self, why: Exception) -> None:
        _fail(self._future, why)


def _fail(future: asyncio.Future[Any], why: Exception) -> None:
    if not future.done():
        future.set_exception(why)
        # Whoever gave up waiting is told by the link being lost.
        future.exception()


def _unexpected(message_id: int, wanted_id: int, length: int) -> str:
    return f"message {message_id} of {length} bytes where {wanted_id} was due"
