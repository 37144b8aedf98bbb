# SPDX-License-Identifier: Apache-2.0
"""One speaker: what it says in a turn, what it has said, and what it says again.

Every level is kept as the bytes it was said in, until it is retracted, so a snapshot and the
refresh need no second description of the state.  Sequences are given by `flush`, when messages
really leave; `refresh` repeats the level said longest ago, so that all are said within refresh_s.
Pure: time is an argument, and what leaves is returned.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from typing import Final, NamedTuple

from maglev.bus import wire
from maglev.messages import Edge, Level, Message, Retraction

Key = tuple[str, tuple[str, ...]]

_MARGIN: Final = 0.9
"""Part of refresh_s in which all levels are repeated; the rest covers late ticks."""

_STEPS: Final = 300
"""Ticks per refresh_s at most: a batch of 10,000 levels is 37 messages, every 50 ms."""


class Said(NamedTuple):
    """A message on its way out."""

    name: str
    sequence: int
    body: bytes


class Speaker:
    """The levels of one actor and the sequences of all its classes."""

    def __init__(self, refresh_s: float) -> None:
        self.positions: dict[str, int] = {}  # class name -> last sequence given
        self.unsayable: list[str] = []  # why messages were not sent; emptied by whoever reads it
        self._pending: dict[Key | int, Message] = {}
        self._edges = 0
        self._levels: OrderedDict[Key, bytes] = OrderedDict()  # the one said longest ago is first
        self._period_s = refresh_s * _MARGIN
        self._step_s = refresh_s / _STEPS
        self._refreshed_s = 0.0

    def say(self, message: Level | Retraction | Edge) -> None:
        """Take a message into this turn; of levels of one object only the last is sent.

        A retraction does not swallow the level before it: `removed` is worth a word of its own.
        """
        key: Key | int
        match message:
            case Level() | Retraction():
                key = (type(message).__name__, message.key())
            case _:
                self._edges += 1
                key = self._edges
        # At its new place: it may speak of what was said meanwhile.
        self._pending.pop(key, None)
        self._pending[key] = message

    def flush(self, now_s: float) -> list[Said]:
        """Return what this turn says, in order, and forget the turn."""
        if not self._levels:
            self._refreshed_s = now_s
        said: list[Said] = []
        for message in self._pending.values():
            name = type(message).__name__
            try:
                body = wire.encode(message)
            except wire.Unsayable as error:
                self.unsayable.append(str(error))
                continue
            if isinstance(message, Level):
                level = (name, message.key())
                self._levels.pop(level, None)
                self._levels[level] = body
            elif isinstance(message, Retraction):
                self._levels.pop((message.ENDS.__name__, message.key()), None)
            said.append(self._said(name, body))
        self._pending.clear()
        return said

    def refresh(self, now_s: float) -> list[Said]:
        """Return the levels whose turn has come to be said again."""
        if not self._levels:
            self._refreshed_s = now_s
            return []
        spacing_s = self._period_s / len(self._levels)
        # After a pause of ours nothing is caught up on: that would be a burst.
        longest_s = 4 * max(spacing_s, self._step_s)
        self._refreshed_s = max(self._refreshed_s, now_s - longest_s)
        due = (now_s - self._refreshed_s) / spacing_s + 1e-6
        count = min(int(due), len(self._levels))
        self._refreshed_s += count * spacing_s
        said: list[Said] = []
        for _ in range(count):
            key, body = self._levels.popitem(last=False)
            self._levels[key] = body
            said.append(self._said(key[0], body))
        return said

    def refresh_due_s(self) -> float:
        """Return when `refresh` has something to say; infinity if there is no level."""
        if not self._levels:
            return float("inf")
        return self._refreshed_s + max(self._period_s / len(self._levels), self._step_s)

    def snapshot(self, names: Collection[str]) -> list[wire.SnapshotPart]:
        """Return all levels of these classes as they are on the wire now, in bounded parts."""
        wanted = frozenset(names)
        parts: list[list[tuple[str, bytes]]] = [[]]
        length = 0
        for (name, _), body in self._levels.items():
            if name not in wanted:
                continue
            if length > wire.PART_BYTES_MAX or len(parts[-1]) >= wire.PART_LEVELS_MAX:
                parts.append([])
                length = 0
            parts[-1].append((name, body))
            length += len(body)
        positions = {name: self.positions[name] for name in wanted if name in self.positions}
        return [
            wire.SnapshotPart(index, len(parts), positions, tuple(levels))
            for index, levels in enumerate(parts)
        ]

    def _said(self, name: str, body: bytes) -> Said:
        sequence = self.positions.get(name, 0) + 1
        self.positions[name] = sequence
        return Said(name, sequence, body)
