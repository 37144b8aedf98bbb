# SPDX-License-Identifier: Apache-2.0
"""Events for all who watch: kept once, read by each at its own pace.

Every kind has a ring of its last events, so a flood of log lines pushes no transition out; all
events of all kinds are numbered, and a reader takes those of its kinds in that order.  Whoever
falls behind a ring's end learns how many it lost.  The state is the rings: memory does not grow
with the readers, and a reader that never reads costs nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final, Literal

Kind = Literal["backend", "frontend", "debug", "info", "warn", "error"]

KINDS: Final[tuple[Kind, ...]] = ("backend", "frontend", "debug", "info", "warn", "error")
LOGS: Final[tuple[Kind, ...]] = ("debug", "info", "warn", "error")

EVENTS_MAX: Final = 32_768
"""Events kept of each kind: every one of 10,000 backends may move three times."""

BYTES_MAX: Final = 4 << 20
"""Bytes kept of each kind."""


class Ring:
    """The last events of one kind; the first that is kept is event `first`, the next is `end`."""

    def __init__(self, events_max: int = EVENTS_MAX, bytes_max: int = BYTES_MAX) -> None:
        self.first = 0
        self.end = 0
        self.waiting: set[asyncio.Event] = set()
        self._kept: dict[int, tuple[int, bytes]] = {}
        self._events_max = events_max
        self._bytes_max = bytes_max
        self._bytes = 0

    def append(self, number: int, event: bytes) -> None:
        """Keep an event, with its number among those of all kinds, and wake who waits."""
        self._kept[self.end] = (number, event)
        self.end += 1
        self._bytes += len(event)
        # The newest stays, however long it is.
        while len(self._kept) > 1 and self._is_full():
            self._bytes -= len(self._kept.pop(self.first)[1])
            self.first += 1
        for reader in self.waiting:
            reader.set()
        self.waiting.clear()

    def at(self, place: int) -> tuple[int, bytes]:
        """Return (number, event) of a place from `first` up to `end`."""
        return self._kept[place]

    def _is_full(self) -> bool:
        return len(self._kept) > self._events_max or self._bytes > self._bytes_max


class Streams:
    """All rings."""

    def __init__(self, events_max: int = EVENTS_MAX, bytes_max: int = BYTES_MAX) -> None:
        self.ended = False
        self._rings = {kind: Ring(events_max, bytes_max) for kind in KINDS}
        self._number = 0

    def publish(self, kind: Kind, event: bytes) -> None:
        """Give an event to all who read its kind."""
        self._number += 1
        self._rings[kind].append(self._number, event)

    def reader(self, kinds: Iterable[Kind]) -> Reader:
        """Return a reader of what is published from now on."""
        return Reader(self, [self._rings[kind] for kind in kinds])

    def end(self) -> None:
        """Let every reader come to its end."""
        self.ended = True
        for ring in self._rings.values():
            for reader in ring.waiting:
                reader.set()


class Reader:
    """One stream's place in each ring it reads."""

    def __init__(self, streams: Streams, rings: list[Ring]) -> None:
        self._streams = streams
        self._rings = rings
        self._places = [ring.end for ring in rings]
        self._news = asyncio.Event()

    def lost(self) -> int:
        """Return how many events were dropped before they were read, and forget them."""
        lost = 0
        for index, ring in enumerate(self._rings):
            behind = ring.first - self._places[index]
            if behind > 0:
                lost += behind
                self._places[index] = ring.first
        return lost

    def take(self) -> bytes | None:
        """Return the next event; None if there is none yet.  `lost` must be asked just before."""
        best = -1
        least = 0
        for index, ring in enumerate(self._rings):
            if self._places[index] < ring.end:
                number = ring.at(self._places[index])[0]
                if best < 0 or number < least:
                    best, least = index, number
        if best < 0:
            return None
        event = self._rings[best].at(self._places[best])[1]
        self._places[best] += 1
        return event

    async def wait(self) -> bool:
        """Wait until there is an event; False: there will be none any more."""
        self._news.clear()
        for ring in self._rings:
            ring.waiting.add(self._news)
        try:
            if not self._streams.ended and not self._has_news():
                await self._news.wait()
        finally:
            for ring in self._rings:
                ring.waiting.discard(self._news)
        return not self._streams.ended

    def _has_news(self) -> bool:
        return any(place < ring.end for place, ring in zip(self._places, self._rings, strict=True))
