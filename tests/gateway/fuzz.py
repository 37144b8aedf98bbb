# SPDX-License-Identifier: Apache-2.0
"""Random bytes and random messages for a gateway, from a printed seed.

Bytes go to its sockets (before, in and instead of HTTP/2) and into calls; messages are of the right
kind with any content.  `Fuzz.run` counts what was sent by kind.
"""

from __future__ import annotations

import random
import socket
import time
from collections import Counter
from contextlib import suppress
from typing import Any

import grpc
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from maglev.rpc.service import METHODS
from tests.gateway.rig import Rig

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
ALLOWED = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.UNIMPLEMENTED,
    grpc.StatusCode.CANCELLED,
}
TEXTS = ("", "web1", "www", "primary", "debug", "\0", "ü" * 50, "../../etc", "%s%n", "x" * 9000)
NUMBERS = (0, 1, 7, 100, 101, -1, 2**31 - 1, -(2**31))


class Fuzz:
    """One attack on one gateway."""

    def __init__(self, rig: Rig, seed: int) -> None:
        self.sent: Counter[str] = Counter()
        self.unexpected: list[str] = []
        self._rig = rig
        self._chance = random.Random(seed)
        self._channel = rig.channel()
        self._unix = rig.channel(f"unix:{rig.run_dir / 'grpc.sock'}")

    def run(self, seconds: float) -> Counter[str]:
        """Attack for so long."""
        until_s = time.monotonic() + seconds
        attacks = (self._raw, self._bytes, self._bytes, self._message, self._message)
        while time.monotonic() < until_s:
            self._chance.choice(attacks)()
        return self.sent

    def _raw(self) -> None:
        """Bytes that are no HTTP/2, or begin like it."""
        chance = self._chance
        start = chance.choice((b"", PREFACE, PREFACE[:10], b"GET / HTTP/1.1\r\n\r\n"))
        text = start + chance.randbytes(chance.randrange(2000))
        with suppress(OSError):
            if chance.random() < 0.5:
                one = socket.create_connection(("127.0.0.1", self._rig.port), 5)
            else:
                one = socket.socket(socket.AF_UNIX)
                one.connect(str(self._rig.run_dir / "grpc.sock"))
            with one:
                one.settimeout(0.1)
                one.sendall(text)
                if chance.random() < 0.5:
                    one.shutdown(socket.SHUT_WR)
                    one.recv(4096)
        self.sent["raw"] += 1

    def _bytes(self) -> None:
        """Bytes where a message should be, to methods that are there and others."""
        chance = self._chance
        path = chance.choice([method.path for method in METHODS.values()])
        if chance.random() < 0.1:
            path = chance.choice(("/", "/x", "/maglev.Maglev/", "/maglev.Maglev/Ä", path + "x"))
        self._call(path, chance.randbytes(chance.randrange(200)), "bytes")

    def _message(self) -> None:
        """A message of the right kind."""
        method = self._chance.choice(list(METHODS.values()))
        self._call(method.path, self._any(method.request).SerializeToString(), "messages")

    def _call(self, path: str, body: bytes, kind: str) -> None:
        channel = self._chance.choice((self._channel, self._unix))
        call: Any = channel.unary_stream(path.encode("ascii", "replace").decode())
        try:
            answers = call(body, timeout=self._chance.choice((0.001, 0.05, 1.0)))
            for _ in zip(range(self._chance.randrange(5)), answers, strict=False):
                pass
            answers.cancel()
        except grpc.RpcError as error:
            if error.code() not in ALLOWED:
                self.unexpected.append(f"{path} {body!r}: {error}")
        self.sent[kind] += 1

    def _any(self, cls: type[Message]) -> Message:
        message = cls()
        for field in cls.DESCRIPTOR.fields:
            if self._chance.random() < 0.7:
                setattr(message, field.name, self._value(field))
        return message

    def _value(self, field: FieldDescriptor) -> object:
        if field.type == FieldDescriptor.TYPE_STRING:
            return self._chance.choice(TEXTS)
        if field.type == FieldDescriptor.TYPE_BOOL:
            return self._chance.random() < 0.5
        number = self._chance.choice(NUMBERS)
        return abs(number) if field.type == FieldDescriptor.TYPE_UINT32 else number
