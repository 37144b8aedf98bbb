# SPDX-License-Identifier: Apache-2.0
"""How the process of an actor begins: alone, under its supervisor, without privileges, not at once.

supervisord restarts whatever ends, at once and for ever; slowing a crash loop down is done here.
The state is `<run-dir>/<actor>.lock`: the lock on it makes the process the only one of its name,
its text is the Life of the last process that held it.  Look at `next_life` for the rule, at
`begin` and `take_place` for the order.
"""

from __future__ import annotations

import faulthandler
import fcntl
import gc
import json
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NoReturn

from maglev.core.timers import Timers
from maglev.environment import Environment
from maglev.log import Log
from maglev.messages import LogLevel
from maglev.privileges import Capability, die_with_parent, keep_only

LOCK_POLL_S = 0.1

_LINE_BYTES = 160
_LOG_CLOSE_S = 0.5
_STOPS = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True, slots=True)
class Life:
    """One process of an actor, as its lock file tells; times are CLOCK_MONOTONIC."""

    pid: int
    starts: int = 1  # processes of this actor since the daemon started, this one included
    crashes: int = 0  # that died young in a row before this one
    works_from_s: float = 0.0  # until then it only waits
    works: bool = False  # its program is loaded and goes to work
    ended: bool = False  # it was stopped and had time to say so


def next_life(previous: Life | None, pid: int, now_s: float, timers: Timers) -> Life:
    """Return the life of a process that begins at now_s after `previous` is over.

    Died within crash_young_s of its work: one more crash, wait 1, 2, 4 .. backoff_max_s seconds
    (scaled).  Died while it waited: the appointment stands.
    """
    if previous is None or previous.works_from_s > now_s + timers.backoff_max_s:
        return Life(pid, works_from_s=now_s)  # none, or of another boot
    again = Life(pid, starts=previous.starts + 1, works_from_s=now_s)
    if previous.ended or now_s - previous.works_from_s >= timers.crash_young_s:
        return again
    if previous.works_from_s > now_s:
        return replace(again, crashes=previous.crashes, works_from_s=previous.works_from_s)
    crashes = previous.crashes + 1
    return replace(again, crashes=crashes, works_from_s=now_s + backoff_s(crashes, timers))


def backoff_s(crashes: int, timers: Timers) -> float:
    """Return the seconds to wait after so many crashes in a row: 0, 1, 2, 4 .. backoff_max_s."""
    if crashes == 0:
        return 0.0
    # Beyond 2^20 the exponent changes nothing and the float would overflow one day.
    return min(timers.backoff_first_s * 2.0 ** min(crashes - 1, 20), timers.backoff_max_s)


def life_path(run_dir: Path, actor: str) -> Path:
    """Return where the lock and the life of an actor are kept."""
    return run_dir / f"{actor}.lock"


def read_life(path: Path) -> Life | None:
    """Return what an actor's lock file tells, or None if it tells nothing."""
    try:
        return Life(**json.loads(path.read_text(encoding="ascii")))
    except (OSError, ValueError, TypeError):
        return None


def forget_lives(run_dir: Path) -> None:
    """Let every actor start without a wait; the files stay, as somebody may hold a lock on one."""
    for path in run_dir.glob("*.lock"):
        os.truncate(path, 0)


def take_place(actor: str, environment: Environment) -> Life:
    """Become the only process of this name, and wait as long as the crashes before ask for.

    Stop signals are blocked afterwards, until `begin`.  Raises OSError if the run directory cannot
    be used.  Called twice, it does nothing the second time: the launcher was here already.
    """
    if actor in _places:
        return _places[actor].life
    os.umask(0o007)
    die_with_parent()
    _leave_if_orphaned()
    path = life_path(environment.run_dir, actor)
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    _wait_for(lock)
    life = next_life(read_life(path), os.getpid(), time.monotonic(), environment.timers)
    place = _places[actor] = _Place(lock, life)
    place.write()
    if life.works_from_s > time.monotonic():
        _tell(actor, environment.log_level, life)
    try:
        _wait(life.works_from_s)
    except SystemExit:
        place.leave()
        raise
    return life


@contextmanager
def begin(
    actor: str, environment: Environment, keep: Collection[Capability] = ()
) -> Iterator[Life]:
    """Run the body of an actor's main() as the process of that name.

    Comes before the first thread.  Ends the process with status 0 on SIGTERM or SIGINT until the
    body handles these itself.  Leaving the body normally counts as a clean stop, an exception as a
    crash.
    """
    assert threading.active_count() == 1, f"{threading.enumerate()=}: capabilities are per thread"
    faulthandler.enable()
    keep_only(keep)
    take_place(actor, environment)
    place = _places[actor]
    place.life = replace(place.life, works=True)
    place.write()
    for number in _STOPS:
        signal.signal(number, _stop)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # for maglevd alone
    # What is imported by now lives as long as the process: no need to look at it again.
    gc.collect()
    gc.freeze()
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
        yield place.life
    except SystemExit as stop:
        if not stop.code:
            place.leave()
        raise
    place.leave()


@dataclass(slots=True)
class _Place:
    """The lock this process holds under a name."""

    lock: int
    life: Life

    def write(self) -> None:
        """Tell the life to whoever reads the file."""
        # One write of one length: a reader never sees half of it.
        line = json.dumps(asdict(self.life)).encode("ascii").ljust(_LINE_BYTES - 1) + b"\n"
        assert len(line) == _LINE_BYTES, f"{line=}"
        os.pwrite(self.lock, line, 0)

    def leave(self) -> None:
        """Note that it is given up in good order."""
        self.life = replace(self.life, ended=True)
        self.write()


_places: dict[str, _Place] = {}


def _leave_if_orphaned() -> None:
    """End if supervisord died before die_with_parent: it alone holds the other end of stdin."""
    if "SUPERVISOR_ENABLED" not in os.environ:
        return
    poll = select.poll()
    poll.register(0, 0)
    if poll.poll(0):
        sys.exit("supervisord is gone")


def _wait_for(lock: int) -> None:
    """Lock a file, once whoever else holds it is gone."""
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _wait(time.monotonic() + LOCK_POLL_S)
        else:
            return


def _tell(actor: str, level: LogLevel, life: Life) -> None:
    log = Log(actor, level)
    wait_s = round(life.works_from_s - time.monotonic(), 3)
    log.write("warn", "actor-backoff", {"crashes": life.crashes, "wait_s": wait_s})
    log.close(_LOG_CLOSE_S)


def _wait(until_s: float) -> None:
    """Wait until CLOCK_MONOTONIC is until_s; a stop signal, blocked by now, ends the process."""
    while (left_s := until_s - time.monotonic()) > 0:
        if signal.sigtimedwait(_STOPS, left_s) is not None:
            sys.exit(0)


def _stop(number: int, frame: object) -> NoReturn:
    sys.exit(0)
