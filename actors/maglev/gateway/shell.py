# SPDX-License-Identifier: Apache-2.0
"""The shell of the gateway: serves what the actor knows, performs what the actor wants.

`serve` is the one place where listeners are started and, in the reverse order, stopped.  The state
is the actor's, which is only read here.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from maglev.actor import Effect, Event
from maglev.environment import Environment, host_and_port
from maglev.gateway.access import Rules, Visitor, judge
from maglev.gateway.actor import Gateway
from maglev.gateway.caller import Caller
from maglev.gateway.calls import Calls
from maglev.gateway.certificates import Certificates, Operators
from maglev.gateway.door import Door
from maglev.gateway.events import Finish, Listen, LogsWanted, Serve, Tell
from maglev.gateway.health import Health
from maglev.gateway.metrics.listener import Listener
from maglev.gateway.metrics.page import page
from maglev.gateway.metrics.text import Seen
from maglev.gateway.server import Server
from maglev.gateway.streams import Streams
from maglev.gateway.watch import Watch
from maglev.log import Log
from maglev.messages import LogLine
from maglev.rpc.reads import Picture
from maglev.runtime import Runtime, instant

GRACE_S = 0.5


class Shell:
    """Everything of the gateway that waits."""

    def __init__(self, actor: Gateway, settings: Environment, log: Log) -> None:
        """Raises OSError or ValueError if files of TLS cannot be used."""
        self.runtime: Runtime | None = None
        self.port = 0  # of gRPC over TCP, once it listens
        self._actor = actor
        self._settings = settings
        self._log = log
        self._operators = Operators(settings.grpc_operators, log)
        self._certificates: Certificates | None = None
        if settings.grpc_tls_cert:
            self._certificates = Certificates(
                settings.grpc_tls_cert, settings.grpc_tls_key, settings.grpc_client_ca, log
            )
        self._rules = Rules(
            socket=settings.grpc_socket,
            open=settings.grpc_open,
            tls=bool(settings.grpc_tls_cert),
            certificates=bool(settings.grpc_client_ca),
        )
        self._inner = settings.run_dir / "grpc-inner.sock"
        self._door = Door(self._inner, self._spawn, log)
        self._health = Health()
        self._watch = Watch(self._picture, lambda on: self._feed(LogsWanted(on)), Streams())
        self._caller = Caller(self._feed, self._picture, self._visitor, settings.timers, log)

    def perform(self, effect: Effect) -> None:
        """Do what the actor wants."""
        assert self.runtime is not None, f"{effect} before the start"
        match effect:
            case Tell(news):
                self._watch.tell(news)
            case Finish(call_id, answer):
                self._caller.finish(call_id, answer)
            case Listen(on):
                for name in self._settings.actor_names:
                    self.runtime.node.listen(name, LogLine, on)
            case Serve():
                self._health.set(True)
            case _:
                raise AssertionError(f"nobody performs {effect}")

    async def serve(self) -> None:
        """Serve until cancelled."""
        async with AsyncExitStack() as listeners:
            calls = await listeners.enter_async_context(self._grpc())
            await listeners.enter_async_context(self._metrics(calls))
            await asyncio.get_running_loop().create_future()

    @asynccontextmanager
    async def _grpc(self) -> AsyncIterator[Calls]:
        """Serve gRPC, and count: on the inner socket, the Unix socket, and TCP."""
        server = Server(
            self._picture,
            self._caller,
            self._watch,
            self._health,
            self._log,
            reflection=self._settings.reflection,
        )
        server.grpc.add_insecure_port(f"unix:{self._inner}")
        host, port = _parts(self._settings.grpc_addr)
        if self._certificates is None:
            self.port = server.grpc.add_insecure_port(_target(host, port))
        await server.grpc.start()
        os.chmod(self._inner, 0o600)
        async with AsyncExitStack() as doors:
            doors.callback(self._door.close)
            doors.push_async_callback(server.grpc.stop, GRACE_S * self._settings.time_scale)
            doors.callback(self._watch.end)
            doors.callback(self._health.set, False)
            doors.callback(_unlink, self._settings.grpc_socket)
            unix = await self._door.open_socket(self._settings.grpc_socket)
            doors.callback(unix.close)
            if self._certificates is not None:
                tls = await self._door.open_tls(host, port, self._certificates)
                doors.callback(tls.close)
                self.port = tls.sockets[0].getsockname()[1]
            self._log.write("info", "grpc-listening", self._listening())
            yield server.calls

    @asynccontextmanager
    async def _metrics(self, calls: Calls) -> AsyncIterator[None]:
        """Serve metrics over HTTP, unless they are not wanted."""
        address = self._settings.metrics_addr
        if not address:
            yield
            return
        scale = self._settings.time_scale
        listener = Listener(lambda: page(self._seen(calls)), self._spawn, self._log, scale)
        server = await listener.open(*_parts(address))
        port = server.sockets[0].getsockname()[1]
        self._log.write("info", "metrics-listening", {"address": address, "port": port})
        try:
            yield
        finally:
            server.close()
            listener.close()

    def _seen(self, calls: Calls) -> Seen:
        state, settings = self._actor.state, self._settings
        return Seen(
            view=state.view,
            beats=state.beats,
            calls=calls.counts.values(),
            actors=settings.actor_names,
            silent_s=settings.timers.silent_s,
            now=instant(),
        )

    def _listening(self) -> dict[str, object]:
        return {
            "address": self._settings.grpc_addr,
            "port": self.port,
            "socket": str(self._settings.grpc_socket),
            "tls": self._rules.tls,
            "open": self._rules.open,
        }

    def _visitor(self, peer: str) -> Visitor:
        return judge(peer, self._door.guests, self._operators.names(), self._rules)

    def _picture(self) -> Picture:
        state = self._actor.state
        return Picture(state.view, state.beats, instant())

    def _feed(self, event: Event) -> None:
        assert self.runtime is not None, f"{event} before the start"
        self.runtime.feed(event)

    def _spawn(self, coroutine: Coroutine[Any, Any, None], name: str) -> None:
        assert self.runtime is not None, f"{name} before the start"
        self.runtime.spawn(coroutine, name)


def _parts(address: str) -> tuple[str, int]:
    parts = host_and_port(address)
    assert parts is not None, f"{address=} was checked"
    return parts


def _target(host: str, port: int) -> str:
    """Return an address as gRPC writes it; [::] takes IPv4 as well, and needs no IPv6."""
    host = host or "::"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _unlink(path: Path) -> None:
    with suppress(OSError):
        os.unlink(path)
