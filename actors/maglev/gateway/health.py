# SPDX-License-Identifier: Apache-2.0
"""The standard health service, grpc.health.v1: SERVING once the state of the daemon is known.

grpcio's own waits for slow watchers under a lock, so one of them could hold up a stop for ever.
The state is one status, and who waits for it to change.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from grpc_health.v1 import health_pb2

from maglev.gateway.calls import Count
from maglev.gateway.serving import Context, decode
from maglev.rpc.failed import Failed
from maglev.rpc.service import NAME

HEALTH: Final = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name

# Its type stubs know neither List nor that an enumeration is a number.
_messages: Any = health_pb2
_Response: Any = health_pb2.HealthCheckResponse
_SERVICES: Final = ("", NAME)


class Health:
    """The one status of everything that is served."""

    def __init__(self) -> None:
        self._status = _Response.NOT_SERVING
        self._waiting: set[asyncio.Event] = set()

    def set(self, serving: bool) -> None:
        """Change the status, and tell who watches."""
        self._status = _Response.SERVING if serving else _Response.NOT_SERVING
        for waiting in self._waiting:
            waiting.set()

    async def check(self, request: bytes, context: Context) -> bytes:
        """Answer Check; raises Failed."""
        wanted = decode(health_pb2.HealthCheckRequest, request)
        if wanted.service not in _SERVICES:
            raise Failed("NOT_FOUND", f"no service is called '{wanted.service[:100]}'")
        response: bytes = _Response(status=self._status).SerializeToString()
        return response

    async def list(self, request: bytes, context: Context) -> bytes:
        """Answer List; raises Failed."""
        decode(_messages.HealthListRequest, request)
        statuses = {service: _Response(status=self._status) for service in _SERVICES}
        response: bytes = _messages.HealthListResponse(statuses=statuses).SerializeToString()
        return response

    async def watch(self, request: bytes, context: Context, count: Count) -> None:
        """Serve Watch until its reader leaves; raises Failed."""
        known = decode(health_pb2.HealthCheckRequest, request).service in _SERVICES
        news = asyncio.Event()
        self._waiting.add(news)
        try:
            told = None
            while True:
                news.clear()
                status = self._status if known else _Response.SERVICE_UNKNOWN
                if status != told:
                    told = status
                    await context.write(_Response(status=status).SerializeToString())
                    count.sent += 1
                else:
                    await news.wait()
        finally:
            self._waiting.discard(news)
