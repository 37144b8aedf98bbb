# SPDX-License-Identifier: Apache-2.0
"""Where answers go, and what they may look like there: colours, width, text or JSON."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from maglev.clients.render import Line, Page, Span, Style, painted

STDIN: Final = 0
STDOUT: Final = 1


@dataclass(frozen=True, slots=True)
class Output:
    """Where answers go, and what they may look like there."""

    write: Callable[[str], None]  # prints what comes bit by bit
    show: Callable[[str], None]  # prints one whole answer, perhaps through a pager
    warn: Callable[[str], None]  # prints what is no answer
    width: Callable[[], int | None]  # of the terminal, now
    color: bool
    json: bool

    def page(self) -> Page:
        """Return what is laid out for now."""
        return Page(self.width(), time.time_ns())

    def lines(self, lines: Sequence[Line]) -> None:
        """Print lines of one answer."""
        self.show(painted(lines, color=self.color))

    def complain(self, text: str, style: Style = "bad") -> None:
        """Print what went wrong, or is to be known besides."""
        lines = [(Span(line, style),) for line in text.splitlines()]
        self.warn(painted(lines, color=self.color))


def terminal_width() -> int | None:
    """Return the width of the terminal that standard output is; None if it is none."""
    return _size()[0] or None


def terminal_rows() -> int | None:
    """Return the height of the terminal that standard output is; None if it is none."""
    return _size()[1] or None


def _size() -> tuple[int, int]:
    # Of the terminal itself: $COLUMNS and $LINES may be of another one, or of another time.
    try:
        return os.get_terminal_size(STDOUT)
    except OSError:
        return 0, 0


def to_stdout(text: str) -> None:
    """Print at once."""
    sys.stdout.write(text)
    sys.stdout.flush()


def to_stderr(text: str) -> None:
    """Print at once."""
    sys.stderr.write(text)
    sys.stderr.flush()
