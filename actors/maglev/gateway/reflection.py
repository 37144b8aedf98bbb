# SPDX-License-Identifier: Apache-2.0
"""Server reflection: a client needs no .proto file to find out what can be called.

Served under its name of today, `v1`, and under `v1alpha`, which tools still ask for; the messages
are the same.  There is no state.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection import aio as servicers

from maglev.gateway.calls import Count
from maglev.gateway.health import HEALTH
from maglev.gateway.serving import Chatting, Context, decode
from maglev.rpc.service import NAME

REFLECTION_ALPHA: Final = reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"].full_name
REFLECTIONS: Final = (REFLECTION_ALPHA, "grpc.reflection.v1.ServerReflection")
METHOD: Final = "ServerReflectionInfo"


def reflect() -> Chatting:
    """Return what answers ServerReflectionInfo."""
    servicer: Any = servicers.ReflectionServicer((NAME, HEALTH, REFLECTION_ALPHA))

    async def answer(requests: AsyncIterator[bytes], context: Context, count: Count) -> None:
        async def decoded() -> AsyncIterator[reflection_pb2.ServerReflectionRequest]:
            async for request in requests:
                count.received += 1
                yield decode(reflection_pb2.ServerReflectionRequest, request)

        async for response in servicer.ServerReflectionInfo(decoded(), context):
            await context.write(response.SerializeToString())
            count.sent += 1

    return answer
