# SPDX-License-Identifier: Apache-2.0
"""The shell of the gateway: serves what the actor knows, performs what the actor wants.

`serve` is the one place where listeners are started and, in the reverse order, stopped.  The state
is the actor's, which is only read here, and the calls that wait for it.
"""

from __future__ import annotations

import asyncio

from maglev.actor import Effect
from maglev.environment import Environment, host_and_port
from maglev.gateway.actor import Gateway
from maglev.gateway.calls import Calls
from maglev.gateway.events import Finish, Listen, Serve, Tell
from maglev.gateway.server import make_server
from maglev.log import Log
from maglev.messages import LogLine
from maglev.rpc.reads import Picture
from maglev.rpc.service import METHODS, NAME
from maglev.runtime import Runtime, instant


class Shell:
    """Everything of the gateway that waits."""

    def __init__(self, actor: Gateway, settings: Environment, log: Log) -> None:
        self.runtime: Runtime | None = None
        self._actor = actor
        self._settings = settings
        self._log = log
        self.calls = Calls(
            (NAME, one.name, "server_stream" if one.streams else "unary")
            for one in METHODS.values()
        )

    def perform(self, effect: Effect) -> None:
        """Do what the actor wants."""
        assert self.runtime is not None
        match effect:
            case Tell() | Finish() | Serve():
                pass
            case Listen(on):
                for name in self._settings.actor_names:
                    self.runtime.node.listen(name, LogLine, on)
            case _:
                raise AssertionError(f"nobody performs {effect}")

    async def serve(self) -> None:
        """Serve until cancelled."""
        server = make_server(self._picture, self.calls, self._log)
        parts = host_and_port(self._settings.grpc_addr)
        assert parts is not None
        host, port = parts
        port = server.add_insecure_port(
            f"[{host or '::'}]:{port}" if ":" in host or not host else f"{host}:{port}"
        )
        await server.start()
        self._log.write(
            "info", "grpc-listening", {"address": self._settings.grpc_addr, "port": port}
        )
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await server.stop(0.2)

    def _picture(self) -> Picture:
        state = self._actor.state
        return Picture(state.view, state.beats, instant())
