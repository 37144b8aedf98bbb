# SPDX-License-Identifier: Apache-2.0
"""A daemon that answers every call with what a test gives it, on a real gRPC server."""

from collections.abc import Callable, Iterator
from concurrent import futures
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.message_factory import GetMessageClass

from maglev.rpc.maglev_pb2 import DESCRIPTOR
from tests.clients.maglevc import samples

SERVICE = DESCRIPTOR.services_by_name["Maglev"]


@dataclass(frozen=True)
class Refusal:
    """An error instead of an answer."""

    code: grpc.StatusCode
    text: str


def _named(members: Any, kind: str) -> Callable[[Any], Any]:
    """Return how a Get call answers: with the member of that name."""

    def get(request: Any) -> Any:
        found = [one for one in members if one.name == request.name]
        missing = Refusal(grpc.StatusCode.NOT_FOUND, f"no {kind} is called '{request.name}'")
        return found[0] if found else missing

    return get


def all_is_well() -> dict[str, Any]:
    """Return answers of the daemon of the samples, by the name of the call."""
    return {
        "GetVersion": samples.VERSION,
        "ListFrontends": samples.FRONTENDS,
        "GetFrontend": _named(samples.FRONTENDS.frontends, "frontend"),
        "ListBackends": samples.BACKENDS,
        "GetBackend": _named(samples.BACKENDS.backends, "backend"),
        "ListHealthChecks": samples.CHECKS,
        "GetHealthCheck": _named(samples.CHECKS.healthchecks, "healthcheck"),
        "GetVPPInfo": samples.VPP_INFO,
        "GetVPPLBState": samples.LB_STATE,
        "ListActors": samples.ACTORS,
        "ListAudit": samples.AUDIT,
    }


@dataclass
class FakeDaemon:
    """Answers are messages, Refusals, or functions of the request; a list is a stream."""

    answers: dict[str, Any] = field(default_factory=all_is_well)
    asked: list[tuple[str, Any]] = field(default_factory=list)
    metadata: dict[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    port: int = 0
    _server: grpc.Server | None = None

    def start(self, address: str = "127.0.0.1:0", tls: grpc.ServerCredentials | None = None) -> int:
        """Listen, and return the port."""
        server = grpc.server(futures.ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
        handlers = {method.name: self._handler(method) for method in SERVICE.methods}
        generic = grpc.method_handlers_generic_handler(SERVICE.full_name, handlers)
        server.add_generic_rpc_handlers((generic,))
        if tls is None:
            self.port = server.add_insecure_port(address)
        else:
            self.port = server.add_secure_port(address, tls)
        server.start()
        self._server = server
        return self.port

    def stop(self) -> None:
        """End all calls and stop to listen."""
        if self._server is not None:
            self._server.stop(None).wait()
            self._server = None

    def _handler(self, method: Any) -> grpc.RpcMethodHandler:
        asked, answered = GetMessageClass(method.input_type), GetMessageClass(method.output_type)
        if method.server_streaming:
            return grpc.unary_stream_rpc_method_handler(
                lambda request, context: self._stream(method.name, request, context),
                asked.FromString,
                answered.SerializeToString,
            )
        return grpc.unary_unary_rpc_method_handler(
            lambda request, context: self._answer(method.name, request, context),
            asked.FromString,
            answered.SerializeToString,
        )

    def _answer(self, name: str, request: Any, context: grpc.ServicerContext) -> Any:
        self.asked.append((name, request))
        context.set_trailing_metadata(self.metadata.get(name, ()))
        answer = self.answers.get(name, Refusal(grpc.StatusCode.UNIMPLEMENTED, "no such method"))
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, Refusal):
            context.abort(answer.code, answer.text)
        return answer

    def _stream(self, name: str, request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        self.asked.append((name, request))
        for answer in self.answers[name]:
            if isinstance(answer, Refusal):
                context.abort(answer.code, answer.text)
            if callable(answer):
                answer(context)
            else:
                yield answer
