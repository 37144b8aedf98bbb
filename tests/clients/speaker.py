# SPDX-License-Identifier: Apache-2.0
"""An actor for clients to listen to: says what a test wants it to say, on a real bus."""

import contextlib
import threading
import time
from pathlib import Path

from maglev.actor import Asked
from maglev.bus.node import Node
from maglev.core.timers import Timers
from maglev.messages import Done, Edge, Level, Message, OperateBackend, Retraction

TIMERS = Timers.scaled(0.1)


class Speaker:
    """One actor in a thread of its own, until `stop`."""

    def __init__(self, run_dir: Path, name: str, says: tuple[type[Message], ...]) -> None:
        self.asked: list[Asked] = []
        self._node = Node(run_dir, name, says, {}, TIMERS, answers=(OperateBackend,))
        self._says: list[Level | Retraction | Edge] = []
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def say(self, *messages: Level | Retraction | Edge) -> None:
        """Say this soon."""
        with self._lock:
            self._says += messages

    def listened(self, cls: type[Message]) -> bool:
        """Return whether anybody listens to a class."""
        return self._node.listened(cls)

    def stop(self) -> None:
        """Fall silent for ever."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        beat_s = 0.0
        with contextlib.closing(self._node) as node:
            while not self._ended.is_set():
                now_s = time.monotonic()
                for event in node.receive(now_s):
                    assert isinstance(event, Asked), f"{event=}"
                    self.asked.append(event)
                    node.reply(event.caller, Done())
                with self._lock:
                    for message in self._says:
                        node.publish(message)
                    self._says.clear()
                if now_s >= beat_s:
                    beat_s = now_s + TIMERS.heartbeat_s
                    node.beat(0.0)
                node.flush()
                node.tick(now_s)
                self._ended.wait(0.005)
