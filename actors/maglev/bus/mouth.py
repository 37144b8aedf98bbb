# SPDX-License-Identifier: Apache-2.0
"""The speaking half of an actor on the bus: what it publishes, and whom it answers.

Two sockets, `<actor>.pub` and `<actor>.rpc`.  Publishing is never refused and never waits: who
reads too slowly misses messages, sees the hole and asks for a snapshot.  The state is the Speaker,
the topics somebody has subscribed, and the snapshots under way; look at `flush` for the order in
which a turn leaves.
"""

from __future__ import annotations

import os
import secrets
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import zmq
from msgspec.structs import replace

from maglev.actor import Asked, Caller, Event
from maglev.bus import wire
from maglev.bus.notes import Note, Notes
from maglev.bus.requests import refusal
from maglev.bus.sockets import Ports, bind_publisher, bind_router
from maglev.bus.speaker import Said, Speaker
from maglev.core.timers import Timers
from maglev.messages import (
    Answer,
    ConfigAnswer,
    Done,
    Edge,
    Heartbeat,
    Level,
    Message,
    Refused,
    Request,
    Retraction,
)

PARTS_PER_TICK: Final = 2
"""Parts of a snapshot sent before the loop gets its turn: well under a millisecond."""

SNAPSHOTS_MAX: Final = 64
"""Snapshots under way at a time; who asks beyond that asks again later."""

_SNAPSHOT: Final = wire.topic_of(wire.SnapshotWanted.__name__)
_PART: Final = wire.topic_of(wire.SnapshotPart.__name__)
_SUBSCRIBED: Final = 1


def new_epoch() -> int:
    """Return an epoch above all earlier ones of this boot: nanoseconds, the last bits chance."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) & ~0xFFFF | secrets.randbits(16)


@dataclass(frozen=True, slots=True)
class _Reply:
    caller: Caller
    answer: Answer
    visible: type[Message] | None


@dataclass(frozen=True, slots=True)
class _Snapshot:
    id: int
    parts: deque[wire.SnapshotPart]


class Mouth:
    """Publishes and answers under one name; events go to the list it is given."""

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        ports: Ports,
        run_dir: Path,
        name: str,
        answers: Iterable[type[Request]],
        timers: Timers,
        objects: int,
        events: list[Event],
        notes: Notes,
    ) -> None:
        self.name = name
        self.epoch = new_epoch()
        self._answers = frozenset(answers)
        self._events = events
        self._notes = notes
        self._ports = ports
        self._speaker = Speaker(timers.refresh_s)
        self._listened: set[bytes] = set()
        self._replies: list[_Reply] = []
        self._snapshots: dict[bytes, _Snapshot] = {}
        self._started_ns = time.time_ns()
        publisher = bind_publisher(context, run_dir / f"{name}.pub", objects)
        self._publisher = ports.add(publisher, self._on_subscription)
        router = bind_router(context, run_dir / f"{name}.rpc", objects)
        self._router = ports.add(router, self._on_request)

    def publish(self, message: Level | Retraction | Edge) -> None:
        """Say a message with the next flush."""
        self._speaker.say(message)

    def reply(self, caller: Caller, answer: Answer, visible: type[Message] | None = None) -> None:
        """Answer with the next flush, after what is published before it."""
        self._replies.append(_Reply(caller, answer, visible))

    def flush(self) -> None:
        """Send what was published, then the replies to whom waited for that."""
        now_s = time.monotonic()
        self._send(self._speaker.flush(now_s), now_s)
        if self._speaker.unsayable:
            for text in self._speaker.unsayable:
                self._notes.add(Note("unsayable", self.name, text))
            self._speaker.unsayable.clear()
        if self._replies:
            for reply in self._replies:
                self._answer(now_s, reply.caller, self._located(reply))
            self._replies.clear()

    def beat(self, lag_ms_max: float, resyncs: int) -> None:
        """Say the heartbeat, with the positions of all that left before it."""
        self.flush()
        beat = Heartbeat(
            actor=self.name,
            pid=os.getpid(),
            started_ns=self._started_ns,
            positions=dict(self._speaker.positions),
            lag_ms_max=lag_ms_max,
            resyncs=resyncs,
            dropped=self._notes.dropped(),
        )
        self._speaker.say(beat)
        self.flush()

    def tick(self, now_s: float) -> float:
        """Say again what is due, send parts of snapshots; return when to be called again."""
        self._send(self._speaker.refresh(now_s), now_s)
        for connection, snapshot in list(self._snapshots.items()):
            for _ in range(min(PARTS_PER_TICK, len(snapshot.parts))):
                if not self._send_part(now_s, connection, snapshot):
                    snapshot.parts.clear()
                    break
            if not snapshot.parts:
                del self._snapshots[connection]
        return now_s if self._snapshots else self._speaker.refresh_due_s()

    def listened(self, cls: type[Message]) -> bool:
        """Return whether anybody has subscribed to this class, or to everything."""
        return wire.TOPICS[cls] in self._listened or b"" in self._listened

    def position(self, cls: type[Message]) -> int:
        """Return the last sequence given to a message of this class; 0: none yet."""
        return self._speaker.positions.get(cls.__name__, 0)

    # --- sending ---

    def _send(self, said: list[Said], now_s: float) -> None:
        if not said:
            return
        name, epoch, send = self.name, self.epoch, self._publisher.send
        for message in said:
            header = wire.encode(wire.Header(name, epoch, message.sequence, now_s))
            send(wire.topic_of(message.name), header, message.body)
        self._ports.doubt(self._publisher)

    def _send_part(self, now_s: float, connection: bytes, snapshot: _Snapshot) -> bool:
        part = wire.encode(snapshot.parts.popleft())
        return self._send_to(now_s, connection, snapshot.id, _PART, part)

    def _located(self, reply: _Reply) -> Answer:
        answer, visible = reply.answer, reply.visible
        if visible is None or not isinstance(answer, Done | ConfigAnswer):
            return answer
        sequence = self.position(visible)
        return replace(answer, epoch=self.epoch, cls=visible.__name__, sequence=sequence)

    def _answer(self, now_s: float, caller: Caller, answer: Answer) -> None:
        try:
            body = wire.encode(answer)
        except wire.Unsayable as error:
            self._notes.add(Note("unsayable", self.name, str(error)))
            answer = Refused(code="internal", text=str(error))
            body = wire.encode(answer)
        topic = wire.topic_of(type(answer).__name__)
        self._send_to(now_s, caller.connection, caller.request_id, topic, body)

    def _send_to(
        self, now_s: float, connection: bytes, number: int, topic: bytes, body: bytes
    ) -> bool:
        header = wire.encode(wire.AnswerHeader(self.name, self.epoch, number, now_s))
        self._ports.doubt(self._router)
        if self._router.send(connection, topic, header, body):
            return True
        text = f"{wire.name_of(topic)} not sent: whoever asked is gone, or does not read"
        self._notes.add(Note("unsent", connection.hex(), text))
        return False

    # --- receiving ---

    def _on_subscription(self, now_s: float, frames: list[bytes]) -> int:
        frame = frames[0]
        if len(frames) != 1 or frame[:1] not in (b"\0", b"\1"):
            self._notes.add(Note("garbage", "a subscriber", f"{len(frames)} frames, no topic"))
            return 1
        topic = frame[1:]
        if frame[0] != _SUBSCRIBED:
            self._listened.discard(topic)
        elif topic.startswith(wire.TOKEN_MARK):
            # All that was subscribed before it on that connection is in force by now.
            header = wire.encode(wire.Header(self.name, self.epoch, 0, now_s))
            self._publisher.send(topic, header, b"")
            self._ports.doubt(self._publisher)
        elif topic in wire.KNOWN_TOPICS or not topic:
            self._listened.add(topic)
        return 1

    def _on_request(self, now_s: float, frames: list[bytes]) -> int:
        connection = frames[0]
        sender = connection.hex()
        try:
            if len(frames) != 4:
                raise wire.Undecodable(f"request: 4 frames wanted, got {len(frames)}")
            header = wire.decode_as(wire.RequestHeader, frames[2])
            sender = header.sender
            if frames[1] == _SNAPSHOT:
                wanted = wire.decode_as(wire.SnapshotWanted, frames[3])
                self._on_snapshot_wanted(connection, header, wanted)
            else:
                request = wire.decode(wire.name_of(frames[1]), frames[3])
                self._on_asked(now_s, connection, header, request)
        except wire.Undecodable as error:
            self._notes.add(Note("garbage", sender, str(error)))
        return 1

    def _on_snapshot_wanted(
        self, connection: bytes, header: wire.RequestHeader, wanted: wire.SnapshotWanted
    ) -> None:
        if connection not in self._snapshots and len(self._snapshots) >= SNAPSHOTS_MAX:
            text = f"snapshot not sent: {SNAPSHOTS_MAX} are under way"
            self._notes.add(Note("unsent", header.sender, text))
            return
        parts = deque(self._speaker.snapshot(wanted.classes))
        self._snapshots[connection] = _Snapshot(header.id, parts)

    def _on_asked(
        self, now_s: float, connection: bytes, header: wire.RequestHeader, request: Message
    ) -> None:
        caller = Caller(connection, header.id)
        refused = refusal(self.name, self.epoch, now_s, header)
        if refused is not None:
            self._answer(now_s, caller, refused)
        elif isinstance(request, Request) and type(request) in self._answers:
            self._events.append(Asked(caller, request))
        else:
            text = f"{self.name} does not answer {type(request).__name__}"
            self._answer(now_s, caller, Refused(code="invalid_argument", text=text))
