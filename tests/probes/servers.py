# SPDX-License-Identifier: Apache-2.0
"""Backends for tests, most of them hostile: real sockets on loopback, a thread per connection."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Talk = Callable[[socket.socket], None]


@dataclass
class Server:
    """A listening socket and what its connections do; `accepted` counts them."""

    sock: socket.socket
    talk: Talk
    stopped: threading.Event = field(default_factory=threading.Event)
    accepted: int = 0
    threads: list[threading.Thread] = field(default_factory=list)

    @property
    def port(self) -> int:
        """The port it listens on."""
        port: int = self.sock.getsockname()[1]
        return port

    def accept(self) -> None:
        """Serve until stopped."""
        self.sock.settimeout(0.05)
        while not self.stopped.is_set():
            try:
                connection, _ = self.sock.accept()
            except TimeoutError:
                continue
            self.accepted += 1
            thread = threading.Thread(target=self.serve, args=(connection,))
            thread.start()
            self.threads.append(thread)

    def serve(self, connection: socket.socket) -> None:
        """Talk on one connection; a peer that goes away is none of our trouble."""
        connection.settimeout(10)
        with connection, suppress(OSError, ValueError):
            self.talk(connection)


@contextmanager
def serving(talk: Talk, family: int = socket.AF_INET) -> Iterator[Server]:
    """Run a server whose connections are handed to `talk`, in a thread each, and closed after."""
    host = "::1" if family == socket.AF_INET6 else "127.0.0.1"
    with socket.socket(family, socket.SOCK_STREAM) as sock:
        sock.bind((host, 0))
        sock.listen(16)
        server = Server(sock, talk)
        accepting = threading.Thread(target=server.accept)
        accepting.start()
        try:
            yield server
        finally:
            server.stopped.set()
            accepting.join()
            for thread in server.threads:
                thread.join()


def read_request(connection: socket.socket) -> bytes:
    """Return a request up to the end of its head."""
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = connection.recv(4096)
        if not chunk:
            break
        received += chunk
    return received


def answer(*chunks: bytes) -> Talk:
    """Read a request, answer with these bytes, close."""

    def talk(connection: socket.socket) -> None:
        read_request(connection)
        for chunk in chunks:
            connection.sendall(chunk)
        linger(connection)

    return talk


def linger(connection: socket.socket) -> None:
    """Say that nothing more comes, and wait until the other side has gone."""
    connection.shutdown(socket.SHUT_WR)
    while connection.recv(65536):
        pass


def silent(connection: socket.socket) -> None:
    """Read whatever comes and say nothing."""
    while connection.recv(4096):
        pass


def drip(head: bytes, each: bytes) -> Talk:
    """Answer with `head`, then with one more piece ten times a second."""

    def talk(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(head)
        connection.settimeout(0.1)
        while True:
            connection.sendall(each)
            with suppress(TimeoutError):
                if not connection.recv(1):
                    return

    return talk


def endless(head: bytes, each: bytes) -> Talk:
    """Answer with `head`, then with one more piece as fast as it goes."""

    def talk(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(head)
        while True:
            connection.sendall(each)

    return talk


def reset(connection: socket.socket) -> None:
    """Close the connection with a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()


def over_tls(context: ssl.SSLContext, talk: Talk) -> Talk:
    """Have the conversation over TLS."""

    def wrapped(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            talk(secure)

    return wrapped
