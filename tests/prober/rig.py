# SPDX-License-Identifier: Apache-2.0
"""A prober as a process of its own, and an aggregator in here that assigns to it.

`Rig.until` keeps the aggregator speaking while it waits; `Rig.verdicts` is what the prober said
last of each backend, `Rig.heard` everything it said.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from maglev.actor import Heard, Lost, Synced
from maglev.bus.node import Node
from maglev.core.timers import Timers
from maglev.messages import (
    Assignment,
    AssignmentEnded,
    Check,
    Message,
    ProberPace,
    ProberPresent,
    ProbesSeen,
    Verdict,
    VerdictWithdrawn,
)

ACTORS = Path(__file__).parents[2] / "actors"
SCALE = 0.2
PLAIN = "import sys; from maglev.prober.__main__ import main; main()"

T = TypeVar("T")


class Rig:
    """Everything around one prober process; `start` starts it, again if need be."""

    def __init__(self, where: Path, scale: float = SCALE) -> None:
        self.run_dir = where / "run"
        self.run_dir.mkdir()
        self.log = where / "prober.log"
        self.heard: list[Message] = []
        self.verdicts: dict[str, Verdict] = {}
        self.present: ProberPresent | None = None
        self.pace: ProberPace | None = None
        self.lost = False
        self.process: subprocess.Popen[bytes] | None = None
        self._timers = Timers.scaled(scale)
        self._scale = scale
        self._generation = time.monotonic_ns()
        self._beat_s = 0.0
        self.node = Node(
            self.run_dir,
            "aggregator",
            says=(Assignment, AssignmentEnded),
            follows={
                "prober-0": (
                    ProberPresent,
                    ProberPace,
                    ProbesSeen,
                    Verdict,
                    VerdictWithdrawn,
                )
            },
            timers=self._timers,
        )

    def start(self, program: str = PLAIN, wrapper: tuple[str, ...] = (), **more: str) -> None:
        """Start the prober; `program` may plant something into it first."""
        self.stop()
        self.present = None
        environment = {
            "PYTHONPATH": str(ACTORS),
            "MAGLEV_RUN_DIR": str(self.run_dir),
            "MAGLEV_TIME_SCALE": str(self._scale),
        }
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*wrapper, sys.executable, "-c", program, "--index", "0"],
                env=os.environ | environment | more,
                stdin=subprocess.DEVNULL,
                stdout=log,
            )
        self.until(lambda: self.present, "the prober is there")

    def stop(self) -> int | None:
        """Stop the prober with SIGTERM; return its exit status."""
        if self.process is None:
            return None
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        try:
            return self.process.wait(20)
        finally:
            self.process.kill()
            self.process = None

    def died(self) -> int:
        """Wait until the prober has ended by itself; return its exit status."""
        process = self.process
        assert process is not None
        self.until(lambda: process.poll() is not None, "the prober ends")
        self.process = None
        return process.returncode

    def close(self) -> None:
        """Stop everything."""
        self.stop()
        self.node.close()

    def assign(self, backend: str, check: Check, address: str = "127.0.0.1", **more: Any) -> int:
        """Assign a backend to the prober; return the generation."""
        self._generation += 1
        plain = {"prober": "prober-0", "state": "unknown", "counter": check.rise - 1, "changes": 0}
        self.node.publish(
            Assignment(
                backend=backend,
                generation=self._generation,
                address=address,
                check=check,
                **(plain | more),
            )
        )
        return self._generation

    def turn(self) -> None:
        """Be an aggregator for a moment."""
        now_s = time.monotonic()
        for event in self.node.receive(now_s):
            match event:
                case Heard(_, message):
                    self._hear(message)
                case Synced(_, _, messages):
                    self.verdicts.clear()
                    for message in messages:
                        self._hear(message)
                case Lost():
                    self.lost = True
        if now_s >= self._beat_s:
            self.node.beat(0.0)
            self._beat_s = now_s + self._timers.heartbeat_s
        self.node.flush()
        self.node.tick(now_s)

    def until(self, condition: Callable[[], T], what: str, deadline_s: float = 30.0) -> T:
        """Be an aggregator until the condition is true; return its value."""
        give_up_s = time.monotonic() + deadline_s
        while True:
            self.turn()
            value = condition()
            if value:
                return value
            assert time.monotonic() < give_up_s, f"not within {deadline_s} s: {what}\n{self.tail()}"
            time.sleep(0.002)

    def during(self, seconds: float) -> None:
        """Be an aggregator for so long: for what must not happen."""
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            self.turn()
            time.sleep(0.002)

    def verdict(self, backend: str, **wanted: object) -> Verdict:
        """Wait for a verdict on a backend whose fields are as wanted."""

        def found() -> Verdict | None:
            verdict = self.verdicts.get(backend)
            if verdict and all(getattr(verdict, name) == wanted[name] for name in wanted):
                return verdict
            return None

        return self.until(found, f"{backend} {wanted}, but {self.verdicts.get(backend)}")

    def logged(self, msg: str) -> list[dict[str, Any]]:
        """Return the log lines of an event."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [line for line in lines if line["msg"] == msg]

    def tail(self) -> str:
        """Return the end of the log, for what went wrong."""
        return self.log.read_text()[-3000:] if self.log.exists() else ""

    def _hear(self, message: Message) -> None:
        self.heard.append(message)
        match message:
            case Verdict(backend=backend):
                self.verdicts[backend] = message
            case VerdictWithdrawn(backend=backend):
                self.verdicts.pop(backend, None)
            case ProberPresent():
                self.present = message
            case ProberPace():
                self.pace = message
