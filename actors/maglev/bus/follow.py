# SPDX-License-Identifier: Apache-2.0
"""One follower of one speaker: snapshot, then stream, without a hole between them.

Two connections give no order between them.  So the follower subscribes to the classes and then to
a token of its own; when the token comes back through the PUB pipe, the subscriptions before it are
in force, and a snapshot asked for from then on meets the stream: what it covers is dropped from
the stream, the rest is applied.  A hole found later (a sequence, or the positions in a heartbeat)
or a new epoch starts that again.  Pure: frames, time and chance are arguments; every method
returns what is to be done, in order.  Look at `_apply` for what counts as a hole.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto
from random import Random
from typing import Final

from maglev.actor import Event, Found, Heard, Lost, Synced
from maglev.bus import wire
from maglev.bus.notes import Note
from maglev.core.timers import Timers
from maglev.messages import Edge, Heartbeat, Level, Message, Retraction

HEARTBEAT: Final = Heartbeat.__name__
_TOKEN: Final = wire.TOKEN_MARK.decode()

BACKLOG_MAX: Final = 50_000
"""Messages kept while a snapshot is under way; more, and the snapshot is asked for again."""

_JITTER: Final = 0.2
"""Part of heartbeat_s over which followers that lost the same message ask again."""


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Ask the PUB side for a topic."""

    topic: bytes


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Take a topic back."""

    topic: bytes


@dataclass(frozen=True, slots=True)
class AskSnapshot:
    """Ask the speaker for all levels of these classes; the parts carry this id."""

    id: int
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rebuild:
    """Close the sockets to this speaker and make new ones, without any subscription."""


Action = Event | Subscribe | Unsubscribe | AskSnapshot | Rebuild | Note


class _Phase(Enum):
    PAUSING = auto()  # a hole was seen; the next attempt starts at until_s
    PROVING = auto()  # the token is under way, until until_s
    FETCHING = auto()  # the snapshot is under way, until until_s
    FOLLOWING = auto()


class Follower:
    """What one actor knows of what one speaker has said."""

    def __init__(
        self,
        me: str,
        speaker: str,
        classes: Iterable[type[Message]],
        timers: Timers,
        chance: Random,
        backlog_max: int = BACKLOG_MAX,
    ) -> None:
        by_name = {cls.__name__: cls for cls in classes}
        self.me = me
        self.speaker = speaker
        self.names = tuple(sorted(by_name))
        self.epoch = 0  # the youngest heard of; 0: none yet
        self.positions: dict[str, int] = {}  # class name -> last sequence seen in that epoch
        self.alive = False  # told Synced or Found, and not Lost since
        self.resyncs = 0
        self._gapless = {
            name for name, cls in by_name.items() if issubclass(cls, (Level, Retraction))
        }
        self._topics = {*by_name, HEARTBEAT}
        self._former: set[str] = set()  # classes not listened for any more
        self._timers = timers
        self._chance = chance
        self._backlog_max = backlog_max
        self._backlog: list[tuple[str, int, bytes]] = []
        self._parts: dict[int, list[Message]] = {}
        self._phase = _Phase.PROVING if self._gapless else _Phase.FOLLOWING
        self._until_s = 0.0
        self._token = b""
        self._ask_id = 0
        self._lost = False
        self._frame_s = 0.0  # when anything was heard last
        self._beat_s = 0.0  # when a heartbeat was heard last, or the sockets were made
        self._hole_s: float | None = None  # since when a hole is known

    def start(self, now_s: float) -> list[Action]:
        """Return the subscriptions to begin with, on fresh sockets."""
        self._frame_s = self._beat_s = now_s
        out: list[Action] = []
        self._connect(now_s, out)
        return out

    def heard(self, now_s: float, name: str, header: wire.Header, body: bytes) -> list[Action]:
        """Take a published frame, or a token that came back, in the order of the PUB pipe."""
        out: list[Action] = []
        if name not in self._topics and not name.startswith(_TOKEN):
            if name in self._former:
                return out
            return [Note("garbage", self.speaker, f"nobody asked for topic {name[:40]!r}")]
        if not self._is_current(now_s, header.epoch, out):
            return out
        self._frame_s = now_s
        if name == HEARTBEAT:
            self._beat_s = now_s
        if self._phase is _Phase.FOLLOWING:
            if self._apply(now_s, name, header.sequence, body, out) and self._lost:
                self._lost, self.alive = False, True
                out.insert(0, Found(self.speaker))
        elif self._phase is _Phase.FETCHING:
            if len(self._backlog) < self._backlog_max:
                self._backlog.append((name, header.sequence, body))
            else:
                self._pause(now_s, "more was said than can be kept during a snapshot", out)
        elif self._phase is _Phase.PROVING and wire.topic_of(name) == self._token:
            self._fetch(now_s, out)
        return out

    def fetched(
        self, now_s: float, header: wire.AnswerHeader, part: wire.SnapshotPart
    ) -> list[Action]:
        """Take a part of a snapshot; with the last one everything said so far is known."""
        out: list[Action] = []
        if not self._is_current(now_s, header.epoch, out):
            return out
        if self._phase is not _Phase.FETCHING or header.id != self._ask_id:
            return out
        self._frame_s = now_s
        levels: list[Message] = []
        for name, body in part.levels:
            self._decode(name, body, levels, out)
        self._parts[part.index] = levels
        if len(self._parts) == part.count:
            self._follow(now_s, part.positions, out)
        return out

    def tick(self, now_s: float) -> list[Action]:
        """Return what the passing of time asks for; to be called when `due_s` has come."""
        out: list[Action] = []
        if now_s >= self._beat_s + self._timers.rebuild_s:
            self._rebuild(now_s, out)
        elif self._phase is not _Phase.FOLLOWING and now_s >= self._until_s:
            self._prove(now_s, out)
        if self.alive and now_s >= self._stale_s():
            self.alive, self._lost = False, True
            out.append(Lost(self.speaker))
        return out

    def due_s(self) -> float:
        """Return when `tick` is to be called at the latest."""
        due_s = self._beat_s + self._timers.rebuild_s
        if self._phase is not _Phase.FOLLOWING:
            due_s = min(due_s, self._until_s)
        return min(due_s, self._stale_s()) if self.alive else due_s

    def excuse(self, now_s: float) -> None:
        """Start all waiting anew: we were stopped ourselves, the silence is not the speaker's."""
        self._frame_s = self._beat_s = now_s
        if self._hole_s is not None:
            self._hole_s = now_s
        if self._phase in (_Phase.PROVING, _Phase.FETCHING):
            self._until_s = now_s + self._timers.snapshot_s

    def listen(self, edge: type[Edge]) -> list[Action]:
        """Hear one more class, of edges alone: for those that are said only to listeners."""
        name = edge.__name__
        self.names = tuple(sorted({*self.names, name}))
        self._topics.add(name)
        return [Subscribe(wire.topic_of(name))]

    def unlisten(self, edge: type[Edge]) -> list[Action]:
        """Hear a class no more that `listen` has added; what is under way is dropped."""
        name = edge.__name__
        self.names = tuple(one for one in self.names if one != name)
        self._topics.discard(name)
        self._former.add(name)
        return [Unsubscribe(wire.topic_of(name))]

    # --- the way to a snapshot ---

    def _connect(self, now_s: float, out: list[Action]) -> None:
        out.extend(Subscribe(wire.topic_of(name)) for name in sorted(self._topics))
        self._token = b""
        if self._gapless:
            self._prove(now_s, out)

    def _prove(self, now_s: float, out: list[Action]) -> None:
        if self._token:
            out.append(Unsubscribe(self._token))
        secret = self._chance.getrandbits(64)
        self._token = wire.topic_of(f"{_TOKEN}{self.me}.{secret:016x}")
        self._phase = _Phase.PROVING
        self._until_s = now_s + self._timers.snapshot_s
        out.append(Subscribe(self._token))

    def _fetch(self, now_s: float, out: list[Action]) -> None:
        self._phase = _Phase.FETCHING
        self._until_s = now_s + self._timers.snapshot_s
        self._ask_id += 1
        self._backlog = []
        self._parts = {}
        out += [Unsubscribe(self._token), AskSnapshot(self._ask_id, self.names)]
        self._token = b""

    def _follow(self, now_s: float, positions: dict[str, int], out: list[Action]) -> None:
        levels = tuple(level for index in sorted(self._parts) for level in self._parts[index])
        backlog = self._backlog
        self._phase = _Phase.FOLLOWING
        self._parts, self._backlog = {}, []
        self.positions = dict(positions)
        self.alive, self._lost, self._hole_s = True, False, None
        out.append(Synced(self.speaker, self.epoch, levels, dict(positions)))
        for name, sequence, body in backlog:
            if not self._apply(now_s, name, sequence, body, out):
                return

    def _pause(self, now_s: float, why: str, out: list[Action]) -> None:
        """Begin again a little later, not at the same time as everybody who lost the same."""
        self.resyncs += 1
        out.append(Note("resync", self.speaker, why))
        self._phase = _Phase.PAUSING
        self._until_s = now_s + self._chance.random() * _JITTER * self._timers.heartbeat_s
        self._backlog, self._parts = [], {}
        self._hole_s = now_s if self._hole_s is None else self._hole_s

    def _rebuild(self, now_s: float, out: list[Action]) -> None:
        if self._phase is _Phase.FOLLOWING and self._gapless and self.alive:
            self.resyncs += 1
            self._hole_s = now_s
        self._beat_s = now_s
        out += [Note("rebuild", self.speaker, "no heartbeat"), Rebuild()]
        self._connect(now_s, out)

    # --- what a frame means ---

    def _is_current(self, now_s: float, epoch: int, out: list[Action]) -> bool:
        """Return whether a frame is of the youngest epoch; turn to a younger one."""
        if epoch <= self.epoch:
            return epoch == self.epoch
        is_first = self.epoch == 0
        self.epoch = epoch
        self.positions = {}
        if not self._gapless:
            self.alive, self._lost = True, False
            out.append(Synced(self.speaker, epoch, ()))
        elif self._phase is _Phase.FOLLOWING:
            self._pause(now_s, f"new epoch {epoch}", out)
        elif not is_first and self._phase is not _Phase.PAUSING:
            # The token or the snapshot under way was for the process that is gone.
            self._prove(now_s, out)
        return True

    def _apply(
        self, now_s: float, name: str, sequence: int, body: bytes, out: list[Action]
    ) -> bool:
        """Deliver the next message, drop one seen before; return False if one is missing."""
        last = self.positions.get(name, 0)
        if sequence <= last:
            return True
        if sequence != last + 1 and name in self._gapless:
            self._pause(now_s, f"{name} {last + 1} wanted, got {sequence}", out)
            return False
        self.positions[name] = sequence
        messages: list[Message] = []
        self._decode(name, body, messages, out)
        for message in messages:
            if name in self.names:
                out.append(Heard(self.speaker, message, sequence))
            if isinstance(message, Heartbeat):
                return self._is_complete(now_s, message, out)
        return True

    def _is_complete(self, now_s: float, beat: Heartbeat, out: list[Action]) -> bool:
        for name in sorted(self._gapless):
            seen, said = self.positions.get(name, 0), beat.positions.get(name, 0)
            if said > seen:
                self._pause(now_s, f"{name} {said} was said, {seen} was heard", out)
                return False
        return True

    def _decode(self, name: str, body: bytes, into: list[Message], out: list[Action]) -> None:
        try:
            into.append(wire.decode(name, body))
        except wire.Undecodable as error:
            # It counts as heard: the same bytes would come again with every snapshot.
            out.append(Note("garbage", self.speaker, str(error)))

    def _stale_s(self) -> float:
        stale_s = self._frame_s + self._timers.silent_s
        if self._hole_s is None:
            return stale_s
        return min(stale_s, self._hole_s + self._timers.rebuild_s)
