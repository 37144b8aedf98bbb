# SPDX-License-Identifier: Apache-2.0
"""One process on the bus: what it says, whom it hears, and one descriptor to wait on.

    node = Node(run_dir, "aggregator", says=Aggregator.says, answers=Aggregator.answers,
                follows={"prober-0": (Verdict, VerdictWithdrawn)}, timers=Timers())
    while True:
        for event in node.receive(now_s):       # Synced, Heard, Lost, Found, Asked, Answered
            node.publish(...)                    # or reply, ask
        node.flush()                             # publications first, then the replies
        due_s = node.tick(now_s)                 # refresh, snapshots; due_s <= now_s: more waits
        wait until node.fileno() is readable or due_s has come

Nothing here waits or runs on its own.  `Node(..., binds=False)` only listens: for tools, with any
classes, LogLine and ProbeFinished among them.  One process per name: `bind` takes a path from
another process without an error, so take the lock of the name first; and drop privileges first,
because the I/O thread of ZeroMQ keeps those it was born with.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from random import Random
from typing import Final

import zmq

from maglev.actor import Caller, Event
from maglev.bus.ear import Ear
from maglev.bus.follow import Follower
from maglev.bus.mouth import Mouth
from maglev.bus.notes import Note, Notes
from maglev.bus.requests import Asks
from maglev.bus.sockets import OBJECTS, Ports
from maglev.core.timers import Timers
from maglev.messages import (
    Answer,
    Edge,
    Heartbeat,
    Level,
    LogLine,
    Message,
    Request,
    Retraction,
)

LIMIT: Final = 256
"""Messages handled before the rest of the process gets its turn."""


def speakers(run_dir: Path) -> list[str]:
    """Return the names of all actors that have bound a socket here, dead ones among them."""
    return sorted(path.stem for path in run_dir.glob("*.pub"))


class Node:
    """Says what it says and follows whom it follows."""

    def __init__(
        self,
        run_dir: Path,
        name: str,
        says: Iterable[type[Message]],
        follows: Mapping[str, tuple[type[Message], ...]],
        timers: Timers,
        *,
        answers: Iterable[type[Request]] = (),
        objects: int = OBJECTS,
        binds: bool = True,
    ) -> None:
        """Bind and connect; `objects`: the most levels there may be, for the high-water marks.

        Raises BusError if a socket cannot be made.
        """
        self.name = name
        self._run_dir = run_dir
        self._timers = timers
        self._says = frozenset((*says, Heartbeat, LogLine))
        self._events: list[Event] = []
        self._notes = Notes()
        self._asks = Asks()
        self._chance = Random()
        self._due_s = float("inf")
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._ports = Ports()
        self._ears: dict[str, Ear] = {}
        self._mouth: Mouth | None = None
        try:
            if binds:
                self._mouth = Mouth(
                    self._context,
                    self._ports,
                    run_dir,
                    name,
                    answers,
                    timers,
                    objects,
                    self._events,
                    self._notes,
                )
            for speaker, classes in follows.items():
                self.follow(speaker, classes)
        except BaseException:
            self.close()
            raise

    @property
    def epoch(self) -> int:
        """The epoch of what this node says."""
        return self._speaking().epoch

    def follow(self, speaker: str, classes: Iterable[type[Message]]) -> None:
        """Follow one more speaker; it need not be there yet."""
        assert speaker not in self._ears, f"{speaker} is followed already"
        follower = Follower(self.name, speaker, classes, self._timers, self._chance)
        self._ears[speaker] = Ear(
            self._context,
            self._ports,
            self._run_dir,
            follower,
            self._timers,
            self._asks,
            self._events,
            self._notes,
        )

    def listen(self, speaker: str, edge: type[Edge], on: bool) -> None:
        """Hear a class of edges of a speaker that is followed as well, or no more."""
        self._ears[speaker].listen(edge, on)

    def fileno(self) -> int:
        """Return the descriptor to wait on; it stays the same, and so may be registered once."""
        return self._ports.fileno()

    def receive(self, now_s: float, limit: int = LIMIT) -> list[Event]:
        """Return what has happened, in order; about `limit` messages, the rest next time."""
        if now_s > self._due_s + self._timers.heartbeat_s:
            for ear in self._ears.values():
                ear.follower.excuse(now_s)
        self._ports.pump(now_s, limit)
        for ear in self._ears.values():
            if now_s >= ear.follower.due_s():
                ear.tick(now_s)
        if len(self._asks):
            epochs = {speaker: ear.follower.epoch for speaker, ear in self._ears.items()}
            self._events.extend(self._asks.end(now_s, epochs))
        events = self._events[:]
        self._events.clear()
        return events

    def publish(self, message: Level | Retraction | Edge) -> None:
        """Say a message with the next flush; of levels of one object only the last is sent."""
        assert type(message) in self._says, f"{self.name} does not say {type(message).__name__}"
        self._speaking().publish(message)

    def reply(self, caller: Caller, answer: Answer, visible: type[Message] | None = None) -> None:
        """Answer with the next flush; a Done gets the position of the class `visible`."""
        self._speaking().reply(caller, answer, visible)

    def flush(self) -> None:
        """Send what was published, then the replies."""
        self._speaking().flush()

    def beat(self, lag_ms_max: float) -> None:
        """Say the heartbeat; to be called every heartbeat_s from the loop that it speaks for."""
        resyncs = sum(ear.follower.resyncs for ear in self._ears.values())
        self._speaking().beat(lag_ms_max, resyncs)

    def ask(self, speaker: str, request: Request, deadline_s: float, ask_id: int) -> None:
        """Ask a speaker that is followed; an Answered follows within deadline_s seconds."""
        self._ears[speaker].ask(request, deadline_s, ask_id)

    def tick(self, now_s: float) -> float:
        """Do what is due, last in a turn; return when the next turn is due.

        A time that is past says that messages wait already, and no descriptor will tell.
        """
        due_s = float("inf") if self._mouth is None else self._mouth.tick(now_s)
        for ear in self._ears.values():
            due_s = min(due_s, ear.follower.due_s())
        due_s = min(due_s, self._asks.due_s())
        if self._events or self._ports.has_more():
            due_s = now_s
        self._due_s = max(due_s, now_s)
        return due_s

    def listened(self, cls: type[Message]) -> bool:
        """Return whether anybody has subscribed to this class: for what is said only then."""
        return self._speaking().listened(cls)

    def position(self, cls: type[Message]) -> int:
        """Return the last sequence given to this class; 0: none yet."""
        return self._speaking().position(cls)

    def take_notes(self) -> list[Note]:
        """Return what went wrong since the last call, for the log."""
        return self._notes.take()

    def close(self) -> None:
        """Close all sockets at once; what is not sent yet is dropped."""
        self._ports.close()
        self._context.term()

    def _speaking(self) -> Mouth:
        assert self._mouth is not None, f"{self.name} only listens"
        return self._mouth
