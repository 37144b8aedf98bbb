# SPDX-License-Identifier: Apache-2.0
"""The door: finds out who comes, before gRPC sees the connection, and tells gRPC by a name.

gRPC shows neither the user behind a Unix socket nor, unless it insists on one, a client's
certificate.  So those connections are accepted here: SO_PEERCRED or the TLS handshake says who it
is, and the bytes go on to gRPC's inner socket from a socket with a name of its own in the abstract
namespace, which gRPC shows as the peer.  The state is `guests`, by that name.  Plain TCP goes to
gRPC directly.  A name stands only as long as its connection, and no other socket can take it.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import secrets
import socket
import ssl
import struct
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from maglev.gateway.access import Guest
from maglev.gateway.certificates import Certificates, names_in
from maglev.log import Log

CONNECTIONS_MAX: Final = 1_000
HANDSHAKE_S: Final = 10.0

_EARLY_BYTES_MAX: Final = 1 << 20

Spawn = Callable[[Coroutine[Any, Any, None], str], None]


class Door:
    """Accepts connections for the socket of a gRPC server that only we know."""

    def __init__(self, inner: Path, spawn: Spawn, log: Log) -> None:
        """Connections go on to `inner`; `spawn` runs a task beside us."""
        self.guests: dict[str, Guest] = {}
        self._inner = inner
        self._spawn = spawn
        self._log = log
        self._sides: set[_Side] = set()
        self._count = 0
        self._secret = secrets.token_hex(8)

    async def open_socket(self, path: Path) -> asyncio.Server:
        """Accept on a Unix socket (0660); raises OSError."""
        loop = asyncio.get_running_loop()
        server = await loop.create_unix_server(lambda: _Side(self._by_socket, self._sides), path)
        os.chmod(path, 0o660)
        return server

    async def open_tls(self, host: str, port: int, certificates: Certificates) -> asyncio.Server:
        """Accept TLS on TCP; an empty host means all addresses; raises OSError."""

        def knock(side: _Side) -> None:
            self._begin(side, self._by_tls(side, certificates))

        loop = asyncio.get_running_loop()
        return await loop.create_server(
            lambda: _Side(knock, self._sides), host or None, port, reuse_port=False
        )

    def close(self) -> None:
        """End every connection."""
        for side in list(self._sides):
            side.end()

    def _by_socket(self, side: _Side) -> None:
        credentials = side.connection().getsockopt(
            socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")
        )
        uid: int = struct.unpack("3i", credentials)[1]
        self._begin(side, self._admit_user(side, uid))

    def _begin(self, side: _Side, admission: Coroutine[Any, Any, None]) -> None:
        if len(self._sides) > 2 * CONNECTIONS_MAX:
            admission.close()
            side.end()
            return
        self._count += 1
        self._spawn(admission, f"connection {self._count}")

    async def _admit_user(self, side: _Side, uid: int) -> None:
        # Users may be looked up far away, so not in the loop.
        user = await asyncio.to_thread(user_name, uid)
        await self._admit(side, Guest("unix", user=user))

    async def _by_tls(self, side: _Side, certificates: Certificates) -> None:
        origin = _address(side)
        loop = asyncio.get_running_loop()
        try:
            context = await asyncio.to_thread(certificates.context)
            transport = await loop.start_tls(
                side.transport, side, context, server_side=True, ssl_handshake_timeout=HANDSHAKE_S
            )
        except (OSError, EOFError) as error:
            self._log.write("info", "grpc-tls-refused", {"origin": origin, "error": str(error)})
            side.end()
            return
        if transport is None:
            side.end()
            return
        side.transport = transport
        side.hold()
        encrypted: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        names = names_in(encrypted.getpeercert()) if encrypted is not None else ()
        await self._admit(side, Guest(origin, names=names))

    async def _admit(self, outside: _Side, guest: Guest) -> None:
        """Connect somebody to gRPC under a fresh name."""
        name = f"maglev-{os.getpid()}-{self._secret}-{self._count}"
        self._count += 1
        inside = _Side(lambda side: None, self._sides, forget=lambda: self.guests.pop(name, None))
        try:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                connection.setblocking(False)
                connection.bind(f"\0{name}")
                # Known before gRPC can ask; a Unix socket connects at once or not at all.
                self.guests[name] = guest
                connection.connect(str(self._inner))
                loop = asyncio.get_running_loop()
                await loop.create_connection(lambda: inside, sock=connection)
            except OSError:
                connection.close()
                raise
        except OSError as error:
            self.guests.pop(name, None)
            self._log.write("warn", "grpc-inner-refused", {"error": str(error)})
            outside.end()
            return
        if outside.is_over:
            inside.end()
            return
        inside.join(outside)
        outside.join(inside)


class _Side(asyncio.Protocol):
    """One of the two connections of a guest; what one reads the other one writes."""

    transport: asyncio.Transport

    def __init__(
        self,
        knock: Callable[[_Side], None],
        sides: set[_Side],
        forget: Callable[[], object] = lambda: None,
    ) -> None:
        """`knock` is called when the connection is there, `forget` when it is over."""
        self.is_over = False
        self._forget = forget
        self._knock = knock
        self._sides = sides
        self._other: _Side | None = None
        self._early: list[bytes] = []

    def connection(self) -> socket.socket:
        """Return the socket itself."""
        found: socket.socket = self.transport.get_extra_info("socket")
        return found

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport), f"{transport=}"
        self.transport = transport
        self._sides.add(self)
        self.hold()
        self._knock(self)

    def hold(self) -> None:
        """Read no more than what was read already, until there is another side."""
        self.transport.pause_reading()

    def join(self, other: _Side) -> None:
        """Hand on what comes from now on, and what came before."""
        self._other = other
        for chunk in self._early:
            other.transport.write(chunk)
        self._early.clear()
        self.transport.resume_reading()

    def end(self) -> None:
        """Close this side, and with it the other, once what was written is sent."""
        self.transport.close()

    def data_received(self, data: bytes) -> None:
        if self._other is not None:
            self._other.transport.write(data)
        elif sum(map(len, self._early)) + len(data) > _EARLY_BYTES_MAX:
            self.end()
        else:
            self._early.append(data)

    def pause_writing(self) -> None:
        if self._other is not None:
            self._other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self._other is not None:
            self._other.transport.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        self.is_over = True
        self._sides.discard(self)
        self._forget()
        if self._other is not None:
            self._other.end()


def user_name(uid: int) -> str:
    """Return a user's name; its number if it has none."""
    with suppress(KeyError, OSError):
        return pwd.getpwuid(uid).pw_name
    return f"uid {uid}"


def _address(side: _Side) -> str:
    host, port = side.transport.get_extra_info("peername")[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
