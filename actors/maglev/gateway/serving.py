# SPDX-License-Identifier: Apache-2.0
"""What happens around every gRPC call: bytes in, bytes out, counted, errors as status codes.

Handlers take the request as it came and hand on bytes, so that one event is encoded once for all
who watch.  A handler says what went wrong by raising Failed.  The state is the Calls that count;
look at `_run` for how a call ends.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, TypeAlias, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message
from grpc import aio

from maglev.gateway.calls import Calls, Count
from maglev.log import Log
from maglev.rpc.failed import Failed

M = TypeVar("M", bound=Message)
Context = aio.ServicerContext[bytes, bytes]
Handler: TypeAlias = "grpc.RpcMethodHandler[bytes, bytes]"
Unary = Callable[[bytes, Context], Awaitable[bytes]]
Streaming = Callable[[bytes, Context, Count], Awaitable[None]]
Chatting = Callable[[AsyncIterator[bytes], Context, Count], Awaitable[None]]

_CODES: Final = {code.name: code for code in grpc.StatusCode}


def decode(cls: type[M], request: bytes) -> M:
    """Return a request; raises Failed."""
    try:
        return cls.FromString(request)
    except DecodeError:
        name = cls.DESCRIPTOR.name
        raise Failed("INVALID_ARGUMENT", f"{len(request)} bytes that are no {name}") from None


class Serving:
    """Makes grpc handlers of ours."""

    def __init__(self, calls: Calls, log: Log) -> None:
        self._calls = calls
        self._log = log

    def unary(self, path: str, answer: Unary) -> Handler:
        """Return the handler of a call with one answer."""

        async def behave(request: bytes, context: Context) -> bytes:
            count = self._calls.begun(path)
            count.received += 1

            async def body() -> bytes:
                response = await answer(request, context)
                count.sent += 1
                return response

            response: bytes = await self._run(count, context, body)
            return response

        return grpc.unary_unary_rpc_method_handler(behave)

    def streaming(self, path: str, answer: Streaming) -> Handler:
        """Return the handler of a call with many answers, which it writes itself."""

        async def behave(request: bytes, context: Context) -> None:
            count = self._calls.begun(path)
            count.received += 1
            await self._run(count, context, lambda: answer(request, context, count))

        return grpc.unary_stream_rpc_method_handler(behave)

    def chatting(self, path: str, answer: Chatting) -> Handler:
        """Return the handler of a call with many requests and answers."""

        async def behave(requests: AsyncIterator[bytes], context: Context) -> None:
            count = self._calls.begun(path)
            await self._run(count, context, lambda: answer(requests, context, count))

        return grpc.stream_stream_rpc_method_handler(behave)

    async def _run(self, count: Count, context: Context, body: Callable[[], Awaitable[Any]]) -> Any:
        begun_s = time.monotonic()
        code = "CANCELLED"  # by the client or its deadline, if nothing else is said below
        try:
            result = await body()
            code = "OK"
            return result
        except Failed as failed:
            code = failed.code
            await context.abort(_CODES[failed.code], failed.text)
        except (asyncio.CancelledError, aio.UsageError):  # the latter: it has ended already
            raise
        except Exception as error:
            code = "INTERNAL"
            fields: dict[str, object] = {"method": count.method, "error": repr(error)}
            self._log.write("error", "grpc-failed", fields)
            await context.abort(grpc.StatusCode.INTERNAL, "an error of maglevd; its log has more")
        finally:
            self._calls.ended(count, code, time.monotonic() - begun_s)
