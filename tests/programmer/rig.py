# SPDX-License-Identifier: Apache-2.0
"""The programmer as a process between a simulated VPP, also a process, and an aggregator in here.

`Rig.until` keeps the aggregator speaking while it waits; `Rig.levels` is what the programmer said
last, by class and key.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from maglev.actor import Answered, Found, Heard, Lost, Synced
from maglev.bus.node import Node
from maglev.core.timers import Timers
from maglev.messages import (
    DesiredSettings,
    DesiredVip,
    Level,
    Retraction,
    SyncFinished,
    SyncVpp,
    VipForgotten,
    VipProgrammed,
    VipWithdrawn,
    VppStatus,
)

ACTORS = Path(__file__).parents[2] / "actors"


class Rig:
    """Everything around one programmer process; `start` starts it, again if need be."""

    def __init__(self, where, api_addr, *, log_level="info", scale=1.0):
        self.run_dir = where / "run"
        self.run_dir.mkdir(exist_ok=True)
        self.log = where / "programmer.log"
        self.timers = Timers.scaled(scale)
        self._environment = {
            "PYTHONPATH": str(ACTORS),
            "MAGLEV_RUN_DIR": str(self.run_dir),
            "MAGLEV_STATE_DIR": str(where),
            "MAGLEV_VPP_API_ADDR": str(api_addr),
            "MAGLEV_LOG_LEVEL": log_level,
            "MAGLEV_TIME_SCALE": str(scale),
        }
        self.levels = {}
        self.edges = []
        self.answers = {}
        self.alive = False
        self._beat_s = 0.0
        self._ask_id = 0
        says = (DesiredSettings, DesiredVip, VipWithdrawn)
        hears = (VppStatus, VipProgrammed, VipForgotten, SyncFinished)
        follows = {"programmer": hears}
        self.node = Node(self.run_dir, "aggregator", says, follows, self.timers)
        self.process = None

    def start(self):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "maglev.programmer"],
                env=os.environ | self._environment,
                stdout=log,
                stderr=log,
            )
        return self

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.node.close()
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(10)
        finally:
            self.process.kill()

    def say(self, *messages):
        for message in messages:
            self.node.publish(message)
        self.turn()

    def ask(self, frontend=""):
        """Ask for a sync and return the answer."""
        self._ask_id += 1
        ask_id, request = self._ask_id, SyncVpp(frontend=frontend, who="me", origin="unix")
        self.node.ask("programmer", request, 10.0, ask_id)
        return self.until(lambda: self.answers.get(ask_id), "an answer")

    def turn(self):
        """Let the bus have its turn."""
        now_s = time.monotonic()
        for event in self.node.receive(now_s):
            self._take(event)
        if now_s >= self._beat_s:
            self.node.beat(0.0)
            self._beat_s = now_s + self.timers.heartbeat_s
        self.node.flush()
        self.node.tick(now_s)

    def _take(self, event):
        match event:
            case Synced(_, _, messages):
                self.alive = True
                self.levels = {(type(one), one.key()): one for one in messages}
            case Heard(_, message):
                if isinstance(message, Retraction):
                    self.levels.pop((message.ENDS, message.key()), None)
                elif isinstance(message, Level):
                    self.levels[type(message), message.key()] = message
                else:
                    self.edges.append(message)
            case Answered(ask_id, answer):
                self.answers[ask_id] = answer
            case Lost() | Found():
                self.alive = isinstance(event, Found)

    def until(self, condition, what="", deadline_s=20.0):
        """Return the first true value of the condition, or fail with the programmer's log."""
        give_up_s = time.monotonic() + deadline_s
        while True:
            self.turn()
            value = condition()
            if value:
                return value
            if time.monotonic() > give_up_s:
                raise AssertionError(f"not within {deadline_s} s: {what}\n{self.log.read_text()}")
            time.sleep(0.001)

    def status(self):
        return self.levels.get((VppStatus, ()))

    def programmed(self, frontend):
        return self.levels.get((VipProgrammed, (frontend,)))

    def in_sync(self, *frontends):
        return all(
            (one := self.programmed(frontend)) is not None and one.in_sync for frontend in frontends
        )

    def syncs(self, scope="all"):
        """Return and forget the syncs of one scope that are over."""
        found = [one for one in self.edges if isinstance(one, SyncFinished) and one.scope == scope]
        self.edges = [one for one in self.edges if one not in found]
        return found
