# SPDX-License-Identifier: Apache-2.0
"""The gRPC server: its listeners, its services, and which handler answers which call.

There is no state but the server's own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import grpc
from grpc import aio

from maglev.gateway.calls import Calls
from maglev.gateway.serving import Context, Serving, Unary, decode
from maglev.log import Log
from maglev.rpc.reads import READS, Picture
from maglev.rpc.service import METHODS, NAME

_OPTIONS: Final = (
    # Or an orphan of ours would keep half the clients.
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", 1 << 16),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
)

CALLS_MAX: Final = 2_000
"""Calls under way at a time, streams among them; RESOURCE_EXHAUSTED beyond."""


def make_server(picture: Callable[[], Picture], calls: Calls, log: Log) -> aio.Server:
    """Return a server that answers from what `picture` returns; it listens nowhere yet."""
    server = aio.server(options=_OPTIONS, maximum_concurrent_rpcs=CALLS_MAX)
    serving = Serving(calls, log)
    handlers = {name: serving.unary(METHODS[name].path, _read(name, picture)) for name in READS}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(NAME, handlers),))
    return server


def _read(name: str, picture: Callable[[], Picture]) -> Unary:
    method, answer = METHODS[name], READS[name]

    async def call(request: bytes, context: Context) -> bytes:
        return answer(picture(), decode(method.request, request)).SerializeToString()

    return call
