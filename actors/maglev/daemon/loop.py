# SPDX-License-Identifier: Apache-2.0
"""maglevd while it runs: carries out what rule.py decides, hears signals, empties one pipe.

One loop that waits for signals, for text from supervisord and for answers of its two helper
threads (a reload, a look at supervisord); nothing in it blocks.  The state is one Daemon.  This
process adopts every orphan below it, so that `_kill` can end all there is.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue

from maglev import version
from maglev.daemon.helper import Helper
from maglev.daemon.layout import supervisor_d, supervisord_conf
from maglev.daemon.output import LineJoiner, foreign, is_json
from maglev.daemon.reload import ask_reload, describe
from maglev.daemon.rule import Do, Phase, Supervision
from maglev.environment import Environment
from maglev.log import Log
from maglev.messages import Answer
from maglev.privileges import adopt_orphans
from maglev.process import forget_lives
from maglev.supervisor_rpc import Supervisor, SupervisorError

_CHUNK_BYTES = 1 << 17
_LOG_CLOSE_S = 1.0
_REAP_S = 2.0
_STOPS = (signal.SIGTERM, signal.SIGINT)
_HEARD = (*_STOPS, signal.SIGHUP, signal.SIGCHLD)


class Daemon:
    """supervisord and everything under it, for as long as nobody says stop."""

    def __init__(self, settings: Environment) -> None:
        self._settings = settings
        self._id = f"{os.getpid()}:{time.time_ns()}"  # tells this start of the daemon from others
        self._log = Log("maglevd", settings.log_level)
        self._rule = Supervision(settings.timers, time.monotonic())
        self._selector = selectors.DefaultSelector()
        self._posted: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._woken, self._waker = socket.socketpair()
        self._pid = 0  # of supervisord; 0: none
        self._pipe = -1  # its stdout and stderr
        self._joiner = LineJoiner()
        self._looker, self._reloader = Helper("look"), Helper("reload")
        self._looking = False
        self._look_s = 0.0  # when to look again
        self._reloads = 0  # asked for and not answered, the one under way included
        self._finished = False

    def run(self) -> int:
        """Supervise until SIGTERM or SIGINT; return the exit status."""
        built = version.current()
        self._log.started(built.version, built.commit, built.date)
        adopt_orphans()
        forget_lives(self._settings.run_dir)
        self._hear_signals()
        self._selector.register(self._woken, selectors.EVENT_READ, self._wake)
        try:
            while not self._finished:
                now_s = time.monotonic()
                self._do(self._rule.look(now_s))
                self._look(now_s)
                for key, _ in self._selector.select(max(0.0, self._rule.due_s(now_s) - now_s)):
                    key.data()
        finally:
            self._kill()
            self._log.write("info", "stopped")
            self._log.close(_LOG_CLOSE_S)
        return 0

    # --- what is heard ---------------------------------------------------------------------------

    def _hear_signals(self) -> None:
        self._woken.setblocking(False)
        self._waker.setblocking(False)
        # Bytes in the socket are signal numbers; 0 says that a thread has posted something.
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        for number in _HEARD:
            signal.signal(number, lambda number, frame: None)

    def _wake(self) -> None:
        heard = set(self._woken.recv(4096))
        if heard & set(_STOPS):
            self._do(self._rule.stop(time.monotonic()))
        if signal.SIGHUP in heard:
            self._reload()
        self._reap()
        while True:
            try:
                posted = self._posted.get_nowait()
            except Empty:
                return
            posted()

    def _post(self, call: Callable[[], None]) -> None:
        """Have the loop call something; for threads."""
        self._posted.put(call)
        with suppress(BlockingIOError):  # full: it will wake up anyway
            self._waker.send(b"\0")

    def _reap(self) -> None:
        """Bury every child that has ended, orphans we adopted among them."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self._pid:
                self._bury_supervisord(os.waitstatus_to_exitcode(status))

    def _read(self) -> bool:
        """Log what supervisord's pipe holds, and say if it held anything."""
        if self._pipe < 0:  # gone with the supervisord that another event told of
            return False
        try:
            chunk = os.read(self._pipe, _CHUNK_BYTES)
        except BlockingIOError:
            return False
        self._log_lines(self._joiner.feed(chunk))
        if not chunk and self._pipe in self._selector.get_map():
            self._selector.unregister(self._pipe)
        return bool(chunk)

    def _log_lines(self, lines: list[bytes]) -> None:
        for line in lines:
            if is_json(line):
                self._log.forward(line + b"\n")
            else:
                self._log.write(*foreign(line))

    # --- what is done ----------------------------------------------------------------------------

    def _do(self, what: Do | None) -> None:
        match what:
            case Do.START:
                self._start()
            case Do.STOP:
                self._log.write("info", "stopping")
                os.kill(self._pid, signal.SIGTERM)
            case Do.KILL:
                self._log.write("error", "supervisord-killed", {"pid": self._pid})
                os.kill(self._pid, signal.SIGKILL)
            case Do.FINISH:
                self._finished = True
            case None:
                pass

    def _start(self) -> None:
        # Left by one that was killed; the next would take its time to find that out.
        (self._settings.run_dir / "supervisor.sock").unlink(missing_ok=True)
        reader, writer = os.pipe()
        try:
            self._pid = self._spawn(writer)
        except OSError as error:  # no process, no memory: another time
            os.close(reader)
            self._log.write("error", "supervisord-failed", {"error": str(error)})
            self._do(self._rule.died(time.monotonic()))
            return
        finally:
            os.close(writer)
        os.set_blocking(reader, False)
        self._pipe, self._joiner = reader, LineJoiner()
        self._selector.register(reader, selectors.EVENT_READ, self._read)
        fields = {"pid": self._pid, "restarts": self._rule.life.starts - 1}
        self._log.write("info", "supervisord-started", fields)

    def _spawn(self, writer: int) -> int:
        """Start supervisord with both its outputs into a pipe; return its pid."""
        arguments = [sys.executable, "-m", "maglev.daemon.supervisord", str(os.getpid())]
        arguments += ["-n", "-c", str(supervisord_conf())]
        if os.geteuid() == 0:
            arguments += ["-u", "root"]  # says that this is meant
        return os.posix_spawn(
            sys.executable,
            arguments,
            {
                **os.environ,
                **self._settings.variables(),
                "MAGLEV_DAEMON": self._id,
                "MAGLEV_PYTHON": sys.executable,
                "MAGLEV_SUPERVISOR_D": supervisor_d(),
            },
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, writer, 1),
                (os.POSIX_SPAWN_DUP2, writer, 2),
            ],
            # No signal of a terminal reaches it, and SIGHUP, on which it would restart
            # everything, nobody's.
            setsid=True,
            setsigmask=[signal.SIGHUP],
        )

    def _bury_supervisord(self, status: int) -> None:
        self._pid = 0
        self._kill()
        while self._read():
            pass
        self._log_lines(self._joiner.end())
        if self._pipe in self._selector.get_map():
            self._selector.unregister(self._pipe)
        os.close(self._pipe)
        self._pipe = -1
        now_s = time.monotonic()
        self._do(self._rule.died(now_s))
        if not self._finished:
            wait_s = round(self._rule.due_s(now_s) - now_s, 3)
            fields = {"status": status, "wait_s": wait_s}
            self._log.write("error", "supervisord-died", fields)

    def _kill(self) -> None:
        """End every process below this one, and bury it."""
        give_up_s = time.monotonic() + _REAP_S
        while time.monotonic() < give_up_s:
            for pid in _children():
                os.kill(pid, signal.SIGKILL)
            try:
                if os.waitpid(-1, os.WNOHANG) == (0, 0):
                    time.sleep(0.002)
            except ChildProcessError:
                return

    def _look(self, now_s: float) -> None:
        """Ask supervisord whether it lives, every look_s and once at a time."""
        if self._rule.phase is Phase.RUNNING and not self._looking and now_s >= self._look_s:
            self._looking, self._look_s = True, now_s + self._rule.pace_s
            self._looker.run(self._ask_supervisord)

    def _ask_supervisord(self) -> None:
        try:
            Supervisor(self._settings.run_dir, self._rule.look_s).state()
        except SupervisorError:
            self._post(lambda: self._looked(False))
        else:
            self._post(lambda: self._looked(True))

    def _looked(self, answered: bool) -> None:
        self._looking = False
        if answered:
            self._rule.answered(time.monotonic())

    def _reload(self) -> None:
        """Have the aggregator read its file; asked again meanwhile, once more after that."""
        if self._reloads < 2:
            self._reloads += 1
            self._reloader.run(self._ask_aggregator)

    def _ask_aggregator(self) -> None:
        answer = ask_reload(self._settings)
        self._post(lambda: self._reloaded(answer))

    def _reloaded(self, answer: Answer) -> None:
        self._reloads -= 1
        self._log.write(*describe(answer))


def _children() -> list[int]:
    """Return the pids of all children of this process, adopted ones included."""
    mine = str(os.getpid())
    children = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            _, _, rest = path.read_text(encoding="utf-8", errors="replace").rpartition(") ")
        except OSError:
            continue  # ended just now
        if rest.split()[1] == mine:
            children.append(int(path.parent.name))
    return children
