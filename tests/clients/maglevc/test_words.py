# SPDX-License-Identifier: Apache-2.0
"""How a line falls into words, and how a word is typed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maglev.clients.maglevc.trouble import BadLine
from maglev.clients.maglevc.words import Split, quoted, split, words_of


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", []),
        ("   ", []),
        ("show", ["show"]),
        ("  show\tbackends  web1 ", ["show", "backends", "web1"]),
        ("show 'a b'", ["show", "a b"]),
        ('show "a \\"b\\" c"', ["show", 'a "b" c']),
        ("show 'a\\b'", ["show", "a\\b"]),
        ("it\\'s", ["it's"]),
        ("a'b c'd", ["ab cd"]),
        ("show ''", ["show", ""]),
    ],
)
def test_blanks_part_words_unless_they_are_quoted(line: str, words: list[str]) -> None:
    assert words_of(line) == words


@pytest.mark.parametrize("line", ["'", "show 'a b", 'show "a\\"', "it's"])
def test_a_quote_that_is_not_closed_is_an_error(line: str) -> None:
    with pytest.raises(BadLine, match="no closing"):
        words_of(line)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("show ba", Split(["show"], "ba", 5, "")),
        ("show ba ", Split(["show", "ba"], "", 8, "")),
        ("show 'a b", Split(["show"], "a b", 5, "'")),
        ("", Split([], "", 0, "")),
    ],
)
def test_the_word_at_the_cursor_is_known_with_its_place_and_quote(line: str, found: Split) -> None:
    assert split(line) == found


@given(st.text(min_size=1), st.sampled_from(["", "'", '"']))
def test_a_quoted_word_reads_as_itself(word: str, quote: str) -> None:
    assert words_of(quoted(word, quote)) == [word]


@pytest.mark.parametrize(
    ("word", "quote", "typed"),
    [
        ("web1", "", "web1"),
        ("web1", '"', '"web1"'),
        ("web1", "'", "'web1'"),
        ("a b", "", "'a b'"),
        ("it's", "", '"it\'s"'),
        ("it's", "'", '"it\'s"'),
    ],
)
def test_quotes_are_used_where_needed_or_begun(word: str, quote: str, typed: str) -> None:
    assert quoted(word, quote) == typed
