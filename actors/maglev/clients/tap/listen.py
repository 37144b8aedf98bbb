# SPDX-License-Identifier: Apache-2.0
"""The loop of maglev-tap: everybody of one daemon is followed, what is news is printed.

The state is a View, which tells news from repeats, and the speakers heard so far.  A daemon that is
restarted is heard again, and what differs in its snapshot is news; look at `_take`.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from typing import Final

from maglev.actor import Event, Found, Heard, Lost, Synced
from maglev.bus.node import Node, speakers
from maglev.bus.notes import Kind
from maglev.clients.tap.choose import MOVING, Choice, is_news
from maglev.clients.tap.differ import differences
from maglev.clients.tap.lines import Line
from maglev.core.view import Change, View
from maglev.environment import Environment
from maglev.messages import Level, Message

LOOK_S: Final = 1.0
"""How often to look for actors that were not there before."""

_TOLD: Final[frozenset[Kind]] = frozenset({"garbage", "resync"})


class Tap:
    """Listens to one daemon."""

    def __init__(
        self,
        settings: Environment,
        choice: Choice,
        show: Callable[[Line], None],
        tell: Callable[[str], None],
    ) -> None:
        """`show` gets what is heard, `tell` words about the connection.  May raise BusError."""
        self._settings = settings
        self._choice = choice
        self._show = show
        self._tell = tell
        self._view = View()
        self._following: set[str] = set()
        self._epochs: dict[str, int] = {}  # of the speakers heard so far
        self._node = Node(
            settings.run_dir, "maglev-tap", (), {}, timers=settings.timers, binds=False
        )
        self._look()

    def close(self) -> None:
        """Leave the bus."""
        self._node.close()

    def snapshot(self, actors: list[str]) -> list[str]:
        """Show the state of these actors, one after the other; return those that are silent."""
        heard: dict[str, list[Line]] = {}
        until_s = time.monotonic() + self._settings.timers.silent_s
        while set(actors) - heard.keys() and time.monotonic() < until_s:
            for event in self._turn(until_s):
                if isinstance(event, Synced):
                    at_ns = time.time_ns()
                    heard[event.speaker] = [
                        Line(at_ns, event.speaker, level)
                        for level in sorted(event.messages, key=_place)
                        if self._choice.shows(level)
                    ]
        for actor in actors:
            for line in heard.get(actor, ()):
                self._show(line)
        return [actor for actor in actors if actor not in heard]

    def live(self, has_reader: Callable[[], bool]) -> None:
        """Show what is new for as long as somebody reads it."""
        while has_reader():
            for event in self._turn(time.monotonic() + LOOK_S):
                self._take(event)
            self._look()

    def _look(self) -> None:
        """Follow those actors that are chosen and not followed yet."""
        for speaker in speakers(self._settings.run_dir):
            if speaker not in self._following and self._choice.follows(speaker):
                self._following.add(speaker)
                self._node.follow(speaker, self._choice.classes())

    def _turn(self, until_s: float) -> list[Event]:
        """Wait for what comes, until_s (CLOCK_MONOTONIC) at the latest, and return it."""
        due_s = min(self._node.tick(time.monotonic()), until_s)
        wait_s = max(0.0, due_s - time.monotonic())
        select.select([self._node.fileno()], [], [], wait_s)
        events = self._node.receive(time.monotonic())
        for note in self._node.take_notes():
            if note.kind in _TOLD:
                self._tell(f"{note.peer}: {note.text}")
        return events

    def _take(self, event: Event) -> None:
        at_ns = time.time_ns()
        match event:
            case Heard(speaker, Level() as level):
                change = self._view.heard(speaker, level)
                if change is not None:
                    self._show_change(change, at_ns)
                elif self._choice.repeats:
                    self._show_chosen(Line(at_ns, speaker, level))
            case Heard(speaker, message):
                self._view.heard(speaker, message)
                self._show_chosen(Line(at_ns, speaker, message))
            case Synced(speaker, epoch, messages):
                changes = self._view.synced(speaker, messages)
                self._synced(speaker, epoch, changes, at_ns)
            case Lost(speaker):
                self._view.lost(speaker)
                everybody = self._view.silent >= self._epochs.keys()
                self._tell(f"{speaker} is silent{'; waiting for maglevd' if everybody else ''}")
            case Found(speaker):
                self._view.found(speaker)
                self._tell(f"{speaker} is heard again, and nothing was missed")

    def _synced(self, speaker: str, epoch: int, changes: list[Change], at_ns: int) -> None:
        """Show what a new snapshot changes; the first one only tells where we begin."""
        before = self._epochs.get(speaker)
        self._epochs[speaker] = epoch
        if before is None:
            self._tell(f"listening to {speaker}")
            return
        self._tell(
            f"{speaker} {'has messages we missed' if before == epoch else 'is a new process'}"
        )
        for change in changes:
            self._show_change(change, at_ns)

    def _show_change(self, change: Change, at_ns: int) -> None:
        before, after = change.before, change.after
        if before is not None and after is not None and type(after) in MOVING:
            paths = [one.path for one in differences(before, after)]
            if not is_news(after, paths) and not self._choice.repeats:
                return
        self._show_chosen(Line(at_ns, change.speaker, change.level, before, gone=after is None))

    def _show_chosen(self, line: Line) -> None:
        if self._choice.shows(line.message):
            self._show(line)


def _place(message: Message) -> tuple[str, tuple[str, ...]]:
    """Return what a snapshot is sorted by."""
    return type(message).__name__, message.key() if isinstance(message, Level) else ()
