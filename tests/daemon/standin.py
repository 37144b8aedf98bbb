# SPDX-License-Identifier: Apache-2.0
"""A small actor in the place of a real one, with habits given on its command line.

It beats on the bus under the name supervisord gives it, and writes each request it is asked into
`<run-dir>/<name>.asked`.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from maglev import environment
from maglev.actor import Asked, Effect, Event, Instant, Reply, WakeAt, Woke
from maglev.bus.node import Node
from maglev.log import Log
from maglev.messages import ConfigAnswer, Message, ReloadConfig, Request
from maglev.process import begin
from maglev.runtime import Runtime

CHATTER_S = 0.01
CHATTER_LINES = 40
CHATTER_LINES_MAX = 20_000  # 3.4 MB


class StandIn:
    """Answers ReloadConfig; when chatty, says 4,000 lines a second to its log, until it has done.

    Then there is a file `<run-dir>/<name>.said`.
    """

    hears: ClassVar[tuple[type[Message], ...]] = ()
    says: ClassVar[tuple[type[Message], ...]] = ()
    answers: ClassVar[tuple[type[Request], ...]] = (ReloadConfig,)

    def __init__(self, name: str, run_dir: Path, log: Log | None) -> None:
        self.name = name
        self._run_dir = run_dir
        self._chat = log
        self._said = 0

    def start(self, now: Instant) -> Sequence[Effect]:
        return [WakeAt(now.mono_s)] if self._chat else []

    def handle(self, event: Event, now: Instant) -> Sequence[Effect]:
        match event:
            case Asked(caller, request):
                with open(self._run_dir / f"{self.name}.asked", "a", encoding="utf-8") as file:
                    print(request, file=file)
                return [Reply(caller, ConfigAnswer())]
            case Woke():
                assert self._chat is not None
                for number in range(CHATTER_LINES):
                    self._chat.write("info", "chatter", {"number": number, "text": "x" * 100})
                self._said += CHATTER_LINES
                if self._said < CHATTER_LINES_MAX:
                    return [WakeAt(now.mono_s + CHATTER_S)]
                (self._run_dir / f"{self.name}.said").touch()
        return []


def main() -> None:
    habits = set(sys.argv[1:])
    settings = environment.read(os.environ)
    name = os.environ["SUPERVISOR_PROCESS_NAME"]
    with begin(name, settings):
        if "crash" in habits:
            raise ValueError("as I always do")
        if "stubborn" in habits:
            signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT))
        if "parent" in habits:
            subprocess.Popen(["sleep", "1000"], start_new_session=True)
        log = Log(name, settings.log_level)
        actor = StandIn(name, settings.run_dir, log if "chatty" in habits else None)
        node = Node(
            settings.run_dir,
            name,
            says=actor.says,
            answers=actor.answers,
            follows={},
            timers=settings.timers,
        )
        sys.exit(Runtime(actor, node, log, settings.timers).run())


if __name__ == "__main__":
    main()
