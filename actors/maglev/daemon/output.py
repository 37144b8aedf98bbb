# SPDX-License-Identifier: Apache-2.0
"""What comes out of supervisord's pipe, made into lines of our log.

All children write through supervisord into one pipe, so what comes out is a mixture: JSON lines of
the actors, supervisord's own log, and what an interpreter says when it dies.  The state is the
beginning of a line that has not ended yet; everything else here is a function of a line.
"""

from __future__ import annotations

import re

from maglev.messages import LogLevel

LINE_BYTES_MAX = 1 << 16

_SUPERVISORD = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} ([A-Z]{4}) (.*)")
_LEVELS: dict[str, LogLevel] = {"WARN": "warn", "ERRO": "error", "CRIT": "error"}
# What supervisord does all the time is for debugging, as every process says itself that it starts;
# but it also tells so of what it cannot start.
_INFO_BAD = ("spawnerr: ", "gave up: ")

# Critical, thinks supervisord; its socket is guarded by the mode of the socket and its directory.
_GUARDED = "running without any HTTP authentication checking"


class LineJoiner:
    """Makes lines of the chunks that come out of supervisord's pipe."""

    def __init__(self) -> None:
        self._begun = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the lines that are complete now, without their ends; cut at LINE_BYTES_MAX."""
        *lines, self._begun = (self._begun + chunk).split(b"\n")
        while len(self._begun) > LINE_BYTES_MAX:
            lines.append(self._begun[:LINE_BYTES_MAX])
            self._begun = self._begun[LINE_BYTES_MAX:]
        return [line for line in lines if line.strip()]

    def end(self) -> list[bytes]:
        """Return what is left when no more will come."""
        return self.feed(b"\n")


def is_json(line: bytes) -> bool:
    """Say if a line is one of ours, as far as its ends tell."""
    return line.startswith(b'{"') and line.endswith(b"}")


def foreign(line: bytes) -> tuple[LogLevel, str, dict[str, object]]:
    """Return level, msg and fields for a line that no actor's log has written.

    supervisord's own, or what an interpreter says on stderr when it dies.
    """
    text = line.decode("utf-8", "replace")
    match = _SUPERVISORD.fullmatch(text)
    if match is None:
        return "warn", "output", {"text": text}
    letters, said = match.groups()
    level = _LEVELS.get(letters, "error" if said.startswith(_INFO_BAD) else "debug")
    return "debug" if _GUARDED in said else level, "supervisord", {"text": said}
