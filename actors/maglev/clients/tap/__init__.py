# SPDX-License-Identifier: Apache-2.0
"""maglev-tap: what the actors of a running maglevd say to each other, decoded, one a line.

It only listens, and whatever becomes of it no actor waits for it.  Messages go to standard output,
words about the connection to standard error.  Look at `run` for the order of things.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Mapping, Sequence

from maglev import environment, version
from maglev.bus.sockets import BusError
from maglev.clients.tap.attach import NotAttached, attached
from maglev.clients.tap.choose import Choice, choose
from maglev.clients.tap.lines import Line, as_json, as_text
from maglev.clients.tap.listen import Tap
from maglev.environment import BadEnvironment, Environment
from maglev.flags import HELP, VERSION, BadUsage, Flag, parse, usage

FLAGS = (
    Flag("run-dir", "MAGLEV_RUN_DIR", str(Environment().run_dir), "run directory of the daemon"),
    Flag(
        "actor",
        "MAGLEV_TAP_ACTOR",
        "",
        "only what these actors say: 'aggregator', 'prober-*'; several with commas",
        many=True,
    ),
    Flag(
        "message",
        "MAGLEV_TAP_MESSAGE",
        "",
        "only these messages: a name, its beginning, or with * ?; several with commas. LogLine, "
        "ProbeStarted and ProbeFinished are said only while somebody asks for them here",
        many=True,
    ),
    Flag(
        "name",
        "MAGLEV_TAP_NAME",
        "",
        "only what is about these objects: 'web2', 'www*'; several with commas",
        many=True,
    ),
    Flag("o", "MAGLEV_TAP_OUTPUT", "text", "how to print: text, or json, one object a line"),
    Flag(
        "all",
        "MAGLEV_TAP_ALL",
        "false",
        "also what is repeated without news, heartbeats among it",
        switch=True,
    ),
    Flag("snapshot", "", "false", "print the state as it is now, and exit", switch=True),
    Flag("color", "MAGLEV_TAP_COLOR", "", "colours; without it on a terminal only", switch=True),
    VERSION,
    HELP,
)


def main() -> None:
    """Run maglev-tap as a program."""
    sys.exit(run(sys.argv[1:], os.environ))


def run(arguments: Sequence[str], variables: Mapping[str, str]) -> int:
    """Do what the command line asks for and return the exit status.

    0 done, or stopped by a signal or by whoever reads; 1 nobody to listen to; 2 command line.
    """
    try:
        values, rest = parse(FLAGS, arguments, variables)
        if rest:
            raise BadUsage(f"wanted flags only, got '{rest[0]}'")
        if values["o"] not in ("text", "json"):
            raise BadUsage(f"-o: wanted text or json, got '{values['o']}'")
        settings = environment.read({**variables, "MAGLEV_RUN_DIR": values["run-dir"]})
        choice = choose(
            _words(values["message"]),
            _words(values["name"]),
            _words(values["actor"]),
            everything=values["all"] == "true",
        )
    except (BadUsage, BadEnvironment) as error:
        _tell(str(error))
        return 2
    if values["help"] == "true":
        print(usage("maglev-tap", FLAGS))
        return 0
    if values["version"] == "true":
        print(version.current().text("maglev-tap"))
        return 0
    return _listen(settings, choice, values)


def _listen(settings: Environment, choice: Choice, values: Mapping[str, str]) -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    color = values["color"] == "true" if values["color"] else sys.stdout.isatty()

    def show(line: Line) -> None:
        print(as_json(line) if values["o"] == "json" else as_text(line, color=color), flush=True)

    try:
        actors = [actor for actor in attached(settings.run_dir) if choice.follows(actor)]
        if not actors:
            there = ", ".join(attached(settings.run_dir))
            raise NotAttached(f"{settings.run_dir}: no actor is called that; there are {there}")
        tap = Tap(settings, choice, show, _tell)
        try:
            if values["snapshot"] == "true":
                return _missing(tap.snapshot(actors))
            tap.live(_has_reader)
        finally:
            tap.close()
    except (NotAttached, BusError) as error:
        _tell(str(error))
        return 1
    except BrokenPipeError:
        # Python flushes once more at the end, and there is nobody to flush to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        pass
    return 0


def _missing(silent: Sequence[str]) -> int:
    for actor in silent:
        _tell(f"{actor} did not tell its state")
    return 1 if silent else 0


def _has_reader() -> bool:
    """Return whether somebody still reads what we print."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return not poll.poll(0)


def _tell(text: str) -> None:
    print(f"maglev-tap: {text}", file=sys.stderr, flush=True)


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]
