# SPDX-License-Identifier: Apache-2.0
"""The gRPC server: its services, and which handler answers which call.

A table of handlers by path is made at the start; the state is the server's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import grpc
from grpc import aio

from maglev.gateway.caller import Caller
from maglev.gateway.calls import Calls, CallType
from maglev.gateway.health import HEALTH, Health
from maglev.gateway.serving import Context, Handler, Serving, Unary, decode
from maglev.gateway.watch import Watch
from maglev.log import Log
from maglev.rpc.changes import CHANGES
from maglev.rpc.reads import READS, Picture
from maglev.rpc.service import METHODS, NAME

CALLS_MAX: Final = 2_000
"""Calls under way at a time, streams among them; RESOURCE_EXHAUSTED beyond."""

_OPTIONS: Final = (
    # Or an orphan of ours would keep half the clients.
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", 1 << 16),
    # A reader whose machine is gone is found out; one that asks after us may do so.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
)


class Server:
    """All services on one server, which listens where it is told to."""

    def __init__(
        self,
        picture: Callable[[], Picture],
        caller: Caller,
        watch: Watch,
        health: Health,
        log: Log,
        *,
        reflection: bool,
    ) -> None:
        self.calls = Calls(_methods(reflection))
        self.grpc = aio.server(options=_OPTIONS, maximum_concurrent_rpcs=CALLS_MAX)
        serving = Serving(self.calls, log)
        self._add(NAME, dict(_handlers(serving, picture, caller, watch)))
        self._add(
            HEALTH,
            {
                "Check": serving.unary(f"/{HEALTH}/Check", health.check),
                "List": serving.unary(f"/{HEALTH}/List", health.list),
                "Watch": serving.streaming(f"/{HEALTH}/Watch", health.watch),
            },
        )
        if reflection:
            from maglev.gateway.reflection import METHOD, REFLECTIONS, reflect

            for service in REFLECTIONS:
                self._add(service, {METHOD: serving.chatting(f"/{service}/{METHOD}", reflect())})

    def _add(self, service: str, handlers: dict[str, Handler]) -> None:
        generic = grpc.method_handlers_generic_handler(service, handlers)
        self.grpc.add_generic_rpc_handlers((generic,))


def _methods(reflection: bool) -> Iterator[tuple[str, str, CallType]]:
    for method in METHODS.values():
        yield NAME, method.name, "server_stream" if method.streams else "unary"
    yield HEALTH, "Check", "unary"
    yield HEALTH, "List", "unary"
    yield HEALTH, "Watch", "server_stream"
    if reflection:
        from maglev.gateway.reflection import METHOD, REFLECTIONS

        for service in REFLECTIONS:
            yield service, METHOD, "bidi_stream"


def _handlers(
    serving: Serving, picture: Callable[[], Picture], caller: Caller, watch: Watch
) -> Iterator[tuple[str, Handler]]:
    """Yield the handler of every call of maglev.proto; one without is a broken invariant."""
    for name, method in METHODS.items():
        if name in READS:
            yield name, serving.unary(method.path, _read(name, picture))
        elif name in CHANGES:
            yield name, serving.unary(method.path, caller.handler(name))
        else:
            assert name == "WatchEvents", f"nobody answers {name}"
            yield name, serving.streaming(method.path, watch.watch)


def _read(name: str, picture: Callable[[], Picture]) -> Unary:
    method, read = METHODS[name], READS[name]

    async def call(request: bytes, context: Context) -> bytes:
        asked = decode(method.request, request)
        shown = picture()
        if stale := shown.staleness(read.speaker):
            context.set_trailing_metadata((("maglev-stale", stale),))
        return read.answer(shown, asked).SerializeToString()

    return call
