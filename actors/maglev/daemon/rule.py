# SPDX-License-Identifier: Apache-2.0
"""When supervisord is to be started, stopped and killed: decided here, done in loop.py.

The state is one Supervision; times are seconds of CLOCK_MONOTONIC.  supervisord is restarted as
actors are (the same backoff), and killed when it has not answered for wedged_s.
"""

from __future__ import annotations

from enum import Enum, auto

from maglev.core.timers import Timers
from maglev.process import Life, next_life

# What is left of timers.stop_s for the kernel to end and us to reap what had to be killed.
_REAP_S = 1.0

_LOOKS = 5  # within wedged_s
_LOOKS_AT_FIRST = 20  # for each of those

# Woken later than this many looks behind time, we were stopped ourselves and know nothing.
_LOOKS_MISSED = 3


class Do(Enum):
    """What the loop is to do."""

    START = auto()  # supervisord
    STOP = auto()  # ask supervisord to stop everything
    KILL = auto()  # supervisord and everything under it
    FINISH = auto()  # leave


class Phase(Enum):
    """Where supervisord is in its life."""

    WAITING = auto()  # to be started at life.works_from_s
    RUNNING = auto()
    STOPPING = auto()


class Supervision:
    """What maglevd knows of its supervisord."""

    def __init__(self, timers: Timers, now_s: float) -> None:
        self.phase = Phase.WAITING
        self.life: Life = next_life(None, 0, now_s, timers)
        self._timers = timers
        # Processes end in real time, however short the other timers of a test are.
        self._stop_s = Timers().stop_s - _REAP_S
        self._looked_s = now_s
        self._alive_s = now_s  # last answer, or what counts as one
        self._answered = False  # since its start
        self._kill_s = 0.0

    @property
    def look_s(self) -> float:
        """Return how often supervisord is to be asked for an answer, and how long that may take."""
        return self._timers.wedged_s / _LOOKS

    @property
    def pace_s(self) -> float:
        """Return in which time to ask again.

        A new supervisord is asked more often: its loop does nothing for its first second, unless
        somebody calls.
        """
        return self.look_s if self._answered else self.look_s / _LOOKS_AT_FIRST

    def due_s(self, now_s: float) -> float:
        """Return when `look` is to be called next, at the latest."""
        match self.phase:
            case Phase.WAITING:
                return self.life.works_from_s
            case Phase.RUNNING:
                return now_s + self.pace_s
            case Phase.STOPPING:
                return self._kill_s

    def look(self, now_s: float) -> Do | None:
        """Return what it is time for."""
        if now_s - self._looked_s > _LOOKS_MISSED * self.look_s:
            self._alive_s = now_s
        self._looked_s = now_s
        match self.phase:
            case Phase.WAITING if now_s >= self.life.works_from_s:
                self.phase, self._alive_s, self._answered = Phase.RUNNING, now_s, False
                return Do.START
            case Phase.RUNNING if now_s - self._alive_s > self._patience_s():
                self._alive_s = now_s
                return Do.KILL
            case Phase.STOPPING if now_s >= self._kill_s:
                self._kill_s = now_s + _REAP_S
                return Do.KILL
            case _:
                return None

    def answered(self, now_s: float) -> None:
        """Note that supervisord lives."""
        self._alive_s, self._answered = now_s, True

    def died(self, now_s: float) -> Do | None:
        """Note that supervisord is gone, and everything it had with it."""
        if self.phase is Phase.STOPPING:
            return Do.FINISH
        self.life = next_life(self.life, 0, now_s, self._timers)
        self.phase = Phase.WAITING
        return None

    def stop(self, now_s: float) -> Do:
        """Note that somebody wants all of it stopped; asked twice, they want it now."""
        match self.phase:
            case Phase.WAITING:
                return Do.FINISH
            case Phase.RUNNING:
                self.phase, self._kill_s = Phase.STOPPING, now_s + self._stop_s
                return Do.STOP
            case Phase.STOPPING:
                return Do.KILL

    def _patience_s(self) -> float:
        return self._timers.wedged_s if self._answered else self._timers.crash_young_s
