# SPDX-License-Identifier: Apache-2.0
"""Log lines: JSON, one object a line, on standard output, without ever waiting for its reader.

    log = Log("aggregator", level="info")
    log.started(version, commit, date)
    log.write("info", "config-reload", {"revision": 3})
    log.close(deadline_s=1.0)

Lines go into a bounded queue that a thread of its own writes out: a pipe that nobody reads stops
that thread and nothing else.  (O_NONBLOCK would change the pipe for everybody who shares it, and
between a poll and a write another process may fill it.)  What finds no room is dropped and counted,
and the count is written as soon as lines flow again.  Look at `_write_out` for the thread.
"""

from __future__ import annotations

import json
import os
import select
import threading
import time
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from maglev.messages import LogLevel

QUEUE_BYTES_MAX: Final = 1 << 20
"""Lines waiting to be written; a few thousand."""

LEVELS: Final[dict[LogLevel, int]] = {"debug": 0, "info": 1, "warn": 2, "error": 3}

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, default=str)
_FIRST: Final = ("time", "level", "msg", "actor")
# PIPE_BUF: what is written at once into a pipe appears there at once, so that supervisord, which
# mixes the output of all actors by the chunk, never has half a line.  Longer lines take the chance.
_BATCH_BYTES_MAX: Final = 4096 - 256  # and a line that counts the dropped


class Log:
    """The log of one process, under the name of its actor."""

    def __init__(self, actor: str, level: LogLevel = "info", fd: int = 1) -> None:
        self.actor = actor
        self.dropped = 0  # lines dropped since start
        self._threshold = LEVELS[level]
        self._fd = fd
        self._wake = threading.Condition()
        self._lines: deque[bytes] = deque()
        self._queued_bytes = 0
        self._untold = 0  # lines dropped and not reported yet
        self._closing = False
        self._thread: threading.Thread | None = None

    def passes(self, level: LogLevel) -> bool:
        """Return whether lines of this level are written at all."""
        return LEVELS[level] >= self._threshold

    def started(self, version: str, commit: str, date: str) -> None:
        """Write the first line of a process."""
        fields: dict[str, object] = {"version": version, "commit": commit, "date": date}
        self.write("info", "starting", fields)

    def write(
        self,
        level: LogLevel,
        msg: str,
        fields: Mapping[str, object] | None = None,
        at_ns: int | None = None,
    ) -> None:
        """Queue one line; at_ns is unix time, now by default.

        Fields that JSON does not know are written as text; a field that is called like one of the
        first four gets an underscore behind its name.
        """
        if not self.passes(level):
            return
        at_ns = time.time_ns() if at_ns is None else at_ns
        self.forward(self._line(level, msg, fields or {}, at_ns))

    def forward(self, line: bytes) -> None:
        """Queue a line that another process has made, its end included."""
        with self._wake:
            if self._closing or self._queued_bytes + len(line) > QUEUE_BYTES_MAX:
                self.dropped += 1
                self._untold += 1
                return
            self._lines.append(line)
            self._queued_bytes += len(line)
            if self._thread is None:
                # Not before the first line: a thread keeps the privileges it was born with.
                self._thread = threading.Thread(target=self._write_out, name="log", daemon=True)
                self._thread.start()
            self._wake.notify()

    def close(self, deadline_s: float) -> None:
        """Write what is queued, for deadline_s seconds at most; lines after that are dropped."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join(deadline_s)

    def _line(self, level: LogLevel, msg: str, fields: Mapping[str, object], at_ns: int) -> bytes:
        line: dict[str, object] = {
            "time": rfc3339(at_ns),
            "level": level,
            "msg": msg,
            "actor": self.actor,
        }
        for name, value in fields.items():
            line[f"{name}_" if name in _FIRST else name] = value
        text = _ENCODER.encode(line)
        return text.encode(errors="backslashreplace") + b"\n"

    def _write_out(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._lines or self._closing)
                lines = self._take()
                # Told behind the last line that waits, where the gap is.
                tells = 0 if self._lines else self._untold
                self._untold -= tells
            batch = b"".join(lines)
            if tells:
                batch += self._line("warn", "log-dropped", {"lines": tells}, time.time_ns())
            if not batch:
                return
            if _write_all(self._fd, batch):
                continue
            with self._wake:
                self.dropped += len(lines)
                self._untold += len(lines) + tells
                if self._closing and not self._lines:
                    return

    def _take(self) -> list[bytes]:
        lines: list[bytes] = []
        room_bytes = _BATCH_BYTES_MAX
        while self._lines and (not lines or len(self._lines[0]) <= room_bytes):
            line = self._lines.popleft()
            self._queued_bytes -= len(line)
            room_bytes -= len(line)
            lines.append(line)
        return lines


def rfc3339(at_ns: int) -> str:
    """Return unix nanoseconds as UTC with microseconds, `2026-01-31T12:00:00.000001Z`."""
    seconds, nanoseconds = divmod(at_ns, 1_000_000_000)
    return f"{_second(seconds)}.{nanoseconds // 1000:06d}Z"


@lru_cache(maxsize=4)
def _second(seconds: int) -> str:
    # A full sync writes thousands of lines within one.
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


def _write_all(fd: int, batch: bytes) -> bool:
    """Return whether the batch was written; it was not if nobody can read it any more."""
    left = memoryview(batch)
    while left:
        try:
            left = left[os.write(fd, left) :]
        except BlockingIOError:
            # Somebody who shares this output has made it non-blocking.
            poller = select.poll()
            poller.register(fd, select.POLLOUT)
            poller.poll()
        except OSError:
            return False
    return True
