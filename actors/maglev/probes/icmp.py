# SPDX-License-Identifier: Apache-2.0
"""ICMP: echo requests over one raw socket per family, shared by all probes of the process.

A reply must come from the address that was asked and carry our id, sequence and payload; an error
must quote our request.  A filter in the kernel drops what belongs to others, so that their pings
cost us nothing.  What is in flight lives in EchoSocket; look at `EchoSocket.ready`.
"""

from __future__ import annotations

import os
import select
import socket
import struct
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from maglev.probes import filters
from maglev.probes.probe import Probe, mark_of
from maglev.probes.result import FAULTS, Result, duration_text, failed, fault, words

if TYPE_CHECKING:
    from maglev.probes.reactor import Reactor

L7OK: Final = Result(True, "L7OK", "echo reply")

_HEAD = struct.Struct("!BBHHH")  # type, code, checksum, id, sequence (RFC 792, RFC 4443)
_TOKEN_BYTES = 16
_PAYLOAD_BYTES = _TOKEN_BYTES + 8
_WORDS = struct.Struct(f"!{(_HEAD.size + _PAYLOAD_BYTES) // 2}H")
_SEQUENCES = 1 << 16
_RECEIVE_BYTES = 2048
_RECEIVE_BUFFER_BYTES = 1 << 20
_PACKETS_PER_TURN = 64
_IP_PKTINFO = 8  # linux/in.h; not in Python's socket module before 3.14
_IPV6_HEADER_BYTES = 40

_UNREACHABLE_V4 = {
    0: "network unreachable",
    1: "host unreachable",
    2: "protocol unreachable",
    9: "network administratively prohibited",
    10: "host administratively prohibited",
    13: "communication administratively prohibited",
}
_UNREACHABLE_V6 = {
    0: "no route to destination",
    1: "communication administratively prohibited",
    3: "address unreachable",
    5: "source address failed policy",
    6: "route rejected",
}


class Quoted(NamedTuple):
    """What an ICMP message says about one of our requests."""

    sequence: int
    error: str  # empty: a reply
    address: bytes  # whom we had asked, as far as the message tells
    payload: bytes  # of a reply


class EchoSocket:
    """The raw socket of one family, and the rounds that wait for something to come in on it."""

    def __init__(self, family: int, reactor: Reactor) -> None:
        """Open the socket in the network namespace of this moment; OSError if not permitted."""
        self.mark = mark_of("")
        self._v6 = family == socket.AF_INET6
        self._reactor = reactor
        self._identity = int.from_bytes(os.urandom(2), "big")
        self._token = os.urandom(_TOKEN_BYTES)
        self._count = 0
        self._flights: dict[int, IcmpProbe] = {}
        protocol = socket.IPPROTO_ICMPV6 if self._v6 else socket.IPPROTO_ICMP
        kind = socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        self._sock = socket.socket(family, kind, protocol)
        try:
            program = filters.program_v6 if self._v6 else filters.program_v4
            filters.attach(self._sock, program(self._identity))
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
            reactor.watch(self._sock.fileno(), self, select.EPOLLIN)
        except OSError:
            self._sock.close()
            raise

    def close(self) -> None:
        """Close the socket; the rounds that wait for it run out of time."""
        self._reactor.forget(self._sock.fileno())
        self._sock.close()
        self._flights.clear()

    def send(self, probe: IcmpProbe) -> Result | None:
        """Send an echo request and wait for what comes back."""
        self._count += 1
        sequence = self._count % _SEQUENCES
        while sequence in self._flights:  # ends: the reactor's cap is below _SEQUENCES
            sequence = (sequence + 1) % _SEQUENCES
        payload = self._token + self._count.to_bytes(8, "big")
        try:
            self._sock.sendmsg([self._packet(sequence, payload)], probe.pktinfo, 0, probe.peer)
        except OSError as error:
            return _not_ours(probe) or _not_sent(error)
        probe.sequence, probe.payload = sequence, payload
        self._flights[sequence] = probe
        return None

    def land(self, probe: IcmpProbe) -> None:
        """Stop waiting for a round."""
        if self._flights.get(probe.sequence) is probe:
            del self._flights[probe.sequence]

    def ready(self, events: int) -> Result | None:
        """Take what has come in, up to a bound, and finish the rounds that it answers."""
        for _ in range(_PACKETS_PER_TURN):
            try:
                packet, peer = self._sock.recvfrom(_RECEIVE_BYTES)
            except BlockingIOError:
                break
            except OSError:
                continue  # an error that was pending is cleared by being told
            quoted = (_parse_v6 if self._v6 else _parse_v4)(packet, self._identity)
            probe = self._flights.get(quoted.sequence) if quoted else None
            if quoted is None or probe is None:
                continue
            if quoted.error:
                if quoted.address == probe.address:
                    self._finish(probe, failed("L4CON", quoted.error))
            elif quoted.payload == probe.payload and _packed(peer[0]) == probe.address:
                self._finish(probe, L7OK)
        return None

    def _finish(self, probe: IcmpProbe, result: Result) -> None:
        self._reactor.handling(probe)
        self._reactor.finish(probe, result)

    def _packet(self, sequence: int, payload: bytes) -> bytes:
        if self._v6:  # the kernel fills in the checksum, which covers addresses only it knows
            return _HEAD.pack(128, 0, 0, self._identity, sequence) + payload
        plain = _HEAD.pack(8, 0, 0, self._identity, sequence) + payload
        total = sum(_WORDS.unpack(plain))
        total = (total & 0xFFFF) + (total >> 16)
        total = (total & 0xFFFF) + (total >> 16)
        return _HEAD.pack(8, 0, ~total & 0xFFFF, self._identity, sequence) + payload


class Pings:
    """The echo sockets of the process, opened when they are needed."""

    def __init__(self) -> None:
        """Begin without sockets."""
        self._sockets: dict[int, EchoSocket] = {}

    def socket(self, family: int, reactor: Reactor) -> EchoSocket:
        """Return the socket of a family; OSError if it cannot be opened."""
        found = self._sockets.get(family)
        if found is None:
            found = self._sockets[family] = EchoSocket(family, reactor)
        return found

    def renew(self) -> None:
        """Close all sockets: the next probe opens them in the network namespace of that time."""
        for opened in self._sockets.values():
            opened.close()
        self._sockets.clear()


class IcmpProbe(Probe):
    """Passes when an echo reply comes."""

    __slots__ = (
        "_family",
        "_pings",
        "_socket",
        "_timed_out",
        "address",
        "payload",
        "peer",
        "pktinfo",
        "sequence",
        "source",
    )

    def __init__(
        self,
        name: str,
        address: str,
        timeout_s: float,
        *,
        pings: Pings,
        source: str = "",
        owner: Any = None,
    ) -> None:
        """Take an IP address, the sockets to share, and optionally the address to send from."""
        super().__init__(name, timeout_s, owner)
        self._family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._pings = pings
        self._socket: EchoSocket | None = None
        self._timed_out = failed("L7TOUT", f"no echo reply within {duration_text(timeout_s)}")
        self.address = _packed(address)
        self.peer = (address, 0)
        self.source = source
        self.pktinfo = _pktinfo(source) if source else []
        self.sequence = 0
        self.payload = b""

    def start(self, reactor: Reactor) -> Result | None:
        """Send an echo request."""
        try:
            self._socket = self._pings.socket(self._family, reactor)
        except OSError as error:
            return fault("open an ICMP socket", error)
        return self._socket.send(self)

    def ready(self, events: int) -> Result | None:
        """Return None: what comes in goes to the socket that all share."""
        return None

    def timed_out(self) -> Result:
        """Return L7TOUT."""
        return self._timed_out

    def close(self, reactor: Reactor) -> None:
        """Stop waiting."""
        if self._socket is not None:
            self._socket.land(self)
            self._socket = None


def _packed(address: str) -> bytes:
    """Return an address as 4 or 16 bytes, without its zone."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.inet_pton(family, address.partition("%")[0])


def _pktinfo(source: str) -> list[tuple[int, int, bytes]]:
    """Return the ancillary data that has a packet sent from `source` (ip(7), ipv6(7))."""
    packed = _packed(source)
    if ":" in source:
        return [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, struct.pack("@16sI", packed, 0))]
    return [(socket.IPPROTO_IP, _IP_PKTINFO, struct.pack("@I4s4s", 0, packed, bytes(4)))]


def _not_sent(error: OSError) -> Result:
    if error.errno in FAULTS:
        return fault("send an echo request", error)
    return failed("L4CON", words(error))


def _not_ours(probe: IcmpProbe) -> Result | None:
    """Return a fault if the source is no address of ours; sendmsg calls that unreachable."""
    if not probe.source:
        return None
    family = socket.AF_INET6 if ":" in probe.source else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as trial:
            trial.bind((probe.source, 0))
    except OSError as error:
        return fault(f"send from {probe.source}", error)
    return None


def _parse_v4(packet: bytes, identity: int) -> Quoted | None:
    """Return what an IPv4 packet says about a request with our id."""
    at = (packet[0] & 15) * 4
    if len(packet) < at + _HEAD.size:
        return None
    kind, code, _, found, sequence = _HEAD.unpack_from(packet, at)
    if kind == filters.REPLY_V4:
        payload = packet[at + _HEAD.size :]
        return Quoted(sequence, "", b"", payload) if found == identity else None
    if kind == filters.UNREACHABLE_V4:
        error = _UNREACHABLE_V4.get(code, f"destination unreachable (code {code})")
    elif kind == filters.EXCEEDED_V4:
        error = "time to live exceeded"
    else:
        return None
    quoted = packet[at + _HEAD.size :]
    inner = (quoted[0] & 15) * 4 if quoted else 0
    if inner < 20 or len(quoted) < inner + _HEAD.size or quoted[9] != socket.IPPROTO_ICMP:
        return None
    kind, _, _, found, sequence = _HEAD.unpack_from(quoted, inner)
    return Quoted(sequence, error, quoted[16:20], b"") if (kind, found) == (8, identity) else None


def _parse_v6(message: bytes, identity: int) -> Quoted | None:
    """Return what an ICMPv6 message says about a request with our id."""
    if len(message) < _HEAD.size:
        return None
    kind, code, _, found, sequence = _HEAD.unpack_from(message)
    if kind == filters.REPLY_V6:
        payload = message[_HEAD.size :]
        return Quoted(sequence, "", b"", payload) if found == identity else None
    if kind == filters.UNREACHABLE_V6:
        error = _UNREACHABLE_V6.get(code, f"destination unreachable (code {code})")
    elif kind == filters.EXCEEDED_V6:
        error = "hop limit exceeded"
    else:
        return None
    quoted = message[_HEAD.size :]
    if len(quoted) < _IPV6_HEADER_BYTES + _HEAD.size or quoted[6] != socket.IPPROTO_ICMPV6:
        return None
    kind, _, _, found, sequence = _HEAD.unpack_from(quoted, _IPV6_HEADER_BYTES)
    return Quoted(sequence, error, quoted[24:40], b"") if (kind, found) == (128, identity) else None
