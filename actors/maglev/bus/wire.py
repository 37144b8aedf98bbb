# SPDX-License-Identifier: Apache-2.0
"""What crosses a socket: three frames `[topic, header, body]`, and nothing that is not typed.

A topic is the class name and a zero byte, so that no topic is the beginning of another one; headers
and bodies are msgpack.  There is no state but the table of classes, built from `maglev.messages`;
look at `decode` for what is refused and at SnapshotPart for how a whole state travels.
"""

from __future__ import annotations

from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import Meta, Struct

from maglev import messages
from maglev.messages import Message

BODY_BYTES_MAX: Final = 4 << 20
"""Longest body that is said: a frontend of some 25,000 backends."""

PART_BYTES_MAX: Final = 64 << 10
"""A part of a snapshot is closed when its levels are longer than this."""

PART_LEVELS_MAX: Final = 256
FRAME_BYTES_MAX: Final = BODY_BYTES_MAX + 4 * PART_BYTES_MAX
"""Longest frame that is read: the longest level in a part of a snapshot, with what is around it."""

TOKEN_MARK: Final = b"~"
"""Tokens sort behind every class name: libzmq repeats subscriptions in that order after a
reconnect, and a token must come after the classes it vouches for."""

T = TypeVar("T", bound=Struct)


class Undecodable(ValueError):
    """Bytes from outside mean nothing here; the text says which, what was wanted, what came."""


class Unsayable(ValueError):
    """A message of our own cannot be sent: too long, not UTF-8, or beyond 64 bits."""


class Header(Struct, frozen=True, array_like=True, gc=False):
    """Goes before every published message."""

    sender: str
    epoch: int
    sequence: int  # of its class, from 1 on; 0: a token echoed
    sent_at_s: float  # CLOCK_MONOTONIC


class RequestHeader(Struct, frozen=True, array_like=True, gc=False):
    """Goes before a request; `epoch` is the one it is meant for (0, of a snapshot: any)."""

    sender: str
    epoch: int
    id: int
    deadline_s: float  # CLOCK_MONOTONIC
    sent_at_s: float


class AnswerHeader(Struct, frozen=True, array_like=True, gc=False):
    """Goes before an answer or a part of a snapshot; `id` is that of the request."""

    sender: str
    epoch: int
    id: int
    sent_at_s: float


class SnapshotWanted(Struct, frozen=True, array_like=True):
    """Asks for all levels of these classes."""

    classes: tuple[str, ...]


class SnapshotPart(Struct, frozen=True, array_like=True):
    """Part `index` of `count`; every part has the positions at which the snapshot was taken."""

    index: int
    count: Annotated[int, Meta(ge=1, le=1 << 16)]
    positions: dict[str, int]
    levels: tuple[tuple[str, bytes], ...]


CLASSES: Final[dict[str, type[Message]]] = {
    cls.__name__: cls
    for cls in vars(messages).values()
    if isinstance(cls, type) and issubclass(cls, Message) and cls.__module__ != Message.__module__
}
TOPICS: Final = {cls: f"{name}\0".encode() for name, cls in CLASSES.items()}
KNOWN_TOPICS: Final = frozenset(TOPICS.values())

_ENVELOPES: Final[tuple[type[Struct], ...]] = (
    Header,
    RequestHeader,
    AnswerHeader,
    SnapshotWanted,
    SnapshotPart,
)
_DECODERS: Final = {
    cls.__name__: msgspec.msgpack.Decoder(cls) for cls in (*CLASSES.values(), *_ENVELOPES)
}
# Fields of a log line may be anything: what msgpack does not know becomes its text.
_encode: Final = msgspec.msgpack.Encoder(enc_hook=str).encode


def topic_of(name: str) -> bytes:
    """Return the first frame of messages whose class has this name."""
    return name.encode() + b"\0"


def name_of(topic: bytes) -> str:
    """Return the class name in a topic; raise Undecodable for anything else."""
    if not topic.endswith(b"\0") or not topic.isascii():
        raise Undecodable(f"topic: a class name and a zero byte wanted, got {topic[:40]!r}")
    return topic[:-1].decode()


def encode(value: Struct) -> bytes:
    """Return a body or a header; raise Unsayable if it cannot be sent."""
    try:
        body = _encode(value)
    except (UnicodeEncodeError, OverflowError) as error:
        raise Unsayable(f"{type(value).__name__}: {error}") from error
    if len(body) > FRAME_BYTES_MAX or (isinstance(value, Message) and len(body) > BODY_BYTES_MAX):
        raise Unsayable(f"{type(value).__name__}: at most {BODY_BYTES_MAX} bytes, got {len(body)}")
    return body


def decode(name: str, body: bytes) -> Message:
    """Return the message of the class with this name; raise Undecodable."""
    if name not in CLASSES:
        raise Undecodable(f"topic: no message is called {name[:40]!r}")
    if len(body) > BODY_BYTES_MAX:
        raise Undecodable(f"{name}: at most {BODY_BYTES_MAX} bytes wanted, got {len(body)}")
    message = _decode(name, body)
    assert isinstance(message, Message)
    return message


def decode_as(cls: type[T], body: bytes) -> T:
    """Return the header or part of a snapshot in a frame; raise Undecodable."""
    if len(body) > FRAME_BYTES_MAX:
        raise Undecodable(f"{cls.__name__}: at most {FRAME_BYTES_MAX} bytes, got {len(body)}")
    value = _decode(cls.__name__, body)
    assert isinstance(value, cls)
    return value


def _decode(name: str, body: bytes) -> Struct:
    try:
        value: Struct = _DECODERS[name].decode(body)
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
        raise Undecodable(f"{name} in {len(body)} bytes: {error}") from error
    return value
