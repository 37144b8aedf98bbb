# SPDX-License-Identifier: Apache-2.0
"""Who watches the demo: somebody at a terminal, or whoever reads lines from a pipe.

The terminal gets whole screens, and is as it was before when it is closed; input is raw, so that
Ctrl-C is a key like any other and does not end `make` with an error.  The state is the terminal's
own settings, kept for `close`.
"""

from __future__ import annotations

import os
import re
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import suppress
from typing import Final, Protocol

from maglev.clients.demo.styled import Row, Style

_SGR: Final[dict[Style, str]] = {
    "plain": "0",
    "bold": "0;1",
    "dim": "0;2",
    "bar": "0;7",
    "chosen": "0;1;7",
    "good": "0;32",
    "doubt": "0;33",
    "bad": "0;1;31",
    "vpp": "0;36",
    "you": "0;35",
}
_ENTER: Final = "\x1b[?1049h\x1b[?25l"
_LEAVE: Final = "\x1b[0m\x1b[?25h\x1b[?1049l"
_ARROWS: Final = {"A": "up", "B": "down", "C": "right", "D": "left"}
# CSI or SS3 sequences as one key, anything else as a character.
_KEY: Final = re.compile(r"\x1b[\[O][0-9;]*([A-Za-z~])|(.)", re.S)


def keys_in(text: str) -> Iterator[str]:
    """Yield the keys in what was read: characters, and `up`, `down`, `left`, `right`."""
    for found in _KEY.finditer(text):
        if found[2] is not None:
            yield found[2]
        elif found[1] in _ARROWS:
            yield _ARROWS[found[1]]


class Gone(Exception):
    """Nobody watches any more."""


class Audience(Protocol):
    """Who watches."""

    def size(self) -> tuple[int, int] | None:
        """Return columns and rows; None if there is no screen."""

    def draw(self, rows: list[Row]) -> None:
        """Show a whole screen; raises Gone."""

    def tell(self, line: str) -> None:
        """Show one more line of the story; raises Gone."""

    def close(self) -> None:
        """Leave everything as it was."""


class Reader:
    """Gets the story line by line and no screens."""

    def size(self) -> tuple[int, int] | None:
        """Return None: there is no screen."""
        return None

    def draw(self, rows: list[Row]) -> None:
        """Show nothing."""

    def tell(self, line: str) -> None:
        """Print a line at once; raises Gone."""
        _write(f"{line}\n")

    def close(self) -> None:
        """Do nothing."""


class Terminal:
    """The terminal of this process, taken over until `close`."""

    def __init__(self) -> None:
        self._fd = sys.stdin.fileno()
        self._before = termios.tcgetattr(self._fd)
        self._drawn = ""
        tty.setraw(self._fd)
        _write(_ENTER)

    def size(self) -> tuple[int, int] | None:
        """Return columns and rows."""
        try:
            size = os.get_terminal_size(sys.stdout.fileno())
        except OSError:
            return 80, 24
        return max(1, size.columns), max(1, size.lines)

    def draw(self, rows: list[Row]) -> None:
        """Show rows from the top left corner on, if they differ from what is shown; raises Gone."""
        lines = ["".join(f"\x1b[{_SGR[span.style]}m{span.text}" for span in row) for row in rows]
        text = "\r\n".join(f"{line}\x1b[0m\x1b[K" for line in lines)
        if text != self._drawn:
            self._drawn = text
            # Between these two marks terminals that know them show nothing half drawn.
            _write(f"\x1b[?2026h\x1b[H{text}\x1b[J\x1b[?2026l")

    def tell(self, line: str) -> None:
        """Do nothing: the story is part of the screen."""

    def close(self) -> None:
        """Give the terminal back as it was; it may be gone."""
        with suppress(Gone):
            _write(_LEAVE)
        with suppress(termios.error):
            termios.tcsetattr(self._fd, termios.TCSADRAIN, self._before)


def _write(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        # Python flushes once more at the end, and there is nobody to flush to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise Gone from error


def audience() -> Audience:
    """Return the terminal if there is one on both sides that can be drawn on, else a reader."""
    both = sys.stdin.isatty() and sys.stdout.isatty()
    return Terminal() if both and os.environ.get("TERM", "dumb") != "dumb" else Reader()
