# SPDX-License-Identifier: Apache-2.0
"""ZeroMQ sockets that never wait, and one file descriptor that tells when to look at them.

libzmq signals on the *edge*: a message that came in while we sent raises no second signal.  So a
port that was sent on, or not read until empty, stays on a list of doubtful ones, and whoever waits
asks `Ports.has_more` first.  The state is that list and an epoll set, whose own descriptor stays
the same while sockets come and go; look at `Ports.pump`.
"""

from __future__ import annotations

import os
import select
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

import zmq

from maglev.bus import wire

OBJECTS: Final = 10_000
"""Objects that the high-water marks are laid out for, unless the caller knows better."""

_PATH_BYTES_MAX: Final = 107  # sun_path of unix(7), less its zero byte
_NOWAIT: Final = int(zmq.DONTWAIT)
_NOWAIT_MORE: Final = int(zmq.DONTWAIT | zmq.SNDMORE)


class BusError(Exception):
    """The sockets of an actor cannot be made; the text says which and why."""


Handle = Callable[[float, list[bytes]], int]
"""Takes the time and the frames of a message; returns how many messages that was worth."""


class Port:
    """One socket; sends and receives whole messages, and never waits."""

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        self._socket = socket
        self._socket.setsockopt(zmq.LINGER, 0)
        self.fd = int(socket.getsockopt(zmq.FD))

    def receive(self) -> list[bytes] | None:
        """Return the frames of the next message; None when there is none."""
        try:
            frame = self._socket.recv(_NOWAIT, copy=False)
        except zmq.Again:
            return None
        frames = [frame.bytes]
        while frame.more:
            frame = self._socket.recv(_NOWAIT, copy=False)
            frames.append(frame.bytes)
        return frames

    def send(self, *frames: bytes) -> bool:
        """Return whether the message left: the peer may be gone, or its queue full."""
        send = self._socket.send
        try:
            for frame in frames[:-1]:
                send(frame, _NOWAIT_MORE)
            send(frames[-1], _NOWAIT)
        except zmq.ZMQError as error:
            if error.errno in (zmq.EAGAIN, zmq.EHOSTUNREACH):
                return False
            raise
        return True

    def subscribe(self, topic: bytes) -> None:
        """Ask for a topic (SUB)."""
        self._socket.setsockopt(zmq.SUBSCRIBE, topic)

    def unsubscribe(self, topic: bytes) -> None:
        """Take a topic back (SUB)."""
        self._socket.setsockopt(zmq.UNSUBSCRIBE, topic)

    def has_more(self) -> bool:
        """Return whether a message waits; asking also takes in what the signal was for."""
        return bool(int(self._socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN)

    def wait(self, timeout_s: float) -> bool:
        """Wait for a message, timeout_s seconds at most: for processes without a loop."""
        return timeout_s > 0 and bool(self._socket.poll(max(1, int(timeout_s * 1000))))

    def close(self) -> None:
        """Close at once; what is not sent yet is dropped."""
        self._socket.close()


class Ports:
    """All ports of a process behind one descriptor."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._by_fd: dict[int, Port] = {}
        self._handles: dict[Port, Handle] = {}
        self._doubtful: dict[Port, None] = {}

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when a port does (level-triggered)."""
        return self._epoll.fileno()

    def add(self, port: Port, handle: Handle) -> Port:
        """Take a port in, with what is to be done with its messages; return it."""
        self._by_fd[port.fd] = port
        self._handles[port] = handle
        self._epoll.register(port.fd, select.EPOLLIN)
        self._doubtful[port] = None
        return port

    def drop(self, port: Port) -> None:
        """Close a port and forget it."""
        self._epoll.unregister(port.fd)
        del self._by_fd[port.fd], self._handles[port]
        self._doubtful.pop(port, None)
        port.close()

    def pump(self, now_s: float, limit: int) -> None:
        """Handle what has come in, up to about `limit` messages, shared among the ports."""
        ready = dict.fromkeys(self._by_fd[fd] for fd, _ in self._epoll.poll(0))
        ready.update(self._doubtful)
        self._doubtful.clear()
        for port in ready:
            left = max(1, limit // len(ready))
            handle = self._handles[port]
            while left > 0:
                frames = port.receive()
                if frames is None:
                    break
                left -= handle(now_s, frames)
            else:
                self._doubtful[port] = None

    def doubt(self, port: Port) -> None:
        """Say that a port was sent on: that may have used up the signal of a message."""
        self._doubtful[port] = None

    def has_more(self) -> bool:
        """Return whether a message waits that no signal will tell of."""
        for port in list(self._doubtful):
            if port.has_more():
                return True
            del self._doubtful[port]
        return False

    def close(self) -> None:
        """Close everything."""
        for port in list(self._by_fd.values()):
            self.drop(port)
        self._epoll.close()


def bind_publisher(context: zmq.Context[zmq.Socket[bytes]], path: Path, objects: int) -> Port:
    """Return an XPUB at the path that drops what a slow reader does not take.

    The mark is set here once: raised later, while a reader's queue is full, it would leave that
    reader deaf for ever, as the queue waits for a credit that is never given.
    """
    socket = context.socket(zmq.XPUB)
    socket.setsockopt(zmq.SNDHWM, _high_water(objects))
    return _bind(socket, path)


def bind_router(context: zmq.Context[zmq.Socket[bytes]], path: Path, objects: int) -> Port:
    """Return a ROUTER at the path that tells when whom it answers is gone."""
    socket = context.socket(zmq.ROUTER)
    socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
    socket.setsockopt(zmq.SNDHWM, _high_water(objects))
    return _bind(socket, path)


def connect_subscriber(context: zmq.Context[zmq.Socket[bytes]], path: Path) -> Port:
    """Return a SUB; the mark is low, what waits waits at the speaker's end."""
    return _connect(context.socket(zmq.SUB), path)


def connect_dealer(context: zmq.Context[zmq.Socket[bytes]], path: Path) -> Port:
    """Return a DEALER."""
    return _connect(context.socket(zmq.DEALER), path)


def _high_water(objects: int) -> int:
    return max(1000, 4 * objects)


def _bind(socket: zmq.Socket[bytes], path: Path) -> Port:
    # Who sends too much is cut off and connects again.  Only where we bind: a connecting socket
    # that has refused a frame stays deaf.
    socket.setsockopt(zmq.MAXMSGSIZE, wire.FRAME_BYTES_MAX)
    try:
        address = _address(path)
        if path.exists() and not stat.S_ISSOCK(path.stat().st_mode):
            raise BusError(f"{path}: a socket wanted, but something else is there")
        # The file of a process that was killed is taken over by bind.
        socket.bind(address)
        os.chmod(path, 0o660)
    except (zmq.ZMQError, OSError) as error:
        socket.close(linger=0)
        raise BusError(f"{path}: cannot bind: {error}") from error
    except BusError:
        socket.close(linger=0)
        raise
    return Port(socket)


def _connect(socket: zmq.Socket[bytes], path: Path) -> Port:
    try:
        socket.connect(_address(path))
    except BusError:
        socket.close(linger=0)
        raise
    return Port(socket)


def _address(path: Path) -> str:
    length = len(os.fsencode(path))
    if length > _PATH_BYTES_MAX:
        raise BusError(f"{path}: at most {_PATH_BYTES_MAX} bytes wanted for a socket, got {length}")
    return f"ipc://{path}"
