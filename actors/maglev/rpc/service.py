# SPDX-License-Identifier: Apache-2.0
"""The calls of the service, as proto/maglev/rpc/maglev.proto declares them, for both ends.

`pb` is the generated module, and METHODS the table of calls made from its descriptors, so that
servers and clients need no other generated code.  There is no state.

    call = unary(channel, "GetBackend")
    info = call(pb.GetBackendRequest(name="web1"), timeout=1.0)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import grpc
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from maglev.rpc import maglev_pb2 as pb

__all__ = ["METHODS", "NAME", "Method", "pb", "stream", "unary"]

_SERVICE: Final = pb.DESCRIPTOR.services_by_name["Maglev"]

NAME: Final = _SERVICE.full_name
"""The name of the service: `maglev.Maglev`."""


@dataclass(frozen=True, slots=True)
class Method:
    """One call: what comes in, what goes out, once or as a stream."""

    name: str
    request: type[Message]
    response: type[Message]
    streams: bool

    @property
    def path(self) -> str:
        """What stands in the request line: `/maglev.Maglev/GetBackend`."""
        return f"/{NAME}/{self.name}"


METHODS: Final[dict[str, Method]] = {
    method.name: Method(
        method.name,
        GetMessageClass(method.input_type),
        GetMessageClass(method.output_type),
        method.server_streaming,
    )
    for method in _SERVICE.methods
}


def unary(channel: grpc.Channel, name: str) -> grpc.UnaryUnaryMultiCallable[Any, Any]:
    """Return the call with this name on a channel; it returns its message or raises RpcError."""
    method = METHODS[name]
    return channel.unary_unary(
        method.path,
        request_serializer=method.request.SerializeToString,
        response_deserializer=method.response.FromString,
    )


def stream(channel: grpc.Channel, name: str) -> grpc.UnaryStreamMultiCallable[Any, Any]:
    """Return the call with this name on a channel; it returns an iterator of messages."""
    method = METHODS[name]
    return channel.unary_stream(
        method.path,
        request_serializer=method.request.SerializeToString,
        response_deserializer=method.response.FromString,
    )
