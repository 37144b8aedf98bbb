# SPDX-License-Identifier: Apache-2.0
"""`watch events`: one event a line as JSON, until a key is pressed or nobody reads any more.

The stream is read where it is printed, so a slow terminal slows it down and the daemon tells what
was lost; a second thread only waits for the key.  Look at `watch`.
"""

from __future__ import annotations

import os
import select
import termios
import threading
import tty
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice

from maglev.clients.maglevc.as_json import as_line
from maglev.clients.maglevc.daemon import Daemon, Stream
from maglev.clients.maglevc.output import STDIN, STDOUT


def watch(
    daemon: Daemon, values: Mapping[str, str], words: tuple[str, ...], write: Callable[[str], None]
) -> None:
    """Print events as `watch events` was given; Ctrl-C ends it as any key does.  Raises Trouble."""
    stream = daemon.stream(
        "WatchEvents",
        {
            "log": "log" in words,
            "log_level": values.get("level", ""),
            "backend": "backend" in words,
            "frontend": "frontend" in words,
        },
    )
    limit = int(values["num"]) if "num" in values else None
    try:
        with _ends_at_a_key(stream):
            for event in islice(stream, limit):
                write(f"{as_line(event)}\n")
    except KeyboardInterrupt:
        pass
    finally:
        stream.cancel()


@contextmanager
def _ends_at_a_key(stream: Stream) -> Iterator[None]:
    """Cancel the stream when a key is pressed, or when whoever reads standard output is gone."""
    wake, waker = os.pipe()
    with _keys() as terminal:
        waiting = threading.Thread(target=_wait, args=(stream, wake, terminal), daemon=True)
        waiting.start()
        try:
            yield
        finally:
            os.close(waker)
            waiting.join()
            os.close(wake)


def _wait(stream: Stream, wake: int, terminal: int | None) -> None:
    poll = select.poll()
    poll.register(wake, 0)  # tells of its end without being asked to
    poll.register(STDOUT, 0)
    if terminal is not None:
        poll.register(terminal, select.POLLIN)
    poll.poll()
    stream.cancel()


@contextmanager
def _keys() -> Iterator[int | None]:
    """Yield the terminal, which tells of a key at once; None if we have none, or not now."""
    # A process in the background would be stopped for touching the terminal.
    if not os.isatty(STDIN) or os.tcgetpgrp(STDIN) != os.getpgrp():
        yield None
        return
    before = termios.tcgetattr(STDIN)
    tty.setcbreak(STDIN)
    keys = termios.tcgetattr(STDIN)
    keys[3] &= ~termios.ISIG  # Ctrl-C is a key like any other
    termios.tcsetattr(STDIN, termios.TCSANOW, keys)
    try:
        yield STDIN
    finally:
        # The key itself is not to be read by whoever reads next.
        termios.tcsetattr(STDIN, termios.TCSAFLUSH, before)
