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
from maglev.clients.demo.terminal import Gone, audience
from maglev.environment import BadEnvironment

STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Stopped(Exception):
    """A signal asks for the end."""


def main() -> int:
    """Run the demo and return the exit status: 0 stopped, 1 it cannot run, 2 bad environment."""
    try:
        stage = Stage(environment.read(os.environ))
    except BadEnvironment as error:
        _say(str(error))
        return 2
    for number in STOPS:
        signal.signal(number, _stop)
    try:
        run(stage)
    except (Stopped, Gone):
        pass
    except Unstageable as error:
        _say(str(error))
        return 1
    finally:
        _ignore_stops()
        _say("stopping ...")
        stage.close()
    return 0


def run(stage: Stage) -> None:
    """Start everything and show it until it is to end."""
    _say("starting a simulated VPP, five web servers and maglevd ...")
    stage.open()
    watching = audience()
    try:
        show = Show(stage, watching)
        try:
            show.run()
        finally:
            show.close()
    finally:
        watching.close()


def _stop(number: int, frame: object) -> None:
    # Once: the next signal shall not disturb the cleaning up.
    _ignore_stops()
    raise Stopped


def _ignore_stops() -> None:
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)


def _say(text: str) -> None:
    with suppress(OSError):  # a terminal that was closed
        print(f"demo: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
