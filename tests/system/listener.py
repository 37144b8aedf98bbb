# SPDX-License-Identifier: Apache-2.0
"""What the actors of a running system say, heard on their bus for a test.

`levels` is what they said last, by class and key, `heard` all that came by; look at `until`, which
listens while it waits.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from maglev.actor import Heard, Synced
from maglev.bus.node import Node
from maglev.core.timers import Timers
from maglev.messages import (
    BackendStatus,
    Level,
    Message,
    ProberPace,
    Retraction,
    SyncFinished,
    VipProgrammed,
)
from tests.support import eventually

T = TypeVar("T")
M = TypeVar("M", bound=Message)
L = TypeVar("L", bound=Level)

PROBERS = ("prober-0", "prober-1")


class Listener:
    """One who listens on a bus."""

    def __init__(
        self,
        run_dir: Path,
        scale: float,
        probers: Iterable[type[Message]] = (ProberPace,),
        aggregator: Iterable[type[Message]] = (BackendStatus,),
    ) -> None:
        """Hear these classes of them, and of the programmer how VIPs and syncs are."""
        follows: dict[str, tuple[type[Message], ...]] = dict.fromkeys(PROBERS, tuple(probers))
        follows["aggregator"] = tuple(aggregator)
        follows["programmer"] = (VipProgrammed, SyncFinished)
        self._node = Node(run_dir, "listener", (), follows, Timers.scaled(scale), binds=False)
        self.levels: dict[tuple[type[Message], tuple[str, ...]], Level] = {}
        self.heard: list[Message] = []

    def turn(self) -> None:
        """Hear what came since the last turn."""
        now_s = time.monotonic()
        for event in self._node.receive(now_s):
            match event:
                case Synced(_, _, messages):
                    for message in messages:
                        self._hear(message)
                case Heard(_, message):
                    self._hear(message)
                    self.heard.append(message)
        self._node.tick(now_s)
        self._node.take_notes()

    def _hear(self, message: Message) -> None:
        if isinstance(message, Retraction):
            self.levels.pop((message.ENDS, message.key()), None)
        elif isinstance(message, Level):
            self.levels[type(message), message.key()] = message

    def until(self, condition: Callable[[], T], deadline_s: float = 60.0, what: str = "") -> T:
        """Listen until a condition is true, and return its value."""

        def heard() -> T:
            self.turn()
            return condition()

        return eventually(heard, deadline_s, what)

    def listen_for(self, seconds: float) -> None:
        """Listen for so long."""
        until_s = time.monotonic() + seconds
        self.until(lambda: time.monotonic() >= until_s, seconds + 60)

    def level(self, cls: type[L], *key: str) -> L | None:
        """Return what was said last of an object."""
        found = self.levels.get((cls, key))
        assert found is None or isinstance(found, cls)
        return found

    def all(self, cls: type[M]) -> list[M]:
        """Return what was said of one class since `forget`."""
        return [message for message in self.heard if isinstance(message, cls)]

    def forget(self) -> None:
        """Begin `heard` anew."""
        self.turn()
        self.heard.clear()

    def close(self) -> None:
        self._node.close()
