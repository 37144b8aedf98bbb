# SPDX-License-Identifier: Apache-2.0
"""The terminal: rows of styled text out, keys in, and everything as it was when it is closed.

It uses the alternate screen and raw input, so that Ctrl-C is a key like any other and does not end
`make` with an error.  The state is the terminal's own settings, kept for `close`.
"""

from __future__ import annotations

import os
import re
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

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


def is_usable() -> bool:
    """Return whether there is a terminal on both sides that can be drawn on."""
    both = sys.stdin.isatty() and sys.stdout.isatty()
    return both and os.environ.get("TERM", "dumb") != "dumb"


class Terminal:
    """The terminal of this process, taken over until `close`."""

    def __init__(self) -> None:
        self._fd = sys.stdin.fileno()
        self._before = termios.tcgetattr(self._fd)
        self._drawn = ""
        tty.setraw(self._fd)
        self._write(_ENTER)

    def size(self) -> tuple[int, int]:
        """Return columns and rows."""
        try:
            size = os.get_terminal_size(sys.stdout.fileno())
        except OSError:
            return 80, 24
        return max(1, size.columns), max(1, size.lines)

    def draw(self, rows: list[Row]) -> None:
        """Show rows from the top left corner on, if they differ from what is shown."""
        lines = ["".join(f"\x1b[{_SGR[span.style]}m{span.text}" for span in row) for row in rows]
        text = "\r\n".join(f"{line}\x1b[0m\x1b[K" for line in lines)
        if text != self._drawn:
            self._drawn = text
            # Between these two marks terminals that know them show nothing half drawn.
            self._write(f"\x1b[?2026h\x1b[H{text}\x1b[J\x1b[?2026l")

    def close(self) -> None:
        """Give the terminal back as it was; it may be gone."""
        with suppress(OSError):
            self._write(_LEAVE)
        with suppress(termios.error):
            termios.tcsetattr(self._fd, termios.TCSADRAIN, self._before)

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()
