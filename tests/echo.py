# SPDX-License-Identifier: Apache-2.0
"""An actor that says what it is asked to, for tests of what drives actors.

`python -m tests.echo RUN_DIR` runs it as a process; a SyncVpp for frontend `crash` breaks it, one
for `task` breaks a task of its shell, one for `chatter` fills its standard output.
"""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from maglev.actor import (
    Answered,
    Ask,
    Asked,
    Effect,
    Event,
    Instant,
    Log,
    Publish,
    Reply,
    WakeAt,
    Woke,
)
from maglev.bus.node import Node
from maglev.core.timers import Timers
from maglev.log import Log as LogFile
from maglev.messages import Alarm, AlarmCleared, Done, Message, Request, SyncVpp
from maglev.runtime import Runtime
from tests.bus.world import alarm

TIMERS = Timers.scaled(0.2)


@dataclass(frozen=True, slots=True)
class Strike(Effect):
    """An effect of this shell alone."""

    what: str


@dataclass(frozen=True, slots=True)
class Struck(Event):
    """An event of this shell alone."""

    what: str


class Echo:
    """Answers a SyncVpp and tells of it; remembers what happened."""

    name = "echo"
    hears: ClassVar[tuple[type[Message], ...]] = ()
    says: ClassVar[tuple[type[Message], ...]] = (Alarm, AlarmCleared)
    answers: ClassVar[tuple[type[Request], ...]] = (SyncVpp,)

    def __init__(self) -> None:
        self.happened: list[Event] = []

    def start(self, now: Instant) -> Sequence[Effect]:
        return [Publish(alarm("started")), WakeAt(now.mono_s + 0.05)]

    def handle(self, event: Event, now: Instant) -> Sequence[Effect]:
        self.happened.append(event)
        match event:
            case Asked(_, SyncVpp(frontend="crash")):
                raise AssertionError("broken on purpose")
            case Asked(caller, SyncVpp(frontend=frontend)):
                return [
                    Reply(caller, Done(text=frontend), Alarm),
                    Log("info", "asked", {"frontend": frontend}),
                    Publish(alarm("asked", frontend)),
                    Strike(frontend),
                ]
            case Woke():
                return [Publish(alarm("woke"))]
            case Struck("ask"):
                request = SyncVpp(frontend="", who="echo", origin="unix")
                return [Ask("other", request, 1.0, 7)]
            case Struck(what):
                return [Publish(alarm("struck", what))]
            case Answered(_, answer):
                return [Log("warn", "answered", {"answer": answer})]
        return []


class Shell:
    """Performs Strike."""

    def __init__(self, run_dir: Path, log: LogFile) -> None:
        echo = Echo()
        self.log = log
        follows: dict[str, tuple[type[Message], ...]] = {"other": (Alarm,)}
        node = Node(run_dir, echo.name, echo.says, follows, TIMERS, answers=echo.answers)
        self.runtime = Runtime(echo, node, log, TIMERS, self.perform)

    def perform(self, effect: Effect) -> None:
        match effect:
            case Strike("task"):
                self.runtime.spawn(self.break_down(), "strike")
            case Strike("stop"):
                self.runtime.stop()
            case Strike("chatter"):
                for _ in range(1000):
                    self.log.write("info", "chatter", {"filler": "x" * 1000})
            case Strike(what):
                self.runtime.feed(Struck(what))

    async def break_down(self) -> None:
        raise AssertionError("task broken on purpose")

    async def serve(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self.log.write("info", "cleaned-up")


def main() -> int:
    log = LogFile("echo")
    log.started("0", "none", "today")
    shell = Shell(Path(sys.argv[1]), log)
    return shell.runtime.run(shell.serve)


if __name__ == "__main__":
    sys.exit(main())
