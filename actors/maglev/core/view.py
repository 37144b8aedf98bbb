# SPDX-License-Identifier: Apache-2.0
"""What was said on the bus, folded into what is: the newest level of every object.

Whoever shows the state of a daemon keeps one View and feeds it all that is heard; it answers with
the Changes, so that a level said again without news is no news.  The state is the levels by class,
speaker and key; look at `_set` for what counts as a change.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from maglev.messages import Heartbeat, Level, Message, Retraction

L = TypeVar("L", bound=Level)
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One object before and after; `before` is None for a new one, `after` for one that is gone."""

    speaker: str
    before: Level | None
    after: Level | None

    @property
    def level(self) -> Level:
        """The object as it is, or as it was last."""
        level = self.after if self.after is not None else self.before
        assert level is not None, f"{self.speaker} changed nothing"
        return level


@dataclass(frozen=True, slots=True)
class Beat:
    """The last heartbeat of an actor, and when it was heard (CLOCK_MONOTONIC)."""

    said: Heartbeat
    heard_s: float


class View:
    """All levels that are known; `silent` are the speakers whose levels are stale."""

    def __init__(self) -> None:
        self.silent: set[str] = set()
        self._speakers: dict[str, None] = {}  # an ordered set
        self._levels: dict[type[Level], dict[tuple[str, Key], Level]] = {}

    def synced(self, speaker: str, messages: Iterable[Message]) -> list[Change]:
        """Take all levels of a speaker; what they do not contain is gone."""
        self.silent.discard(speaker)
        levels = [message for message in messages if isinstance(message, Level)]
        said = {(type(level), level.key()) for level in levels}
        gone = [
            level
            for cls, table in self._levels.items()
            for (whose, key), level in table.items()
            if whose == speaker and (cls, key) not in said
        ]
        changes = [self._end(speaker, type(level), level.key()) for level in gone]
        changes += [self._set(speaker, level) for level in levels]
        return [change for change in changes if change is not None]

    def heard(self, speaker: str, message: Message) -> Change | None:
        """Take one message; None if it changes nothing, as an edge never does."""
        match message:
            case Level():
                return self._set(speaker, message)
            case Retraction():
                return self._end(speaker, message.ENDS, message.key())
            case _:
                return None

    def lost(self, speaker: str) -> None:
        """Note that a speaker is silent; what it said stands."""
        self.silent.add(speaker)

    def found(self, speaker: str) -> None:
        """Note that a silent speaker is heard again, and nothing was missed."""
        self.silent.discard(speaker)

    def knows(self, speaker: str) -> bool:
        """Return whether a speaker has ever said how anything is."""
        return speaker in self._speakers

    def all(self, cls: type[L]) -> list[L]:
        """Return the levels of a class, in the order in which they were first said."""
        levels = self._levels.get(cls, {}).values()
        return [level for level in levels if isinstance(level, cls)]

    def get(self, cls: type[L], *key: str) -> L | None:
        """Return the level with this key; None if nobody has said it."""
        table = self._levels.get(cls, {})
        found = (table.get((speaker, key)) for speaker in self._speakers)
        return next((level for level in found if isinstance(level, cls)), None)

    def _set(self, speaker: str, level: Level) -> Change | None:
        self._speakers.setdefault(speaker)
        table = self._levels.setdefault(type(level), {})
        before = table.get((speaker, level.key()))
        table[speaker, level.key()] = level
        return None if before == level else Change(speaker, before, level)

    def _end(self, speaker: str, cls: type[Level], key: Key) -> Change | None:
        before = self._levels.get(cls, {}).pop((speaker, key), None)
        return None if before is None else Change(speaker, before, None)
