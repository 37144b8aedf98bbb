# SPDX-License-Identifier: Apache-2.0
"""The listening half of an actor on the bus: the sockets to one speaker, and its Follower.

What the Follower wants done with the sockets is done here, and nothing is decided.  The state is
the two ports, which a Rebuild replaces; look at `_do`.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

import zmq

from maglev.actor import Answered, Event
from maglev.bus import wire
from maglev.bus.follow import Action, AskSnapshot, Follower, Rebuild, Subscribe, Unsubscribe
from maglev.bus.notes import Note, Notes
from maglev.bus.requests import OPEN_MAX, Asks
from maglev.bus.sockets import Ports, connect_dealer, connect_subscriber
from maglev.core.timers import Timers
from maglev.messages import Answer, Edge, Refused, Request

_PART: Final = wire.topic_of(wire.SnapshotPart.__name__)
_SNAPSHOT: Final = wire.topic_of(wire.SnapshotWanted.__name__)


class Ear:
    """Hears one speaker and asks it; events go to the list it is given."""

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        ports: Ports,
        run_dir: Path,
        follower: Follower,
        timers: Timers,
        asks: Asks,
        events: list[Event],
        notes: Notes,
    ) -> None:
        self.follower = follower
        self._context = context
        self._ports = ports
        self._run_dir = run_dir
        self._timers = timers
        self._asks = asks
        self._events = events
        self._notes = notes
        self._open()
        now_s = time.monotonic()
        self._do(now_s, follower.start(now_s))

    def tick(self, now_s: float) -> None:
        """Let the time pass."""
        self._do(now_s, self.follower.tick(now_s))

    def ask(self, request: Request, deadline_s: float, ask_id: int) -> None:
        """Ask the speaker; an Answered follows within deadline_s seconds."""
        follower, speaker = self.follower, self.follower.speaker
        asked = type(request).__name__
        if not follower.alive:
            self._refuse(ask_id, f"{speaker} is not there to answer {asked}")
        elif len(self._asks) >= OPEN_MAX:
            self._refuse(ask_id, f"{asked} not asked: {OPEN_MAX} questions are open")
        else:
            now_s = time.monotonic()
            until_s = now_s + deadline_s
            number = self._asks.ask(speaker, follower.epoch, asked, until_s, ask_id)
            header = wire.RequestHeader(follower.me, follower.epoch, number, until_s, now_s)
            # What is not sent ends at its deadline, like what is lost on the way.
            self._send(wire.topic_of(asked), header, wire.encode(request))

    def listen(self, edge: type[Edge], on: bool) -> None:
        """Begin or cease to hear a class of edges."""
        follower = self.follower
        self._do(time.monotonic(), follower.listen(edge) if on else follower.unlisten(edge))

    def close(self) -> None:
        """Close the sockets."""
        self._ports.drop(self._subscriber)
        self._ports.drop(self._dealer)

    def _open(self) -> None:
        path = self._run_dir / self.follower.speaker
        subscriber = connect_subscriber(self._context, path.with_name(f"{path.name}.pub"))
        self._subscriber = self._ports.add(subscriber, self._on_published)
        dealer = connect_dealer(self._context, path.with_name(f"{path.name}.rpc"))
        self._dealer = self._ports.add(dealer, self._on_answer)

    def _do(self, now_s: float, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Event():
                    self._events.append(action)
                case Note():
                    self._notes.add(action)
                case Subscribe(topic):
                    self._subscriber.subscribe(topic)
                    self._ports.doubt(self._subscriber)
                case Unsubscribe(topic):
                    self._subscriber.unsubscribe(topic)
                    self._ports.doubt(self._subscriber)
                case AskSnapshot(number, names):
                    until_s = now_s + self._timers.snapshot_s
                    header = wire.RequestHeader(self.follower.me, 0, number, until_s, now_s)
                    self._send(_SNAPSHOT, header, wire.encode(wire.SnapshotWanted(names)))
                case Rebuild():
                    self.close()
                    self._open()

    def _send(self, topic: bytes, header: wire.RequestHeader, body: bytes) -> None:
        self._ports.doubt(self._dealer)
        if not self._dealer.send(topic, wire.encode(header), body):
            text = f"{wire.name_of(topic)} not sent: the queue is full"
            self._notes.add(Note("unsent", self.follower.speaker, text))

    def _refuse(self, ask_id: int, text: str) -> None:
        self._events.append(Answered(ask_id, Refused(code="unavailable", text=text)))

    def _on_published(self, now_s: float, frames: list[bytes]) -> int:
        speaker = self.follower.speaker
        try:
            if len(frames) != 3:
                raise wire.Undecodable(f"message: 3 frames wanted, got {len(frames)}")
            topic, header_frame, body = frames
            header = wire.decode_as(wire.Header, header_frame)
            if header.sender != speaker:
                raise wire.Undecodable(f"header: sender {speaker} wanted, got {header.sender!r}")
            actions = self.follower.heard(now_s, wire.name_of(topic), header, body)
        except wire.Undecodable as error:
            self._notes.add(Note("garbage", speaker, str(error)))
        else:
            self._do(now_s, actions)
        return 1

    def _on_answer(self, now_s: float, frames: list[bytes]) -> int:
        speaker = self.follower.speaker
        try:
            if len(frames) != 3:
                raise wire.Undecodable(f"answer: 3 frames wanted, got {len(frames)}")
            topic, header_frame, body = frames
            header = wire.decode_as(wire.AnswerHeader, header_frame)
            if topic == _PART:
                part = wire.decode_as(wire.SnapshotPart, body)
                self._do(now_s, self.follower.fetched(now_s, header, part))
                return 1 + len(part.levels)
            answer = wire.decode(wire.name_of(topic), body)
            if not isinstance(answer, Answer):
                raise wire.Undecodable(f"answer: not an answer: {type(answer).__name__}")
            answered = self._asks.answered(speaker, header, answer)
            if answered is not None:
                self._events.append(answered)
        except wire.Undecodable as error:
            self._notes.add(Note("garbage", speaker, str(error)))
        return 1
