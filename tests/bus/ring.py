# SPDX-License-Identifier: Apache-2.0
"""Real nodes on real sockets, turned by the test in one thread."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from maglev.actor import Answered, Asked, Event
from maglev.bus.node import Node
from maglev.bus.notes import Note
from maglev.core.timers import Timers
from maglev.messages import Alarm, AlarmCleared, Message, ProbesSeen, Request, SyncVpp
from tests.bus.world import Fold
from tests.support import eventually

SAYS = (Alarm, AlarmCleared, ProbesSeen)
HEARS = (Alarm, AlarmCleared)
ASKED = SyncVpp(who="tester", origin="unix")
FAST = Timers.scaled(0.2)


class Member:
    """A node, what happened to it, and its fold of each speaker it hears."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.events: list[Event] = []
        self.notes: list[Note] = []
        self.folds: dict[str, Fold] = {}
        self.beat_s = 0.0
        self.beats = node.name.startswith("speaker")

    def turn(self) -> None:
        now_s = time.monotonic()
        for event in self.node.receive(now_s):
            self.events.append(event)
            speaker = getattr(event, "speaker", None)
            if speaker is not None:
                self.folds.setdefault(speaker, Fold()).take(event)  # type: ignore[arg-type]
        if self.beats:
            if now_s >= self.beat_s:
                self.node.beat(0.0)
                self.beat_s = now_s + 0.2
            self.node.flush()
        self.node.tick(now_s)
        self.notes += self.node.take_notes()

    def asked(self) -> list[Asked]:
        return [event for event in self.events if isinstance(event, Asked)]

    def answers(self) -> list[Answered]:
        return [event for event in self.events if isinstance(event, Answered)]

    def kinds(self) -> set[str]:
        return {note.kind for note in self.notes}

    def levels(self, speaker: str = "speaker") -> dict[tuple[str, tuple[str, ...]], Message]:
        return self.folds.setdefault(speaker, Fold()).levels

    def told(self, speaker: str = "speaker") -> list[str]:
        return self.folds.setdefault(speaker, Fold()).events


class Ring:
    """All members of a test; `until` turns them until a condition holds."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        self.members: list[Member] = []

    def speaker(
        self,
        name: str = "speaker",
        timers: Timers = FAST,
        answers: Iterable[type[Request]] = (SyncVpp,),
        objects: int = 1000,
    ) -> Member:
        node = Node(self.run_dir, name, SAYS, {}, timers, answers=answers, objects=objects)
        return self._join(node)

    def reader(
        self,
        follows: Mapping[str, tuple[type[Message], ...]] | None = None,
        timers: Timers = FAST,
        run_dir: Path | None = None,
    ) -> Member:
        follows = {"speaker": HEARS} if follows is None else follows
        where = self.run_dir if run_dir is None else run_dir
        return self._join(Node(where, "reader", (), follows, timers, binds=False))

    def leave(self, member: Member) -> None:
        self.members.remove(member)
        member.node.close()

    def turn(self) -> None:
        for member in self.members:
            member.turn()

    def until(self, condition: Callable[[], object], what: str = "") -> None:
        def holds() -> bool:
            self.turn()
            return bool(condition())

        eventually(holds, what=what)

    def _join(self, node: Node) -> Member:
        member = Member(node)
        self.members.append(member)
        return member


@contextmanager
def ring_in(run_dir: Path) -> Iterator[Ring]:
    ring = Ring(run_dir)
    try:
        yield ring
    finally:
        for member in ring.members:
            member.node.close()
