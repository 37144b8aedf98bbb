# SPDX-License-Identifier: Apache-2.0
"""Actors for a gateway to hear and ask: real nodes, each in a thread, that do as a test says."""

from __future__ import annotations

import contextlib
import select
import threading
import time
from collections.abc import Callable
from pathlib import Path

from maglev.actor import Asked
from maglev.bus.node import Node
from maglev.core.timers import Timers
from maglev.messages import (
    ActorStatus,
    Alarm,
    AlarmCleared,
    Answer,
    BackendGone,
    BackendStatus,
    Check,
    CheckConfig,
    ConfigStatus,
    Done,
    Edge,
    FrontendGone,
    FrontendStatus,
    Level,
    LogLevel,
    LogLine,
    Message,
    NoteOperation,
    OperateBackend,
    Pool,
    PoolBackend,
    ReadAudit,
    ReloadConfig,
    Request,
    Retraction,
    SetWeight,
    SyncVpp,
    Transition,
    VipForgotten,
    VipProgrammed,
    VppStatus,
)

TIMERS = Timers.scaled(0.5)

SAYS: dict[str, tuple[type[Message], ...]] = {
    "aggregator": (
        BackendStatus,
        BackendGone,
        FrontendStatus,
        FrontendGone,
        ConfigStatus,
        Alarm,
        AlarmCleared,
    ),
    "programmer": (VppStatus, VipProgrammed, VipForgotten),
    "watchdog": (ActorStatus,),
    "prober-0": (),
}
ANSWERS: dict[str, tuple[type[Request], ...]] = {
    "aggregator": (
        OperateBackend,
        SetWeight,
        ReloadConfig,
        CheckConfig,
        ReadAudit,
        NoteOperation,
    ),
    "programmer": (SyncVpp,),
}

Said = Level | Retraction | Edge
Answering = Callable[[Request], tuple[Answer, type[Message] | None] | None]
"""What to answer, and the class it is visible in; None: nothing, not even later."""


class Actor:
    """One actor until `stop`; what it answers is `answering`'s, None answers Done to all."""

    def __init__(self, run_dir: Path, name: str, answering: Answering | None = None) -> None:
        self.asked: list[Request] = []
        self.answering: Answering = answering or (lambda request: (Done(), None))
        self.name = name
        self._node = Node(run_dir, name, SAYS[name], {}, TIMERS, answers=ANSWERS.get(name, ()))
        self._says: list[Said] = []
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._paused = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name)
        self._thread.start()

    def say(self, *messages: Said) -> None:
        """Say this soon, in this order."""
        with self._lock:
            self._says += messages

    def log(self, level: LogLevel, msg: str, **fields: object) -> None:
        """Say a line of the log, whoever listens."""
        line = LogLine(actor=self.name, at_ns=time.time_ns(), level=level, msg=msg, fields=fields)
        self.say(line)

    def logs_are_heard(self) -> bool:
        """Return whether anybody listens to the log."""
        return self._node.listened(LogLine)

    def pause(self, *, on: bool) -> None:
        """Stand still, or go on."""
        (self._paused.set if on else self._paused.clear)()

    def stop(self) -> None:
        """Fall silent for ever."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        beat_s = 0.0
        with contextlib.closing(self._node) as node:
            while not self._ended.is_set():
                if self._paused.is_set():
                    time.sleep(0.005)
                    continue
                now_s = time.monotonic()
                for event in node.receive(now_s):
                    assert isinstance(event, Asked), f"{event=}"
                    self.asked.append(event.request)
                    answer = self.answering(event.request)
                    if answer is not None:
                        node.reply(event.caller, *answer)
                with self._lock:
                    said, self._says = self._says, []
                for message in said:
                    node.publish(message)
                if now_s >= beat_s:
                    beat_s = now_s + TIMERS.heartbeat_s
                    node.beat(0.0)
                node.flush()
                due_s = node.tick(now_s)
                wait_s = min(0.005, max(0.0, due_s - time.monotonic()))
                select.select([node], [], [], wait_s)


# --- what they say ---

CHECK = Check(name="web", type="http", port=80, response_codes=((200, 204), (301, 301)))


def moved(number: int, before: str, after: str, code: str = "L7OK") -> Transition:
    """A transition; its time tells its number."""
    return Transition(number=number, before=before, after=after, code=code, at_ns=number * 1000)


def backend(name: str, *history: Transition, **more: object) -> BackendStatus:
    """A backend whose history is given with the newest first."""
    plain: dict[str, object] = {
        "name": name,
        "address": f"10.0.0.{name.removeprefix('web')}",
        "healthcheck": "web",
        "enabled": True,
        "state": history[0].after if history else "unknown",
        "number": history[0].number if history else 0,
        "since_ns": history[0].at_ns if history else 0,
        "counter": 1,
        "history": history,
        "place": int(name.removeprefix("web")),
    }
    return BackendStatus(**(plain | more))  # type: ignore[arg-type]


def frontend(name: str, *history: Transition, **more: object) -> FrontendStatus:
    """A frontend with web1 (up, 100) and web2 (held)."""
    pools = (
        Pool(
            name="primary",
            active=True,
            backends=(
                PoolBackend(name="web1", state="up", weight=100, weight_effective=100),
                PoolBackend(name="web2", state="unknown", weight=50, weight_effective=None),
            ),
        ),
    )
    plain: dict[str, object] = {
        "name": name,
        "description": "",
        "address": "192.0.2.80",
        "protocol": "tcp",
        "port": 80,
        "src_ip_sticky": False,
        "flush_on_down": True,
        "state": history[0].after if history else "up",
        "number": history[0].number if history else 0,
        "since_ns": history[0].at_ns if history else 0,
        "pools": pools,
        "history": history,
    }
    return FrontendStatus(**(plain | more))  # type: ignore[arg-type]


CONFIG = ConfigStatus(
    revision=1,
    path="/etc/maglev.yaml",
    accepted_at_ns=1,
    backends=2,
    frontends=1,
    healthchecks=(CHECK,),
)
