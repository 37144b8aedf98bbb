# SPDX-License-Identifier: Apache-2.0
"""A client that knows nothing but an address: everything else comes by reflection."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_reflection.v1alpha import reflection_pb2

from maglev.messages import BackendStatus, Done, Message, OperateBackend, Request
from tests.gateway.actors import backend, moved
from tests.gateway.rig import Rig

VERSIONS = ("v1", "v1alpha")


class Client:
    """Finds out what can be called, and calls it."""

    def __init__(self, channel: grpc.Channel, version: str) -> None:
        self._channel = channel
        self._ask: Callable[[Iterator[Any]], Iterator[Any]] = channel.stream_stream(
            f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        self._pool = descriptor_pool.DescriptorPool()

    def ask(self, **fields: str) -> Any:
        request = reflection_pb2.ServerReflectionRequest(**fields)  # type: ignore[arg-type]
        return next(iter(self._ask(iter([request]))))

    def services(self) -> list[str]:
        listed = self.ask(list_services="").list_services_response.service
        return sorted(one.name for one in listed)

    def learn(self, symbol: str) -> Any:
        """Return the descriptor of a service."""
        found = self.ask(file_containing_symbol=symbol).file_descriptor_response
        for text in found.file_descriptor_proto:
            self._pool.Add(descriptor_pb2.FileDescriptorProto.FromString(text))
        return self._pool.FindServiceByName(symbol)

    def call(self, service: Any, name: str, /, **fields: object) -> Any:
        method = service.methods_by_name[name]
        request = message_factory.GetMessageClass(method.input_type)
        response = message_factory.GetMessageClass(method.output_type)
        kind = self._channel.unary_stream if method.server_streaming else self._channel.unary_unary
        calls = kind(
            f"/{service.full_name}/{name}",
            request_serializer=request.SerializeToString,
            response_deserializer=response.FromString,
        )
        return calls(request(**fields), timeout=20)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_without_any_file_lists_watches_and_changes(rig: Rig, version: str) -> None:
    aggregator = rig.actors["aggregator"]

    def pause(request: Request) -> tuple[Done, type[Message]]:
        assert isinstance(request, OperateBackend)
        aggregator.say(backend(request.backend, moved(4, "up", "paused", "pause")))
        return Done(), BackendStatus

    aggregator.answering = pause
    client = Client(rig.channel(), version)
    assert client.services() == [
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
        "maglev.Maglev",
    ]
    maglev = client.learn("maglev.Maglev")
    listed = client.call(maglev, "ListBackends").backends
    assert [one.name for one in listed] == ["web1", "web2"]
    events = client.call(maglev, "WatchEvents", backend=True)
    assert [next(events).backend.name for _ in range(2)] == ["web1", "web2"]
    assert client.call(maglev, "PauseBackend", name="web1").state == "paused"
    assert next(events).backend.transition.to == "paused"
    events.cancel()


def test_what_is_not_there_is_an_error_in_the_answer(shared: Rig) -> None:
    client = Client(shared.channel(), "v1")
    for fields in ({"file_by_filename": "no.proto"}, {"file_containing_symbol": "no.Such"}):
        assert client.ask(**fields).error_response.error_code == 5
    assert client.ask().error_response.error_code == 3


def test_bytes_that_are_no_question_are_an_invalid_argument(shared: Rig) -> None:
    call = shared.channel().stream_stream(
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
    )
    with pytest.raises(grpc.RpcError) as caught:
        list(call(iter([b"\xff\xff"]), timeout=20))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_it_can_be_switched_off() -> None:
    with tempfile.TemporaryDirectory(prefix="maglev-") as path:
        rig = Rig(Path(path), MAGLEV_REFLECTION="false")
        try:
            rig.start()
            with pytest.raises(grpc.RpcError) as caught:
                Client(rig.channel(), "v1alpha").services()
            assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
        finally:
            rig.close()
