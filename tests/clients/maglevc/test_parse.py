# SPDX-License-Identifier: Apache-2.0
"""Prefixes, ambiguity, errors and candidates, on a small table."""

import pytest

from maglev.clients.maglevc.actions import Quit
from maglev.clients.maglevc.grammar import Kind, compiled, number
from maglev.clients.maglevc.parse import END, BadLine, Command, candidates, parse

KINDS = {
    "name": Kind("name", "name of a thing", is_live=True),
    "num": number("1-9", "how many", 1, 9),
    "level": Kind("level", "a level", (("warn", "warnings"), ("wide", "all"), ("info", "less"))),
}
PATTERNS = (
    "show things",
    "show things <name>",
    "show thin",
    "show tables",
    "sync things [<name>] [dry-run]",
    "watch [num <num>] [log [level <level>]] [things]",
)
COMMANDS = [
    Command(compiled(one, KINDS, {"watch num": "a limit"}), f"help of {one}", Quit())
    for one in PATTERNS
]


def meant(line: str) -> tuple[str, dict[str, str]]:
    """Return the words in full and the values of a line."""
    parsed = parse(COMMANDS, line.split())
    return " ".join(parsed.words), dict(parsed.values)


def offered(line: str) -> dict[str, str]:
    """Return the candidates, with their help, at the end of a line."""
    *words, last = line.split(" ")
    return {one.text: one.help for one in candidates(COMMANDS, words, last)}


@pytest.mark.parametrize(
    ("line", "words", "values"),
    [
        ("show things", "show things", {}),
        ("sh ta", "show tables", {}),
        ("sh things web1", "show things", {"name": "web1"}),
        ("w", "watch", {}),
        ("w n 3 t", "watch num things", {"num": "3"}),
        ("w t l l i n 3", "watch things log level num", {"level": "info", "num": "3"}),
        ("w l l wi t", "watch log level things", {"level": "wide"}),
        ("w l t", "watch log things", {}),
    ],
)
def test_a_prefix_stands_for_its_word(line: str, words: str, values: dict[str, str]) -> None:
    assert meant(line) == (words, values)


def test_a_whole_word_wins_over_those_it_begins() -> None:
    assert meant("show thin") == ("show thin", {})


@pytest.mark.parametrize("name", ["d", "dry", "dry-ru"])
def test_a_name_wins_over_a_word_it_begins(name: str) -> None:
    assert meant(f"sync things {name}") == ("sync things", {"name": name})


def test_a_whole_word_wins_over_a_name() -> None:
    assert meant("sync things dry-run") == ("sync things dry-run", {})
    assert meant("sync things web dry-run") == ("sync things dry-run", {"name": "web"})


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("", "wanted show, sync or watch"),
        ("foo", "wanted show, sync or watch; got 'foo'"),
        ("s things", "'s' is ambiguous: show, sync"),
        ("show t", "after 'show': 't' is ambiguous: tables, thin, things"),
        ("show", "after 'show': wanted things, thin or tables"),
        ("show x", "after 'show': wanted things, thin or tables; got 'x'"),
        ("show tables x", "after 'show tables': wanted nothing more; got 'x'"),
        ("show things a b", "after 'show things a': wanted nothing more; got 'b'"),
        ("watch num", "after 'watch num': wanted <1-9> (how many)"),
        ("watch num 10", "after 'watch num': wanted <1-9> (how many); got '10'"),
        ("watch log level w", "after 'watch log level': 'w' is ambiguous: warn, wide"),
        ("watch num 3 num", "after 'watch num 3': wanted log or things; got 'num'"),
    ],
)
def test_an_error_says_where_what_was_wanted_and_what_came(line: str, text: str) -> None:
    with pytest.raises(BadLine) as error:
        meant(line)
    assert str(error.value) == text


def test_an_empty_word_stands_for_nothing() -> None:
    with pytest.raises(BadLine):
        parse(COMMANDS, ["show", "things", ""])
    with pytest.raises(BadLine):
        parse(COMMANDS, [""])


def test_candidates_begin_like_the_word_at_the_cursor() -> None:
    assert list(offered("show th")) == ["things", "thin"]
    assert list(offered("s")) == ["show", "sync"]
    assert offered("show x") == {}


def test_candidates_have_the_help_of_their_word_or_of_its_command() -> None:
    assert offered("w n")["num"] == "a limit"
    assert offered("show ta") == {"tables": "help of show tables"}


def test_where_the_line_may_end_it_is_offered() -> None:
    assert offered("show tables ") == {END: "help of show tables"}
    assert END not in offered("show ")
    assert END not in offered("show tables")


def test_an_argument_is_offered_with_its_kind_and_the_values_before_it() -> None:
    found = candidates(COMMANDS, ["show", "things"], "w")
    assert [(one.text, one.argument, one.help) for one in found] == [
        ("<name>", "name", "name of a thing")
    ]
    assert found[0].kind == KINDS["name"]
    [after] = [one for one in candidates(COMMANDS, ["watch", "num", "3", "log"], "le")]
    assert after.text == "level"


def test_the_choices_of_an_argument_are_offered_like_words() -> None:
    assert offered("watch log level w") == {"warn": "warnings", "wide": "all"}


def test_nothing_is_offered_after_words_that_are_wrong() -> None:
    with pytest.raises(BadLine, match="got 'foo'"):
        offered("foo bar ")
