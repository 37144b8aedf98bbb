# SPDX-License-Identifier: Apache-2.0
"""TCP: the connect that every stream probe begins with, and the probe that is nothing else.

What can be computed before is kept: address, source, the result of a time-out.  The first ACK is
held back (TCP_QUICKACK 0) to travel with the request, and a probe ends with a reset, which leaves
no TIME_WAIT on either side; both as HAProxy does.  Look at `StreamProbe.start`.
"""

from __future__ import annotations

import select
import struct
from errno import EALREADY, EINPROGRESS, EISCONN
from socket import (
    AF_INET,
    AF_INET6,
    IPPROTO_IP,
    IPPROTO_TCP,
    SO_LINGER,
    SOCK_CLOEXEC,
    SOCK_NONBLOCK,
    SOCK_STREAM,
    SOL_SOCKET,
    TCP_QUICKACK,
    SocketType,
)
from typing import TYPE_CHECKING, Any, Final

from maglev.probes.probe import Probe
from maglev.probes.result import Result, connect_failed, duration_text, failed, fault

if TYPE_CHECKING:
    from maglev.probes.reactor import Reactor

L4OK: Final = Result(True, "L4OK", "connected")

_IP_BIND_ADDRESS_NO_PORT = 24  # linux/in.h; in Python's socket module only since 3.12
_TYPE = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_EVENTS = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET


class StreamProbe(Probe):
    """A probe over a TCP connection of its own, made anew for every round."""

    __slots__ = ("_connect_timed_out", "_descriptor", "_family", "_peer", "_source", "sock")

    def __init__(
        self,
        name: str,
        address: str,
        port: int,
        timeout_s: float,
        *,
        source: str = "",
        owner: Any = None,
    ) -> None:
        """Take an IP address and port, and optionally the address to connect from."""
        super().__init__(name, timeout_s, owner)
        self._family = AF_INET6 if ":" in address else AF_INET
        self._peer = (address, port)
        self._source = source
        self._descriptor = -1
        self._connect_timed_out = failed(
            "L4TOUT", f"connect timed out after {duration_text(timeout_s)}"
        )
        self.sock: SocketType | None = None

    def start(self, reactor: Reactor) -> Result | None:
        """Begin to connect; what fails before the first packet is a fault of the checker."""
        try:
            sock = self.sock = SocketType(self._family, _TYPE, 0)
        except OSError as error:
            return fault("open a socket", error)
        sock.setsockopt(IPPROTO_TCP, TCP_QUICKACK, 0)
        sock.setsockopt(SOL_SOCKET, SO_LINGER, _RESET_ON_CLOSE)
        if self._source:
            try:
                # The port is chosen at connect, so that one source serves many destinations.
                sock.setsockopt(IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
                sock.bind((self._source, 0))
            except OSError as error:
                return fault(f"bind to {self._source}", error)
        number = sock.connect_ex(self._peer)
        if number not in (EINPROGRESS, 0):
            return connect_failed(number)
        self._descriptor = sock.fileno()
        try:
            reactor.watch(self._descriptor, self, _EVENTS)
        except OSError as error:
            return fault("watch a socket", error)
        return None

    def connected(self) -> Result | None:
        """Return L4OK, or why not; None while it is not known yet."""
        assert self.sock is not None
        number = self.sock.connect_ex(self._peer)  # a second connect tells how the first one went
        if number in (0, EISCONN):
            return L4OK
        return None if number in (EALREADY, EINPROGRESS) else connect_failed(number)

    def timed_out(self) -> Result:
        """Return L4TOUT; kinds that go beyond the connect know better."""
        return self._connect_timed_out

    def close(self, reactor: Reactor) -> None:
        """Reset the connection."""
        if self._descriptor >= 0:
            reactor.forget(self._descriptor)
            self._descriptor = -1
        if self.sock is not None:
            self.sock.close()
            self.sock = None


class TcpProbe(StreamProbe):
    """Passes when the connection is made."""

    __slots__ = ()

    def ready(self, events: int) -> Result | None:
        """Return how the connect went, if it is over."""
        return self.connected()
