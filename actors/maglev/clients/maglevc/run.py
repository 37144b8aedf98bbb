# SPDX-License-Identifier: Apache-2.0
"""Carries a command out: calls the daemon, and prints its answer as text or as JSON.

There is no state here: the connection is the Daemon's, and what is known of the terminal stands in
Output.  Look at `carry_out`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from maglev.clients.maglevc.actions import Call, Help, Quit, Watch
from maglev.clients.maglevc.daemon import Answer, Daemon
from maglev.clients.maglevc.help import candidate_lines, command_lines
from maglev.clients.maglevc.names import known, on_offer
from maglev.clients.maglevc.output import Output
from maglev.clients.maglevc.parse import Parsed, parse
from maglev.clients.maglevc.table import COMMANDS, KINDS
from maglev.clients.maglevc.trouble import Trouble

LISTED_MAX: Final = 20  # names in one message


def carry_out(words: Sequence[str], daemon: Daemon, output: Output) -> bool:
    """Carry out the command that these words are, and return whether it asks to leave the shell.

    Raises BadLine and Trouble.
    """
    if words[-1:] == ["?"]:
        offered = on_offer(daemon, words[:-1], "")
        output.lines(candidate_lines(offered, output.page()))
        return False
    parsed = parse(COMMANDS, words)
    match parsed.command.action:
        case Call() as call:
            _answer(call, _ask(call, parsed, daemon), output)
        case Watch():
            from maglev.clients.maglevc.watch import watch  # seldom wanted, and takes its time

            watch(daemon, parsed.values, parsed.words, output.write)
        case Help():
            first = parsed.values.get("word", "")
            output.lines(command_lines(COMMANDS, first, output.page()))
        case Quit():
            return True
    return False


def _ask(call: Call, parsed: Parsed, daemon: Daemon) -> Answer:
    """Call the daemon; where nothing is changed, the begin of a name is enough."""
    values = dict(parsed.values)
    try:
        return daemon.call(call.rpc, _request(call, values), call.deadline_s)
    except Trouble as trouble:
        if not trouble.not_found or parsed.words[0] != "show":
            raise
        for argument, begin in values.items():
            names = [name for name, _ in known(daemon, argument, {}) if name.startswith(begin)]
            if len(names) > 1:
                listed = ", ".join(names[:LISTED_MAX]) + (", ..." if names[LISTED_MAX:] else "")
                raise Trouble(f"{argument} '{begin}' is ambiguous: {listed}") from trouble
            if not names:
                raise
            values[argument] = names[0]
    return daemon.call(call.rpc, _request(call, values), call.deadline_s)


def _request(call: Call, values: Mapping[str, str]) -> dict[str, object]:
    return {
        field: int(values[argument]) if KINDS[argument].is_number else values[argument]
        for field, argument in call.fields.items()
        if argument in values
    }


def _answer(call: Call, answer: Answer, output: Output) -> None:
    problem = call.problem(answer.message) if call.problem is not None else ""
    if output.json:
        from maglev.clients.maglevc.as_json import as_document

        output.show(f"{as_document(answer.message)}\n")
    elif not problem:
        output.lines(call.render(answer.message, output.page()))
    if answer.stale:
        output.complain(answer.stale, "doubt")
    if problem:
        raise Trouble(problem)
