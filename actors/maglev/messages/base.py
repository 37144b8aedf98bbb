# SPDX-License-Identifier: Apache-2.0
"""The kinds of messages: levels, retractions, edges, requests and answers."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct


class Message(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Anything that crosses the bus."""


class Level(Message, frozen=True, kw_only=True):
    """How one object is now; KEY names the fields that identify the object."""

    KEY: ClassVar[tuple[str, ...]]

    def key(self) -> tuple[str, ...]:
        """Return what identifies the object among levels of this class."""
        return tuple(str(getattr(self, name)) for name in self.KEY)


class Retraction(Message, frozen=True, kw_only=True):
    """The object of a level is gone; ENDS is the level, KEY as in the level."""

    KEY: ClassVar[tuple[str, ...]]
    ENDS: ClassVar[type[Level]]

    def key(self) -> tuple[str, ...]:
        """Return what identifies the object, equal to the key of the level it ends."""
        return tuple(str(getattr(self, name)) for name in self.KEY)


class Edge(Message, frozen=True, kw_only=True):
    """Something that happened; said once, missed by whoever does not listen."""


class Request(Message, frozen=True, kw_only=True):
    """Asked of one actor; answered by an Answer before its deadline."""


class Answer(Message, frozen=True, kw_only=True):
    """The reply to a request."""
