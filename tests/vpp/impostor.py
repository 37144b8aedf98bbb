# SPDX-License-Identifier: Apache-2.0
"""Servers that are no VPP: each connection is served by a story in a thread of its own."""

import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

from maglev.vpp.link import HEADER

Serve = Callable[[socket.socket], None]


def framed(message: bytes) -> bytes:
    return HEADER.pack(0, len(message), 0) + message


def welcome(
    table: Mapping[str, int], message_id: int = 16, result: int = 0, missing: int = 0
) -> bytes:
    """Return the reply to a greeting, with fewer entries than it announces if so wished."""
    entries = b"".join(struct.pack(">H64s", n, name.encode()) for name, n in table.items())
    count = len(table) + missing
    return framed(struct.pack(">HIIiIH", message_id, 0, 0, result, 7, count) + entries)


def answering(first: bytes, *pieces: bytes) -> Serve:
    """Return a server that answers the greeting, and whatever comes next in pieces."""

    def serve(caller: socket.socket) -> None:
        caller.recv(16 + 70, socket.MSG_WAITALL)
        caller.sendall(first)
        caller.recv(16, socket.MSG_WAITALL)
        for piece in pieces:
            caller.sendall(piece)

    return serve


@contextmanager
def impostor(path: Path, serve: Serve) -> Iterator[None]:
    """Serve every connection until the block ends; callers have hung up by then."""
    threads: list[Thread] = []

    def talk(caller: socket.socket) -> None:
        with caller, suppress(OSError):
            caller.settimeout(20)
            serve(caller)
            while caller.recv(1 << 16):
                pass

    def listen() -> None:
        with suppress(OSError):
            while True:
                caller, _ = listener.accept()
                threads.append(Thread(target=talk, args=(caller,)))
                threads[-1].start()

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        listening = Thread(target=listen)
        listening.start()
        try:
            yield
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            for thread in (listening, *threads):
                thread.join()
