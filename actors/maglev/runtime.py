# SPDX-License-Identifier: Apache-2.0
"""The generic half of every actor: bus and clock in, effects out, a heartbeat every second.

    log = Log("programmer", environment.log_level)
    node = Node(run_dir, actor.name, says=actor.says, answers=actor.answers,
                follows={"aggregator": actor.hears}, timers=timers)
    runtime = Runtime(actor, node, log, timers, perform=shell.perform)
    sys.exit(runtime.run(shell.serve))           # asyncio; tasks only by runtime.spawn(coro, name)

    runtime.start(); ...                          # or in a loop of one's own (prober):
    due_s = runtime.turn()                        # when runtime.fileno() is readable, after feed(),
                                                  # and when the due_s of the last turn has come

The state of the actor is the actor's; here is only what is due: the wake, the heartbeat, events
that the shell feeds.  An exception in a handler is a broken invariant: it leaves `turn`, and `run`
logs it and ends the process.  Look at `turn` for the order of things.
"""

from __future__ import annotations

import asyncio
import signal
import time
import traceback
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final

from maglev.actor import Actor, Ask, Effect, Event, Instant, Publish, Reply, WakeAt, Woke
from maglev.actor import Log as LogEffect
from maglev.bus.node import LIMIT, Node
from maglev.bus.notes import Kind, Note
from maglev.core.timers import Timers
from maglev.log import Log
from maglev.messages import LogLevel, LogLine

FED_MAX: Final = 100_000
"""Events of the shell that may wait; more means that the shell does not keep to its own bounds."""

_CLOSE_S: Final = 1.0
_NOTE_LEVELS: Final[dict[Kind, LogLevel]] = {
    "garbage": "warn",
    "resync": "info",
    "rebuild": "debug",
    "unsayable": "error",
    "unsent": "warn",
}
_INFINITY: Final = float("inf")


def instant() -> Instant:
    """Return this moment on both clocks."""
    return Instant(time.monotonic(), time.time_ns())


class Runtime:
    """Drives one actor; owns nothing that the actor knows."""

    def __init__(
        self,
        actor: Actor,
        node: Node,
        log: Log,
        timers: Timers,
        perform: Callable[[Effect], None] | None = None,
    ) -> None:
        """Effects that are not generic go to `perform`; without it there must be none."""
        self.node = node
        self.log = log
        self._actor = actor
        self._timers = timers
        self._perform = perform
        self._fed: deque[Event] = deque()
        self._wake_s = _INFINITY
        self._beat_s = 0.0
        self._due_s = _INFINITY
        self._lag_s_max = 0.0
        self._noted_s: dict[Kind, float] = {}
        self._unwritten = 0  # notes not logged since there were too many
        self._driver: _Driver | None = None

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when a turn is needed."""
        return self.node.fileno()

    def start(self) -> None:
        """Let the actor begin; to be called once, before the first turn."""
        now = instant()
        self._carry_out(self._actor.start(now), now)

    def feed(self, event: Event) -> None:
        """Hand the actor an event of its shell, in the next turn."""
        assert len(self._fed) < FED_MAX, f"{len(self._fed)} events wait, the last one {event}"
        self._fed.append(event)
        if self._driver is not None:
            self._driver.turn_soon()

    def turn(self) -> float:
        """Handle what has happened, a bounded part of it; return when the next turn is due.

        The result is CLOCK_MONOTONIC seconds; in the past if there is more to do at once.
        """
        now = instant()
        if now.mono_s > self._due_s:
            self._lag_s_max = max(self._lag_s_max, now.mono_s - self._due_s)
        for event in self.node.receive(now.mono_s):
            self._carry_out(self._actor.handle(event, now), now)
        for _ in range(min(LIMIT, len(self._fed))):
            self._carry_out(self._actor.handle(self._fed.popleft(), now), now)
        if now.mono_s >= self._wake_s:
            self._wake_s = _INFINITY
            self._carry_out(self._actor.handle(Woke(), now), now)
        self._log_notes(now)
        if now.mono_s >= self._beat_s:
            self.node.beat(self._lag_s_max * 1000)
            self._beat_s = now.mono_s + self._timers.heartbeat_s
            self._lag_s_max = 0.0
        self.node.flush()
        due_s = min(self.node.tick(now.mono_s), self._wake_s, self._beat_s)
        if self._fed:
            due_s = now.mono_s
        self._due_s = max(due_s, now.mono_s)
        return due_s

    def spawn(self, coroutine: Coroutine[Any, Any, None], name: str) -> None:
        """Run a task of the shell; the process ends if it ends with an exception."""
        assert self._driver is not None, f"{name}: no loop runs"
        self._driver.spawn(coroutine, name)

    def stop(self) -> None:
        """End `run` cleanly, as SIGTERM does."""
        assert self._driver is not None, "no loop runs"
        self._driver.stop()

    def run(self, serve: Callable[[], Coroutine[Any, Any, None]] | None = None) -> int:
        """Drive the actor, and `serve` beside it, until SIGTERM; return the exit status.

        When it ends all tasks are cancelled and waited for, stop_s seconds at most.
        """
        failure = asyncio.run(self._run(serve))
        if failure is None:
            self.log.write("info", "stopped")
        else:
            log_failure(self.log, failure)
        self.node.close()
        self.log.close(_CLOSE_S)
        return 0 if failure is None else 1

    async def _run(
        self, serve: Callable[[], Coroutine[Any, Any, None]] | None
    ) -> BaseException | None:
        self._driver = _Driver(self, self._timers.stop_s / 2)
        try:
            return await self._driver.drive(serve)
        finally:
            self._driver = None

    def _carry_out(self, effects: Iterable[Effect], now: Instant) -> None:
        for effect in effects:
            match effect:
                case Publish(message):
                    self.node.publish(message)
                case Reply(caller, answer, visible):
                    self.node.reply(caller, answer, visible)
                case WakeAt(mono_s):
                    self._wake_s = mono_s
                case LogEffect(level, msg, fields):
                    self._write(level, msg, fields, now)
                case Ask(speaker, request, deadline_s, ask_id):
                    self.node.ask(speaker, request, deadline_s, ask_id)
                case _:
                    assert self._perform is not None, f"nobody performs {effect}"
                    self._perform(effect)

    def _write(self, level: LogLevel, msg: str, fields: dict[str, object], now: Instant) -> None:
        self.log.write(level, msg, fields, now.unix_ns)
        if self.node.listened(LogLine):  # at any level: listeners have a threshold of their own
            name = self._actor.name
            line = LogLine(actor=name, at_ns=now.unix_ns, level=level, msg=msg, fields=fields)
            self.node.publish(line)

    def _log_notes(self, now: Instant) -> None:
        """Log what went wrong on the bus, of each kind at most once every heartbeat_s."""
        for note in self.node.take_notes():
            if now.mono_s < self._noted_s.get(note.kind, 0.0):
                self._unwritten += 1
                continue
            self._noted_s[note.kind] = now.mono_s + self._timers.heartbeat_s
            self._write(_NOTE_LEVELS[note.kind], f"bus-{note.kind}", self._fields(note), now)

    def _fields(self, note: Note) -> dict[str, object]:
        fields: dict[str, object] = {"peer": note.peer, "detail": note.text}
        if self._unwritten:
            fields["unwritten"] = self._unwritten
            self._unwritten = 0
        return fields


class _Driver:
    """The asyncio loop around a Runtime."""

    def __init__(self, runtime: Runtime, stop_s: float) -> None:
        self._runtime = runtime
        self._stop_s = stop_s
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._tasks: set[asyncio.Task[None]] = set()
        self._next: asyncio.Handle | None = None

    async def drive(
        self, serve: Callable[[], Coroutine[Any, Any, None]] | None
    ) -> BaseException | None:
        """Return what went wrong, when it has; None after `stop`."""
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self.stop)
        self._loop.add_reader(self._runtime.fileno(), self._turn)
        try:
            self._runtime.start()
            if serve is not None:
                self.spawn(serve(), "serve")
            self.turn_soon()
            await self._ended
        except Exception as error:
            return error
        else:
            return None
        finally:
            self._loop.remove_reader(self._runtime.fileno())
            if self._next is not None:
                self._next.cancel()
            await self._cancel()

    def spawn(self, coroutine: Coroutine[Any, Any, None], name: str) -> None:
        task = self._loop.create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def stop(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)

    def turn_soon(self) -> None:
        self._turn_at(0.0)

    def _turn_at(self, due_s: float) -> None:
        if self._next is not None:
            self._next.cancel()
        if due_s <= self._loop.time():
            self._next = self._loop.call_soon(self._turn)
        else:
            self._next = self._loop.call_at(due_s, self._turn)

    def _turn(self) -> None:
        if self._ended.done():
            return
        try:
            due_s = self._runtime.turn()
        except Exception as error:
            self._ended.set_exception(error)
        else:
            self._turn_at(due_s)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not self._ended.done():
            self._ended.set_exception(error)

    async def _cancel(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=self._stop_s)


def log_failure(log: Log, failure: BaseException) -> None:
    """Log the broken invariant that ends the process."""
    trace = "".join(traceback.format_exception(failure))
    log.write("error", "failed", {"error": repr(failure), "traceback": trace})
