# SPDX-License-Identifier: Apache-2.0
"""`python -m maglev.clients.demo`, or `make demo`: everything on this machine, until q or a signal.

Whatever ends it, nothing is left running and the terminal is as it was; look at `run`.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress

from maglev import environment
from maglev.clients.demo.show import Show
from maglev.clients.demo.stage import Stage, Unstageable
from maglev.clients.demo.terminal import Terminal, is_usable
from maglev.environment import BadEnvironment

STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Stopped(Exception):
    """A signal asks for the end."""


def main() -> int:
    """Run the demo and return the exit status: 0 stopped, 1 it could not run or maglevd ended."""
    try:
        stage = Stage(environment.read(os.environ))
    except BadEnvironment as error:
        print(f"demo: {error}", file=sys.stderr)
        return 2
    for number in STOPS:
        signal.signal(number, _stop)
    try:
        return run(stage)
    finally:
        stage.close()


def run(stage: Stage) -> int:
    """Start everything and show it until it is to end."""
    terminal: Terminal | None = None
    show: Show | None = None
    try:
        if is_usable():
            print("demo: starting ...", flush=True)
        stage.open()
        terminal = Terminal() if is_usable() else None
        show = Show(stage, terminal)
        show.run()
    except Unstageable as error:
        failure = str(error)
    except (Stopped, OSError):
        failure = ""  # OSError: whoever reads, or the terminal, is gone
    else:
        failure = ""
    finally:
        if terminal is not None:
            terminal.close()
        if show is not None:
            show.close()
    if failure:
        print(f"demo: {failure}", file=sys.stderr)
        return 1
    return 0


def _stop(number: int, frame: object) -> None:
    """End the demo once; the second signal does not disturb the cleaning up."""
    for again in STOPS:
        signal.signal(again, signal.SIG_IGN)
    raise Stopped


if __name__ == "__main__":
    status = main()
    with suppress(OSError):
        sys.stdout.flush()
    os._exit(status)
