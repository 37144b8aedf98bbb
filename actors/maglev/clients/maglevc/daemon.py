# SPDX-License-Identifier: Apache-2.0
"""The daemon as the commands see it: calls by name, answers, and troubles in words for an operator.

The state is one channel, made at the first call and dropped when a call finds nobody, so that the
next call connects afresh whatever gRPC's back-off says.  Look at `Daemon.call`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import grpc
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from maglev.clients.connect import Server, Tls, channel, why_unreachable
from maglev.clients.maglevc.actions import CALL_S
from maglev.clients.maglevc.trouble import Trouble
from maglev.rpc.maglev_pb2 import DESCRIPTOR

_SERVICE: Final = DESCRIPTOR.services_by_name["Maglev"]
_LOST: Final = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)

_NO_CHANNEL: Final = "failed to connect to all addresses; last error: "
# How gRPC tells of a connection that ended under a call.
_CUT: Final = re.compile(
    "socket closed|connection reset|broken pipe|goaway|cancelling all calls|ping timeout",
    re.IGNORECASE,
)
_TLS_HINTS: Final = {
    False: "does it want TLS (--tls-ca)?",
    True: "does it have TLS, with a certificate of this CA (--tls-ca)?",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `stale` says why it may be old, empty otherwise."""

    message: Any
    stale: str = ""


class Daemon:
    """One maglevd; not connected before it is called."""

    def __init__(self, server: Server, tls: Tls) -> None:
        self._server = server
        self._tls = tls
        self._channel: grpc.Channel | None = None

    def call(
        self,
        rpc: str,
        fields: Mapping[str, object],
        deadline_s: float = CALL_S,
        *,
        quick: bool = False,
    ) -> Answer:
        """Call the daemon and return its answer; raises Trouble, if `quick` without a reason."""
        asked, answered = _classes(rpc)
        invoke = self._connected().unary_unary(
            f"/{_SERVICE.full_name}/{rpc}", asked.SerializeToString, answered.FromString
        )
        request = asked(**fields)
        try:
            message, done = invoke.with_call(request, timeout=deadline_s)
        except grpc.RpcError as error:
            if quick:
                raise Trouble(f"{self._server.target}: no answer") from error
            raise self.trouble(error, rpc, deadline_s) from error
        trailer = {key: value for key, value in done.trailing_metadata() or ()}
        return Answer(message, str(trailer.get("maglev-stale", "")))

    def stream(self, rpc: str, fields: Mapping[str, object]) -> Stream:
        """Begin a call that is answered by a stream."""
        asked, answered = _classes(rpc)
        invoke = self._connected().unary_stream(
            f"/{_SERVICE.full_name}/{rpc}", asked.SerializeToString, answered.FromString
        )
        return Stream(self, rpc, invoke(asked(**fields)))

    def close(self) -> None:
        """Drop the connection; the next call makes a new one."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def _connected(self) -> grpc.Channel:
        if self._channel is None:
            self._channel = channel(self._server, self._tls)
        return self._channel

    def trouble(self, error: Any, rpc: str, deadline_s: float = 0.0) -> Trouble:
        """Return the trouble behind a gRPC error, which is a grpc.Call as well."""
        code, details = error.code(), error.details() or error.code().name
        if code == grpc.StatusCode.UNIMPLEMENTED:
            return Trouble(f"this daemon does not know {rpc}")
        if code in _LOST:
            self.close()
            where = self._server.target
            why = why_unreachable(self._server)
            if why:
                return Trouble(f"{where}: {why}; is maglevd there (--server, MAGLEV_SERVER)?")
            if details == "Deadline Exceeded":
                return Trouble(f"{where}: no answer within {deadline_s:g} s")
            if details.startswith(_NO_CHANNEL):
                reason = details.removeprefix(_NO_CHANNEL)
                return Trouble(f"{where}: {reason}; {_TLS_HINTS[bool(self._tls)]}")
            if _CUT.search(details):
                return Trouble(f"{where}: the connection was lost ({details}); try again")
        return Trouble(details, not_found=code == grpc.StatusCode.NOT_FOUND)


class Stream:
    """The answers to one call, as they come; ends without a trouble when it is cancelled."""

    def __init__(self, daemon: Daemon, rpc: str, call: Any) -> None:
        self._daemon = daemon
        self._rpc = rpc
        self._call = call

    def __iter__(self) -> Iterator[Any]:
        """Yield the answers; raises Trouble."""
        try:
            yield from self._call
        except grpc.RpcError as error:
            if self._call.code() != grpc.StatusCode.CANCELLED:
                raise self._daemon.trouble(error, self._rpc) from error

    def cancel(self) -> None:
        """End it, from any thread."""
        self._call.cancel()


def _classes(rpc: str) -> tuple[type[Message], type[Message]]:
    """Return the classes of a call's request and answer."""
    method = _SERVICE.methods_by_name[rpc]
    return GetMessageClass(method.input_type), GetMessageClass(method.output_type)
