# SPDX-License-Identifier: Apache-2.0
"""Actors on a simulated bus: the real speaker and follower over links that lose, delay, repeat.

A World is a clock, a queue of things to happen and one random source, all from one seed.  A Process
is one life of an actor: it drives the actor as the runtime does.  Links keep their order, as ZeroMQ
does per connection; what is lost is lost one frame at a time, as by a full queue.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random

from maglev.actor import (
    Actor,
    Asked,
    Caller,
    Effect,
    Event,
    Instant,
    Log,
    Publish,
    Reply,
    WakeAt,
    Woke,
)
from maglev.bus import wire
from maglev.bus.follow import Action, AskSnapshot, Follower, Rebuild, Subscribe, Unsubscribe
from maglev.bus.notes import Note
from maglev.bus.speaker import Said, Speaker
from maglev.core.timers import Timers
from maglev.messages import Answer, Heartbeat, Message, Request

INFINITY = float("inf")


@dataclass
class Faults:
    """How bad the bus is: shares of frames, and the longest time on the way in seconds."""

    lost: float = 0.0
    repeated: float = 0.0
    delay_s_max: float = 0.002


@dataclass(order=True)
class _Due:
    at_s: float
    number: int
    happen: Callable[[], None] = field(compare=False)


class World:
    """Time, chance, and every process that lives."""

    def __init__(self, seed: int, timers: Timers | None = None) -> None:
        self.random = Random(seed)
        self.timers = timers or Timers()
        self.now_s = 1000.0
        self.faults = Faults()
        self.processes: dict[str, Process] = {}
        self.lines: list[tuple[float, str, str]] = []
        self._queue: list[_Due] = []
        self._number = 0
        self._link_s: dict[tuple[str, str, str], float] = {}

    @property
    def now(self) -> Instant:
        return Instant(self.now_s, int(self.now_s * 1e9))

    def at(self, at_s: float, happen: Callable[[], None]) -> None:
        """Let something happen at a time; things of one time happen in the order of asking."""
        self._number += 1
        heapq.heappush(self._queue, _Due(max(at_s, self.now_s), self._number, happen))

    def after(self, wait_s: float, happen: Callable[[], None]) -> None:
        self.at(self.now_s + wait_s, happen)

    def run_until(self, until_s: float) -> None:
        """Let everything happen up to a time."""
        while self._queue and self._queue[0].at_s <= until_s:
            due = heapq.heappop(self._queue)
            self.now_s = due.at_s
            due.happen()
        self.now_s = until_s

    def run(self, seconds: float) -> None:
        self.run_until(self.now_s + seconds)

    def carry(self, link: tuple[str, str, str], deliver: Callable[[], None], lossy: bool) -> None:
        """Bring a frame over a link, in order, or lose or repeat it."""
        faults, random = self.faults, self.random
        if lossy and random.random() < faults.lost:
            return
        times = 2 if lossy and random.random() < faults.repeated else 1
        for _ in range(times):
            on_the_way_s = random.random() * faults.delay_s_max
            at_s = max(self._link_s.get(link, 0.0), self.now_s + on_the_way_s)
            self._link_s[link] = at_s
            self.at(at_s, deliver)

    def kill(self, name: str) -> None:
        """End a process at once, whatever it was doing."""
        process = self.processes.pop(name, None)
        if process is not None:
            process.dead = True


class Process:
    """One life of one actor on the bus."""

    def __init__(
        self,
        world: World,
        actor: Actor,
        follows: Mapping[str, tuple[type[Message], ...]],
        perform: Callable[[Process, Effect], None],
    ) -> None:
        assert actor.name not in world.processes, actor.name
        self.world = world
        self.name = actor.name
        self.actor = actor
        self.dead = False
        self.stopped = False  # as by SIGSTOP
        self.epoch = int(world.now_s * 1e9) << 16 | world.random.getrandbits(16)
        self.speaker = Speaker(world.timers.refresh_s)
        self.followers = {
            speaker: Follower(self.name, speaker, classes, world.timers, world.random)
            for speaker, classes in follows.items()
        }
        self.topics: dict[str, set[bytes]] = {speaker: set() for speaker in follows}
        self.readers: dict[str, set[bytes]] = {}  # who subscribed to what of ours
        self._perform = perform
        self._replies: list[tuple[Caller, Answer]] = []
        self._inbox: list[Callable[[], None]] = []  # what came while stopped
        self._wake_s = INFINITY
        self._beat_s = world.now_s
        self._tick_s = INFINITY
        world.processes[self.name] = self
        self._reconnect_readers()
        self._do_all(actor.start(world.now))
        for follower in self.followers.values():
            self._act(follower, follower.start(world.now_s))
        self._turn()

    # --- time -------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Be stopped, as by SIGSTOP: what comes waits."""
        self.stopped = True

    def go_on(self) -> None:
        """Go on after a stop; the silence meanwhile was ours."""
        self.stopped = False
        for follower in self.followers.values():
            follower.excuse(self.world.now_s)
        inbox, self._inbox = self._inbox, []
        for happen in inbox:
            happen()
        self._turn()

    def feed(self, event: Event) -> None:
        """Something of the shell happened to the actor."""
        self._when_running(lambda: self._event(event))

    def _when_running(self, happen: Callable[[], None]) -> None:
        if self.dead:
            return
        if self.stopped:
            self._inbox.append(happen)
        else:
            happen()

    def _event(self, event: Event) -> None:
        self._do_all(self.actor.handle(event, self.world.now))
        self._turn()

    def _turn(self) -> None:
        """End a turn as the runtime does: wake, heartbeat, flush, refresh; book the next one."""
        if self.dead:
            return
        now_s = self.world.now_s
        if now_s >= self._wake_s:
            self._wake_s = INFINITY
            self._do_all(self.actor.handle(Woke(), self.world.now))
        self._send(self.speaker.flush(now_s))
        if now_s >= self._beat_s:
            self._beat_s = now_s + self.world.timers.heartbeat_s
            self.speaker.say(self._heartbeat())
            self._send(self.speaker.flush(now_s))
        for caller, answer in self._replies:
            self._answer(caller, answer)
        self._replies.clear()
        self._send(self.speaker.refresh(now_s))
        due_s = min(self._wake_s, self._beat_s, self.speaker.refresh_due_s())
        for follower in self.followers.values():
            due_s = min(due_s, follower.due_s())
        if due_s < self._tick_s or self._tick_s <= now_s:
            self._tick_s = max(due_s, now_s + 1e-6)
            self.world.at(self._tick_s, lambda: self._when_running(self._tick))

    def _tick(self) -> None:
        now_s = self.world.now_s
        if now_s < self._tick_s:
            return
        for follower in self.followers.values():
            if now_s >= follower.due_s():
                self._act(follower, follower.tick(now_s))
        self._turn()

    def _heartbeat(self) -> Heartbeat:
        return Heartbeat(
            actor=self.name,
            pid=1,
            started_ns=0,
            positions=dict(self.speaker.positions),
            lag_ms_max=0.0,
        )

    # --- effects ----------------------------------------------------------------------------------

    def _do_all(self, effects: object) -> None:
        for effect in effects:  # type: ignore[attr-defined]
            match effect:
                case Publish(message):
                    self.speaker.say(message)
                case Reply(caller, answer):
                    self._replies.append((caller, answer))
                case WakeAt(mono_s):
                    self._wake_s = mono_s
                case Log(_, msg, fields):
                    self.world.lines.append((self.world.now_s, self.name, f"{msg} {fields}"))
                case _:
                    self._perform(self, effect)

    def _answer(self, caller: Caller, answer: Answer) -> None:
        pass  # who asked in the simulator looks at what came of it instead

    def asked(self, request: Request, number: int) -> None:
        """Somebody asks this actor."""
        self.feed(Asked(Caller(b"world", number), request))

    # --- speaking ---------------------------------------------------------------------------------

    def _send(self, said: list[Said]) -> None:
        for message in said:
            header = wire.Header(self.name, self.epoch, message.sequence, self.world.now_s)
            topic = wire.topic_of(message.name)
            for reader, topics in self.readers.items():
                if topic in topics:
                    self._publish(reader, message.name, header, message.body)

    def _publish(self, reader: str, name: str, header: wire.Header, body: bytes) -> None:
        process = self.world.processes.get(reader)
        if process is not None:
            link = (self.name, reader, "pub")
            self.world.carry(link, lambda: process._heard(self, name, header, body), lossy=True)

    def _subscribed(self, reader: Process, topic: bytes, on: bool) -> None:
        """A subscription arrived; a token is echoed behind what was said before."""
        if self.dead or reader.dead:
            return
        topics = self.readers.setdefault(reader.name, set())
        if not on:
            topics.discard(topic)
        elif topic.startswith(wire.TOKEN_MARK):
            header = wire.Header(self.name, self.epoch, 0, self.world.now_s)
            self._publish(reader.name, wire.name_of(topic), header, b"")
        else:
            topics.add(topic)

    def _asked_snapshot(self, reader: Process, number: int, names: tuple[str, ...]) -> None:
        for part in self.speaker.snapshot(names):
            header = wire.AnswerHeader(self.name, self.epoch, number, self.world.now_s)
            link = (self.name, reader.name, "rpc")
            deliver = _bound(reader._fetched, self, header, part)
            self.world.carry(link, deliver, lossy=True)

    def _reconnect_readers(self) -> None:
        """Whoever follows this name repeats its subscriptions, in order, as libzmq does."""
        for reader in list(self.world.processes.values()):
            if self.name in reader.topics:
                for topic in sorted(reader.topics[self.name]):
                    reader._subscribe(self.name, topic, on=True)

    # --- hearing ----------------------------------------------------------------------------------

    def _heard(self, speaker: Process, name: str, header: wire.Header, body: bytes) -> None:
        def happen() -> None:
            follower = self.followers[speaker.name]
            self._act(follower, follower.heard(self.world.now_s, name, header, body))
            self._turn()

        self._when_running(happen)

    def _fetched(
        self, speaker: Process, header: wire.AnswerHeader, part: wire.SnapshotPart
    ) -> None:
        def happen() -> None:
            follower = self.followers[speaker.name]
            self._act(follower, follower.fetched(self.world.now_s, header, part))
            self._turn()

        self._when_running(happen)

    def _subscribe(self, speaker_name: str, topic: bytes, on: bool) -> None:
        speaker = self.world.processes.get(speaker_name)
        if speaker is not None:
            link = (self.name, speaker_name, "sub")
            deliver = _bound(speaker._subscribed, self, topic, on)
            self.world.carry(link, deliver, lossy=False)

    def _act(self, follower: Follower, actions: list[Action]) -> None:
        speaker_name = follower.speaker
        for action in actions:
            match action:
                case Event():
                    self._do_all(self.actor.handle(action, self.world.now))
                case Note(kind, peer, text):
                    self.world.lines.append((self.world.now_s, self.name, f"{kind} {peer} {text}"))
                case Subscribe(topic):
                    self.topics[speaker_name].add(topic)
                    self._subscribe(speaker_name, topic, on=True)
                case Unsubscribe(topic):
                    self.topics[speaker_name].discard(topic)
                    self._subscribe(speaker_name, topic, on=False)
                case AskSnapshot(number, names):
                    speaker = self.world.processes.get(speaker_name)
                    if speaker is not None:
                        ask = _bound(speaker._asked_snapshot, self, number, names)
                        running = _bound(speaker._when_running, ask)
                        self.world.carry((self.name, speaker_name, "rpc"), running, lossy=True)
                case Rebuild():
                    self.topics[speaker_name].clear()
                    speaker = self.world.processes.get(speaker_name)
                    if speaker is not None:
                        speaker.readers.pop(self.name, None)


def _bound(function: Callable[..., None], *arguments: object) -> Callable[[], None]:
    return lambda: function(*arguments)
