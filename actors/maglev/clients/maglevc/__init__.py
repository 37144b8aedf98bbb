# SPDX-License-Identifier: Apache-2.0
"""maglevc: look at a running maglevd and steer it, one command at a time or in a shell.

With a command it does that and ends; without one, on a terminal, it is a shell; otherwise it reads
commands, one a line.  What takes time to load is loaded when it is needed: gRPC for a command that
calls the daemon, cmd2 for the shell.  Look at `run`.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TextIO

from maglev.clients.maglevc.help import command_lines
from maglev.clients.maglevc.output import (
    STDIN,
    STDOUT,
    Output,
    terminal_width,
    to_stderr,
    to_stdout,
)
from maglev.clients.maglevc.parse import parse
from maglev.clients.maglevc.table import COMMANDS
from maglev.clients.maglevc.trouble import BadLine, Trouble
from maglev.clients.maglevc.words import checked, words_of
from maglev.clients.render import Page, painted
from maglev.flags import HELP, VERSION, BadUsage, Flag, usage
from maglev.flags import parse as parse_flags

if TYPE_CHECKING:
    from maglev.clients.maglevc.daemon import Daemon

FLAGS = (
    Flag(
        "server",
        "MAGLEV_SERVER",
        "localhost:9090",
        "the daemon: host:port, [address]:port or unix:/path",
    ),
    Flag(
        "color",
        "MAGLEV_COLOR",
        "",
        "colours; without it in the shell on a terminal only",
        switch=True,
    ),
    Flag("o", "MAGLEV_OUTPUT", "text", "how to print answers: text, or json"),
    Flag("tls-ca", "MAGLEV_TLS_CA", "", "file of the CA that has signed the daemon's certificate"),
    Flag("tls-cert", "MAGLEV_TLS_CERT", "", "file of the certificate to show to the daemon"),
    Flag("tls-key", "MAGLEV_TLS_KEY", "", "file of its key"),
    VERSION,
    HELP,
)


def main() -> None:
    """Run maglevc as a program."""
    sys.exit(run(sys.argv[1:], os.environ))


def run(arguments: Sequence[str], variables: Mapping[str, str]) -> int:
    """Do what the command line asks for and return the exit status.

    0 done; 1 the daemon refused, or cannot be reached; 2 no such command, flag or value.
    """
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="surrogateescape" if stream is sys.stdin else "replace")
    try:
        values, words = parse_flags(FLAGS, arguments, variables)
        if values["help"] == "true":
            to_stdout(f"{usage('maglevc', FLAGS)}\n\ncommands (without one: a shell)\n")
            to_stdout(painted(command_lines(COMMANDS, "", Page(terminal_width(), 0)), color=False))
            return 0
        if values["version"] == "true":
            from maglev import version

            to_stdout(f"{version.current().text('maglevc')}\n")
            return 0
        if values["o"] not in ("text", "json"):
            raise BadUsage(f"-o: wanted text or json, got '{values['o']}'")
        return _run(values, words, variables)
    except BadUsage as error:
        to_stderr(f"maglevc: {error}\n")
        return 2
    except BrokenPipeError:
        # Python flushes once more at the end, and there is nobody to flush to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), STDOUT)
        return 0
    except KeyboardInterrupt:
        return 130


def _run(values: Mapping[str, str], words: list[str], variables: Mapping[str, str]) -> int:
    is_shell = not words and os.isatty(STDIN) and os.isatty(STDOUT)
    color = values["color"] == "true" if values["color"] else is_shell and _likes_color(variables)
    is_json = values["o"] == "json"
    output = Output(to_stdout, to_stdout, to_stderr, terminal_width, color=color, json=is_json)
    try:
        if checked(words) and words[-1] != "?":
            parse(COMMANDS, words)  # before all that takes time
        daemon = _daemon(values)
        if is_shell:
            from maglev.clients.maglevc.shell import Shell

            return Shell(daemon, output, variables).cmdloop()
        from maglev.clients.maglevc.run import carry_out

        for line in [words] if words else _lines(sys.stdin):
            if carry_out(line, daemon, output):
                break
    except (BadLine, Trouble) as error:
        output.complain(str(error))
        return 2 if isinstance(error, BadLine) else 1
    return 0


def _daemon(values: Mapping[str, str]) -> Daemon:
    from maglev.clients.connect import Tls, server
    from maglev.clients.maglevc.daemon import Daemon

    tls = Tls(values["tls-ca"], values["tls-cert"], values["tls-key"])
    return Daemon(server(values["server"]), tls)


def _lines(stream: TextIO) -> Iterator[list[str]]:
    """Yield the words of each line but of those that are empty or begin with a '#'."""
    for line in stream:
        words = checked(words_of(line))
        if words and not words[0].startswith("#"):
            yield words


def _likes_color(variables: Mapping[str, str]) -> bool:
    """Return whether a terminal shows colours, and its user wants them (https://no-color.org)."""
    return variables.get("TERM", "dumb") != "dumb" and not variables.get("NO_COLOR")
