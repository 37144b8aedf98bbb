# SPDX-License-Identifier: Apache-2.0
"""How patterns of the table are read, and what may come next."""

import pytest

from maglev.clients.maglevc.grammar import (
    Argument,
    Kind,
    Options,
    Place,
    Word,
    compiled,
    is_end,
    number,
    steps,
    written,
)

KINDS = {"num": number("n", "a number", 1, 9), "name": Kind("name", "a name")}


def place(pattern: str) -> Place:
    return compiled(pattern, KINDS, {})


def ends_of(start: Place) -> set[str]:
    """Return every line, as written, that a place can be walked to its end by."""
    found = {""} if is_end(start) else set()
    for part, after in steps(start):
        found |= {f"{written((part,))} {rest}".strip() for rest in ends_of(after)}
    return found


def test_a_pattern_is_words_and_arguments() -> None:
    name = Argument("name", KINDS["name"])
    assert place("show <name> now") == (Word("show"), name, Word("now"))


def test_options_side_by_side_are_one_choice() -> None:
    assert place("a [b] [c]") == (Word("a"), Options(((Word("b"),), (Word("c"),))))


def test_options_come_in_any_order_each_once_or_not_at_all() -> None:
    assert ends_of(place("a [b] [c]")) == {"a", "a b", "a c", "a b c", "a c b"}


def test_an_option_within_an_option_needs_the_outer_one() -> None:
    assert ends_of(place("a [b [c <num>]] [d]")) == {
        *("a", "a b", "a d", "a b d", "a d b"),
        *("a b c <n>", "a d b c <n>", "a b c <n> d"),
    }


@pytest.mark.parametrize("pattern", ["show", "a <name> [b <num>] [c]", "a [b [c <num>]] [d]"])
def test_a_pattern_is_written_as_it_was_read(pattern: str) -> None:
    assert written(place(pattern)) == pattern.replace("<num>", "<n>")


def test_a_word_has_the_help_of_the_words_that_lead_to_it() -> None:
    helps = {"a": "first", "a b": "second", "a b c": "third", "a d": "fourth"}
    assert compiled("a [b [c]] [d]", KINDS, helps) == (
        Word("a", "first"),
        Options(
            (
                (Word("b", "second"), Options(((Word("c", "third"),),))),
                (Word("d", "fourth"),),
            )
        ),
    )


@pytest.mark.parametrize("pattern", ["Show", "a_b", "a {b}", "<a", "a,b"])
def test_a_pattern_with_anything_else_in_it_is_a_mistake(pattern: str) -> None:
    with pytest.raises(AssertionError):
        place(pattern)


@pytest.mark.parametrize(
    ("word", "fits"),
    [
        *(("1", True), ("9", True), ("0", False), ("10", False), ("", False), ("-1", False)),
        *(("1.0", False), ("²", False), ("٣", False), ("1" * 5000, False), ("x", False)),
    ],
)
def test_a_number_fits_within_its_bounds(word: str, *, fits: bool) -> None:
    assert KINDS["num"].fits(word) is fits
