# SPDX-License-Identifier: Apache-2.0
"""A caller that hides nothing: bytes out, bytes in, whatever they are."""

import socket
from pathlib import Path

from maglev.vpp.sim.addresses import from_text, to_wire
from maglev.vpp.sim.codec import HEADER, codecs
from maglev.vpp.sim.definitions import Version

KNOWN = codecs("26.10")


class Raw:
    """One connection, welcomed."""

    def __init__(self, path: Path, name: str = "raw", version: Version = "26.10") -> None:
        self.known = codecs(version)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        try:
            self.socket.connect(str(path))
        except OSError:
            self.socket.close()
            raise
        self.context = 0
        self.socket.sendall(KNOWN["sockclnt_create"].frame(77, name.encode()))
        self.welcome = self.receive()
        self.handle = self.welcome["index"]

    def __enter__(self) -> "Raw":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, name: str, *values: object, tail: bytes = b"") -> int:
        """Send a message with the values behind its context; return the context."""
        self.context += 1
        frame = self.known[name].frame(self.handle, self.context, *values, tail=tail)
        self.socket.sendall(frame)
        return self.context

    def receive(self) -> dict[str, object]:
        """Return the fixed fields of the next message, and its name as `message`."""
        length = HEADER.unpack(self._exactly(HEADER.size))[1]
        message = self._exactly(length)
        number = int.from_bytes(message[:2], "big")
        codec = next(codec for codec in self.known.values() if codec.id == number)
        return {"message": codec.name, **codec.fields(message)}

    def call(self, name: str, *values: object, tail: bytes = b"") -> dict[str, object]:
        """Send a message and return the next one that comes."""
        self.send(name, *values, tail=tail)
        return self.receive()

    def ends(self) -> bool:
        """Return whether VPP closes the connection next."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def _exactly(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            more = self.socket.recv(length - len(data))
            assert more, f"VPP closed the connection after {len(data)} of {length} bytes"
            data += more
        return data


def vip(prefix: str = "192.0.2.1/32", protocol: int = 6, port: int = 80) -> tuple[object, ...]:
    """Return a VIP as values of a message."""
    address, _, length = prefix.partition("/")
    return *to_wire(from_text(address)), int(length), protocol, port


def add_vip(**where: object) -> tuple[object, ...]:
    """Return the values of lb_add_del_vip_v2."""
    return *vip(**where), 0, 0, 0, 0, 0, 1024, False, False


def set_weight(address: str, weight: int, flush: bool = False) -> tuple[object, ...]:
    """Return the values of lb_as_set_weight."""
    return *vip(), *to_wire(from_text(address)), weight, flush


def add_as(address: str, weight: int = 100) -> tuple[object, ...]:
    """Return the values of lb_add_del_as_v2."""
    return *vip(), *to_wire(from_text(address)), weight, False, False
