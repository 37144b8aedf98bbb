# SPDX-License-Identifier: Apache-2.0
"""The watchdog: replaces an actor whose process runs and does not live.

Owns: how long each actor has been silent.
Hears: Heartbeat of every other actor.
Says: ActorStatus.
Answers: nothing.
Crash: supervisord restarts it; it counts every silence from its own start.

Silence is counted in time that the watchdog lived through itself: what it slept through, because
the machine or all of us were stopped, is nobody's fault.  A process that is killed comes back by
supervisord, so one actor is replaced at a time, and the next only when the first is heard again.
Look at `_silence_max_s` for how long each may be silent.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from maglev import environment, version
from maglev.actor import Effect, Event, Heard, Instant, Publish, WakeAt, Woke
from maglev.actor import Log as LogEffect
from maglev.bus.node import Node
from maglev.core.timers import Timers
from maglev.environment import Environment
from maglev.log import Log
from maglev.messages import ActorStatus, Heartbeat, Message, Request
from maglev.process import Life, begin, life_path, read_life
from maglev.runtime import Runtime
from maglev.supervisor_rpc import ProcessInfo, Supervisor, SupervisorError

_LOOKS = 5  # at supervisord, within wedged_s
_RUNNING = "RUNNING"


# --- events and effects --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ProcessesSeen(Event):
    """supervisord has told of its processes; the lives are those their lock files tell of."""

    processes: tuple[ProcessInfo, ...]
    lives: dict[str, Life]


@dataclass(frozen=True, slots=True)
class SupervisordFailed(Event):
    """supervisord did not answer, or did not do what it was asked."""

    error: str


@dataclass(frozen=True, slots=True)
class Look(Effect):
    """Ask supervisord for its processes."""


@dataclass(frozen=True, slots=True)
class Kill(Effect):
    """Kill a process, if it still is the one that supervisord runs."""

    process: ProcessInfo


# --- state ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class Watched:
    """One actor; `heard_s` is on the watchdog's own clock of time lived through."""

    pid: int = 0  # of the process the rest is about
    heard_s: float = 0.0  # last heartbeat; before the first one, when its wait ended
    beats: bool = False  # its process has been heard
    begun: bool = False  # its process has gone to work
    lag_ms_max: float = 0.0


@dataclass(slots=True)
class State:
    """What the watchdog knows."""

    timers: Timers
    mono_s: float = 0.0  # of the last event
    lived_s: float = 0.0  # of that, what the watchdog was awake for
    actors: dict[str, Watched] = field(default_factory=dict)
    looking: bool = False
    deaf: bool = False  # supervisord did not answer the last look
    replacing: str = ""  # the actor killed last, until it is heard again
    replaced_s: float = 0.0  # lived_s of that

    @property
    def look_s(self) -> float:
        """Return the seconds between two looks at supervisord."""
        return self.timers.wedged_s / _LOOKS


class Watchdog:
    """The handlers."""

    name = "watchdog"
    hears: ClassVar[tuple[type[Message], ...]] = (Heartbeat,)
    says: ClassVar[tuple[type[Message], ...]] = (ActorStatus,)
    answers: ClassVar[tuple[type[Request], ...]] = ()

    def __init__(self, timers: Timers) -> None:
        self.state = State(timers)

    def start(self, now: Instant) -> Sequence[Effect]:
        """Look at once, and then again and again."""
        self.state.mono_s = now.mono_s
        return self._look(now)

    def handle(self, event: Event, now: Instant) -> Sequence[Effect]:
        """Change the state by one event and return what is to be done about it, in order."""
        state = self.state
        # Woken at least every look_s: what is far above that was slept through.
        state.lived_s += min(now.mono_s - state.mono_s, 1.5 * state.look_s)
        state.mono_s = now.mono_s
        match event:
            case Woke():
                return self._look(now)
            case Heard(_, Heartbeat() as beat):
                self._hear(beat)
            case ProcessesSeen(processes, lives):
                return self._judge(processes, lives)
            case SupervisordFailed(error):
                return self._miss(error)
        return []

    def _look(self, now: Instant) -> list[Effect]:
        wake = WakeAt(now.mono_s + self.state.look_s)
        if self.state.looking:
            return [wake]
        self.state.looking = True
        return [wake, Look()]

    def _hear(self, beat: Heartbeat) -> None:
        state = self.state
        watched = state.actors.setdefault(beat.actor, Watched())
        watched.pid, watched.heard_s, watched.lag_ms_max = beat.pid, state.lived_s, beat.lag_ms_max
        watched.beats = watched.begun = True

    def _miss(self, error: str) -> list[Effect]:
        self.state.looking = False
        if self.state.deaf:
            return []
        self.state.deaf = True
        return [LogEffect("warn", "supervisord-silent", {"error": error})]

    def _judge(self, processes: Sequence[ProcessInfo], lives: dict[str, Life]) -> list[Effect]:
        """Say how each process is, and replace the one that has been silent for too long."""
        state = self.state
        state.looking = state.deaf = False
        said: list[Effect] = []
        for process in processes:
            life = lives.get(process.name)
            watched = self._watched(process, life)
            said.append(Publish(self._status(process, life, watched)))
        wedged = max(filter(self._is_wedged, processes), key=self._silent_s, default=None)
        if wedged is None or not self._may_replace():
            return said
        state.replacing, state.replaced_s = wedged.name, state.lived_s
        fields: dict[str, object] = {
            "replaced": wedged.name,
            "pid": wedged.pid,
            "silent_s": round(self._silent_s(wedged), 3),
        }
        return [*said, LogEffect("error", "actor-replaced", fields), Kill(wedged)]

    def _watched(self, process: ProcessInfo, life: Life | None) -> Watched:
        """Return what is known of an actor, brought up to its present process."""
        state = self.state
        watched = state.actors.setdefault(process.name, Watched())
        if watched.pid != process.pid:
            watched = state.actors[process.name] = Watched(process.pid, state.lived_s)
        if not watched.begun and life is not None and life.pid == process.pid:
            if life.works or state.mono_s < life.works_from_s:
                watched.heard_s = state.lived_s  # waiting is not silence
            watched.begun = life.works
        return watched

    def _status(self, process: ProcessInfo, life: Life | None, watched: Watched) -> ActorStatus:
        age_s = 0.0 if process.name == self.name else self._silent_s(process)
        return ActorStatus(
            actor=process.name,
            state=process.state,
            pid=process.pid,
            started_ns=process.started_ns,
            restarts=life.starts - 1 if life is not None else 0,
            heartbeat_age_s=round(age_s, 3),
            lag_ms_max=watched.lag_ms_max,
        )

    def _silent_s(self, process: ProcessInfo) -> float:
        return self.state.lived_s - self.state.actors[process.name].heard_s

    def _is_wedged(self, process: ProcessInfo) -> bool:
        return (
            process.name != self.name
            and process.state == _RUNNING
            and self._silent_s(process) > self._silence_max_s(process)
        )

    def _silence_max_s(self, process: ProcessInfo) -> float:
        """Return how long an actor may be silent; while it waits after crashes it is not.

        Before it goes to work it loads its program, which takes what the disk takes.
        """
        timers = self.state.timers
        return timers.wedged_s if self.state.actors[process.name].begun else timers.crash_young_s

    def _may_replace(self) -> bool:
        """Say if the last one killed is back, or has had its time to be."""
        state = self.state
        last = state.actors.get(state.replacing)
        back = last is None or (last.beats and last.heard_s > state.replaced_s)
        return back or state.lived_s - state.replaced_s > state.timers.wedged_s


# --- shell ---------------------------------------------------------------------------------------


class Shell:
    """Asks supervisord, in threads, each for less than the time between two looks."""

    def __init__(self, settings: Environment) -> None:
        self.runtime: Runtime | None = None
        self._run_dir: Path = settings.run_dir
        self._supervisor = Supervisor(settings.run_dir, settings.timers.wedged_s / _LOOKS / 2)

    def perform(self, effect: Effect) -> None:
        """Begin what an effect asks for."""
        assert self.runtime is not None
        match effect:
            case Look():
                self.runtime.spawn(self._do(self._look), "look")
            case Kill(process):
                self.runtime.spawn(self._do(lambda: self._kill(process)), f"kill {process.name}")
            case _:
                raise AssertionError(f"nobody performs {effect}")

    async def _do(self, call: Callable[[], Event | None]) -> None:
        assert self.runtime is not None
        try:
            event = await asyncio.to_thread(call)
        except SupervisorError as error:
            event = SupervisordFailed(str(error))
        if event is not None:
            self.runtime.feed(event)

    def _look(self) -> Event:
        processes = self._supervisor.processes()
        names = [process.name for process in processes]
        lives = {name: read_life(life_path(self._run_dir, name)) for name in names}
        return ProcessesSeen(processes, {name: life for name, life in lives.items() if life})

    def _kill(self, process: ProcessInfo) -> None:
        self._supervisor.kill(process)


def main() -> None:
    """Run the watchdog until SIGTERM; the exit status is 1 after a failure."""
    settings = environment.read(os.environ)
    with begin(Watchdog.name, settings):
        log = Log(Watchdog.name, settings.log_level)
        built = version.current()
        log.started(built.version, built.commit, built.date)
        others = [name for name in settings.actor_names if name != Watchdog.name]
        node = Node(
            settings.run_dir,
            Watchdog.name,
            says=Watchdog.says,
            follows=dict.fromkeys(others, Watchdog.hears),
            timers=settings.timers,
        )
        shell = Shell(settings)
        actor = Watchdog(settings.timers)
        shell.runtime = Runtime(actor, node, log, settings.timers, perform=shell.perform)
        sys.exit(shell.runtime.run())


if __name__ == "__main__":
    main()
