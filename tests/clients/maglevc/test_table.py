# SPDX-License-Identifier: Apache-2.0
"""The table itself: it says what it must, and nothing in it contradicts itself."""

from itertools import combinations
from typing import Any

import pytest

from maglev.clients.maglevc.actions import Call
from maglev.clients.maglevc.grammar import Argument, Place, Word, is_end, steps, written
from maglev.clients.maglevc.parse import END, Command, candidates, parse
from maglev.clients.maglevc.table import COMMANDS, KINDS, TABLE
from maglev.rpc.maglev_pb2 import DESCRIPTOR

SERVICE = DESCRIPTOR.services_by_name["Maglev"]
NOT_YET = {"GetVPPLBCounters", "PlanSync", "PlanConfig", "PlanChange"}
CALLS = [one for one in COMMANDS if isinstance(one.action, Call)]


def lines_of(place: Place, said: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return all lines of a command, as parts."""
    found = [said] if is_end(place) else []
    for part, after in steps(place):
        found += lines_of(after, (*said, part))
    return found


def spelled(parts: tuple[Any, ...]) -> list[str]:
    """Return a line with something in the place of each argument."""
    words = []
    for part in parts:
        match part:
            case Word(text):
                words.append(text)
            case Argument(kind=kind):
                example = "7" if kind.is_number else "web-7"
                words.append(kind.choices[0][0] if kind.choices else example)
    return words


def name_of(command: Command) -> str:
    return written(command.place)


def test_every_call_of_the_service_has_its_command() -> None:
    called = {one.action.rpc for one in CALLS if isinstance(one.action, Call)} | {"WatchEvents"}
    assert called == {method.name for method in SERVICE.methods} - NOT_YET


@pytest.mark.parametrize("command", CALLS, ids=name_of)
def test_a_call_gives_every_argument_to_a_field_of_the_request(command: Command) -> None:
    assert isinstance(command.action, Call)
    request = SERVICE.methods_by_name[command.action.rpc].input_type
    assert set(command.action.fields) <= set(request.fields_by_name)
    arguments = {
        part.name for line in lines_of(command.place) for part in line if isinstance(part, Argument)
    }
    assert set(command.action.fields.values()) == arguments


@pytest.mark.parametrize("command", COMMANDS, ids=name_of)
def test_every_line_of_a_command_is_that_command(command: Command) -> None:
    for line in lines_of(command.place):
        parsed = parse(COMMANDS, spelled(line))
        assert parsed.command is command
        assert parsed.words == tuple(part.text for part in line if isinstance(part, Word))


@pytest.mark.parametrize("command", COMMANDS, ids=name_of)
def test_every_line_can_be_typed_word_by_word_with_what_is_offered(command: Command) -> None:
    for line in lines_of(command.place):
        words = spelled(line)
        for at, part in enumerate(line):
            offered = candidates(COMMANDS, words[:at], "")
            shown = written((part,)) if isinstance(part, Argument) else words[at]
            texts = {one.text for one in offered} | {one.argument for one in offered}
            assert {shown, words[at]} & texts, f"{words[:at]}: {texts}"
        assert END in {one.text for one in candidates(COMMANDS, words, "")}


def test_no_word_of_the_table_begins_another_that_may_stand_in_its_place() -> None:
    for command in COMMANDS:
        for line in lines_of(command.place):
            words = spelled(line)
            for at in range(len(words)):
                texts = [one.text for one in candidates(COMMANDS, words[:at], "")]
                for one, other in combinations(texts, 2):
                    assert not one.startswith(other), (words[:at], one, other)
                    assert not other.startswith(one), (words[:at], one, other)


@pytest.mark.parametrize("entry", TABLE, ids=lambda one: one.pattern)
def test_every_line_of_help_is_short_and_no_sentence(entry: Any) -> None:
    assert 3 < len(entry.help) <= 72
    assert not entry.help.endswith(".")


def test_every_word_has_its_help() -> None:
    for command in COMMANDS:
        for line in lines_of(command.place):
            words = spelled(line)
            for at in range(len(words)):
                assert all(one.help for one in candidates(COMMANDS, words[:at], ""))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("sh ba nginx0", "show backends"),
        ("sh fr", "show frontends"),
        ("show backend web1", "show backends"),
        ("show healthcheck", "show healthchecks"),
        ("sh vp l s", "show vpp lb state"),
        ("sh vp i", "show vpp info"),
        ("sh au n 5", "show audit num"),
        ("sy v l s", "sync vpp lb state"),
        ("se b web1 p", "set backend pause"),
        ("se b web1 r", "set backend resume"),
        ("se b web1 d", "set backend disable"),
        ("se b web1 e", "set backend enable"),
        ("se f www p primary b web1 w 0", "set frontend pool backend weight"),
        ("w e", "watch events"),
        ("w e n 3 l l d b f", "watch events num log level backend frontend"),
        ("c c", "config check"),
        ("c r", "config reload"),
        ("q", "quit"),
        ("e", "exit"),
        ("h", "help"),
        ("h sh", "help"),
    ],
)
def test_the_usual_short_forms_work(line: str, words: str) -> None:
    assert " ".join(parse(COMMANDS, line.split()).words) == words


@pytest.mark.parametrize(
    ("weight", "fits"),
    [("0", True), ("100", True), ("101", False), ("-1", False), ("ten", False)],
)
def test_a_weight_is_0_to_100(weight: str, *, fits: bool) -> None:
    assert KINDS["weight"].fits(weight) is fits
