# SPDX-License-Identifier: Apache-2.0
"""A speaker and a follower with simulated links between them, which a test may misuse.

The publisher's pipe keeps its order and carries only what is subscribed when a message is sent;
subscriptions, requests and snapshots travel on links of their own, each as slowly as the test
wants.  `Fold` is what a reader makes of the events; it must become what the speaker retains.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from random import Random

from maglev.actor import Found, Heard, Lost, Synced
from maglev.bus import wire
from maglev.bus.follow import Action, AskSnapshot, Follower, Rebuild, Subscribe, Unsubscribe
from maglev.bus.notes import Note
from maglev.bus.speaker import Said, Speaker
from maglev.core.timers import Timers
from maglev.messages import (
    Alarm,
    AlarmCleared,
    Edge,
    Heartbeat,
    Level,
    Message,
    ProbesSeen,
    Retraction,
)

NAME = "aggregator"
LEVELS = (Alarm, AlarmCleared)
TIMERS = Timers()


def alarm(about: str, text: str = "") -> Alarm:
    return Alarm(kind="test", about=about, text=text, since_ns=0)


def cleared(about: str) -> AlarmCleared:
    return AlarmCleared(kind="test", about=about)


class Fold:
    """The state of a speaker as its reader knows it."""

    def __init__(self) -> None:
        self.levels: dict[tuple[str, tuple[str, ...]], Message] = {}
        self.events: list[str] = []

    def take(self, event: Action) -> None:
        self.events.append(type(event).__name__)
        match event:
            case Synced(_, _, messages):
                self.levels.clear()
                for message in messages:
                    self.say(message)
            case Heard(_, message):
                self.say(message)

    def say(self, message: Message) -> None:
        if isinstance(message, Level):
            self.levels[type(message).__name__, message.key()] = message
        elif isinstance(message, Retraction):
            self.levels.pop((message.ENDS.__name__, message.key()), None)

    def told_alive(self) -> bool:
        told = [name for name in self.events if name in ("Synced", "Found", "Lost")]
        return bool(told) and told[-1] != "Lost"


class World:
    """One speaker, one follower, four links, and a clock that only the test moves."""

    def __init__(
        self, classes: Iterable[type[Message]] = LEVELS, seed: int = 0, backlog_max: int = 1000
    ) -> None:
        self.now_s = 100.0
        self.epoch = 0
        self.fold = Fold()
        self.notes: list[Note] = []
        chance = Random(seed)
        self.follower = Follower("reader", NAME, classes, TIMERS, chance, backlog_max)
        self.published: deque[tuple[str, wire.Header, bytes]] = deque()
        self.subscribing: deque[Subscribe | Unsubscribe] = deque()
        self.asking: deque[AskSnapshot] = deque()
        self.answering: deque[tuple[wire.AnswerHeader, wire.SnapshotPart]] = deque()
        self.restart()
        self.do(self.follower.start(self.now_s))

    # --- the speaker's end ---

    def restart(self) -> None:
        """A new process speaks: it knows nothing, and everybody's subscriptions come again."""
        self.epoch += 1
        self.speaker = Speaker(TIMERS.refresh_s)
        self.said = Fold()
        self.history = [dict(self.said.levels)]
        self.published.clear()
        self.answering.clear()
        topics = getattr(self, "topics", [])
        self.topics: list[bytes] = []
        self.subscribing.extendleft(Subscribe(topic) for topic in sorted(topics, reverse=True))

    def say(self, *messages: Level | Retraction | Edge) -> None:
        for message in messages:
            self.speaker.say(message)
            self.send(self.speaker.flush(self.now_s))

    def beat(self) -> None:
        self.say(
            Heartbeat(
                actor=NAME,
                pid=1,
                started_ns=0,
                positions=dict(self.speaker.positions),
                lag_ms_max=0.0,
            )
        )

    def send(self, said: list[Said]) -> None:
        for message in said:
            self.said.say(wire.decode(message.name, message.body))
            self.history.append(dict(self.said.levels))
            if wire.topic_of(message.name) in self.topics:
                header = wire.Header(NAME, self.epoch, message.sequence, self.now_s)
                self.published.append((message.name, header, message.body))

    def subscribe_one(self) -> None:
        if not self.subscribing:
            return
        match self.subscribing.popleft():
            case Subscribe(topic):
                self.topics.append(topic)
                if topic.startswith(wire.TOKEN_MARK):
                    header = wire.Header(NAME, self.epoch, 0, self.now_s)
                    self.published.append((wire.name_of(topic), header, b""))
            case Unsubscribe(topic):
                if topic in self.topics:
                    self.topics.remove(topic)

    def answer_one(self) -> None:
        if self.asking:
            asked = self.asking.popleft()
            header = wire.AnswerHeader(NAME, self.epoch, asked.id, self.now_s)
            self.answering.extend((header, part) for part in self.speaker.snapshot(asked.names))

    # --- the follower's end ---

    def hear_one(self, keep: bool = False) -> None:
        if self.published:
            name, header, body = self.published[0]
            if not keep:
                self.published.popleft()
            self.do(self.follower.heard(self.now_s, name, header, body))

    def fetch_one(self, keep: bool = False) -> None:
        if self.answering:
            header, part = self.answering[0]
            if not keep:
                self.answering.popleft()
            self.do(self.follower.fetched(self.now_s, header, part))

    def do(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Synced() | Heard() | Lost() | Found():
                    self.fold.take(action)
                case Note():
                    self.notes.append(action)
                case Subscribe() | Unsubscribe():
                    self.subscribing.append(action)
                case AskSnapshot():
                    self.asking.append(action)
                case Rebuild():
                    self.topics = []
                    for link in (self.published, self.subscribing, self.asking, self.answering):
                        link.clear()

    # --- time ---

    def deliver(self) -> None:
        """Let everything under way arrive, and what it causes."""
        while self.published or self.subscribing or self.asking or self.answering:
            self.subscribe_one()
            self.answer_one()
            self.fetch_one()
            self.hear_one()

    def wait(self, seconds: float) -> None:
        """Let time pass, the follower acting whenever it is due, and nothing arriving."""
        until_s = self.now_s + seconds
        while self.follower.due_s() <= until_s:
            self.now_s = max(self.now_s, self.follower.due_s())
            self.do(self.follower.tick(self.now_s))
        self.now_s = until_s

    def live(self, seconds: int) -> None:
        """Let time pass with heartbeats and faultless links."""
        for _ in range(seconds):
            self.beat()
            self.deliver()
            self.wait(1.0)
            self.deliver()


def seen(*backends: str) -> ProbesSeen:
    return ProbesSeen(prober="prober-0", backends=backends)


HELD = {("Alarm", ("test", "web1")): alarm("web1")}


def synced(*messages: Message) -> World:
    """Return a world whose follower has its snapshot of these levels, of one alarm by default."""
    world = World()
    for message in messages or (alarm("web1"),):
        world.say(message)  # type: ignore[arg-type]
    world.deliver()
    assert world.fold.events == ["Synced"]
    return world
