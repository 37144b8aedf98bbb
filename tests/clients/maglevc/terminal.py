# SPDX-License-Identifier: Apache-2.0
"""maglevc in a pseudo terminal, as somebody who types sees it."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
from pathlib import Path

from tests.clients.maglevc.screen import Screen
from tests.support import eventually

# The terminal becomes the one that Ctrl-C of this process comes from.
MAIN = """
import fcntl, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from maglev.clients.maglevc import main
main()
"""
COMMAND = [sys.executable, "-c", MAIN]
PROGRAM = [sys.executable, "-c", "from maglev.clients.maglevc import main; main()"]


class Terminal:
    """One maglevc at a terminal; what it wrote is read all the time."""

    def __init__(
        self, home: Path, *arguments: str, columns: int = 80, rows: int = 50, **variables: str
    ) -> None:
        self._screen = Screen(columns, rows)
        self._lock = threading.Lock()
        self.raw = ""
        self._fd, inside = pty.openpty()
        fcntl.ioctl(inside, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        inherited = {name: value for name, value in os.environ.items() if "MAGLEV" not in name}
        terminal = {"HOME": str(home), "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"}
        self.process = subprocess.Popen(
            [*COMMAND, *arguments],
            stdin=inside,
            stdout=inside,
            stderr=inside,
            env={**inherited, **terminal, **variables},
            start_new_session=True,
        )
        os.close(inside)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def text(self) -> str:
        """Return everything that is or was on the screen."""
        with self._lock:
            return self._screen.text()

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._fd, keys.encode())

    def shows(self, *texts: str) -> None:
        """Wait until the screen ends with these lines."""
        wanted = "\n".join(texts)
        try:
            eventually(lambda: self.text().endswith(wanted))
        except AssertionError as error:
            raise AssertionError(f"wanted:\n{wanted}\ngot:\n{self.text()}") from error

    def ends(self) -> int:
        """Wait for the end, and return the exit status."""
        status = self.process.wait(20)
        self._reader.join(20)
        return status

    def close(self) -> None:
        """Kill what still runs."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        self._reader.join(20)
        os.close(self._fd)

    def _read(self) -> None:
        while True:
            select.select([self._fd], [], [])
            try:
                text = os.read(self._fd, 65536).decode(errors="replace")
            except OSError:  # the other side is closed
                return
            with self._lock:
                self.raw += text
                self._screen.feed(text)
