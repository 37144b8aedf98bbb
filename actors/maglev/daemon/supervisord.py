# SPDX-License-Identifier: Apache-2.0
"""supervisord as maglevd starts it: it ends with maglevd, and hears its signals at once.

Run as `python -m maglev.daemon.supervisord <pid of maglevd> <arguments of supervisord>`.  maglevd
has started it in a session of its own and with SIGHUP blocked, which it keeps, as do its children:
supervisord would restart everything on SIGHUP.  The state is one socket in supervisord's map.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from contextlib import suppress

from supervisor.medusa.asyncore_25 import socket_map  # type: ignore[import-untyped]
from supervisor.supervisord import main  # type: ignore[import-untyped]

from maglev.privileges import die_with_parent


class SignalWaker:
    """Wakes supervisord's loop when a signal comes.

    Python goes on polling after a signal, so a dead child or SIGTERM would wait for the end of the
    poll, up to a second.
    """

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        socket_map[self._reader.fileno()] = self

    def readable(self) -> bool:
        """Say that this is waited for."""
        return True

    def writable(self) -> bool:
        """Say that nothing is ever written here."""
        return False

    def handle_read_event(self) -> None:
        """Forget the signals: that the loop is awake is all that was wanted."""
        with suppress(BlockingIOError):
            self._reader.recv(4096)


if __name__ == "__main__":
    die_with_parent()
    if os.getppid() != int(sys.argv[1]):
        sys.exit("maglevd is gone")
    waker = SignalWaker()
    main(sys.argv[2:])
