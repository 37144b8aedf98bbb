# SPDX-License-Identifier: Apache-2.0
"""How text is laid out for a terminal of any width."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maglev.clients.render import (
    Column,
    Line,
    Page,
    Span,
    aged,
    columns,
    columns_of,
    explained,
    fields,
    label,
    lasting,
    painted,
    printable,
)

ESC = "\x1b"


def text(lines: list[Line]) -> str:
    return painted(lines, color=False)


def spans(*rows: str) -> list[list[Span]]:
    return [[Span(cell.strip()) for cell in row.split("|")] for row in rows]


HEADS = [Column("name"), Column("port", right=True), Column("state"), Column("why", wraps=True)]
ROWS = spans("www|80|up|", "api-with-a-name|65535|down|refused by all of its servers")


def test_columns_are_as_wide_as_what_stands_in_them() -> None:
    assert text(columns(HEADS, ROWS, None)) == (
        "name              port  state  why\n"
        "www                 80  up\n"
        "api-with-a-name  65535  down   refused by all of its servers\n"
    )


def test_a_column_without_anything_in_it_is_left_out() -> None:
    assert text(columns(HEADS, spans("www||up|"), None)) == "name  state\nwww   up\n"
    assert columns(HEADS, [], None) == []


def test_text_that_may_be_broken_is_broken_before_anything_is_moved() -> None:
    assert text(columns(HEADS, ROWS, 50)) == (
        "name              port  state  why\n"
        "www                 80  up\n"
        "api-with-a-name  65535  down   refused by all of\n"
        "                               its servers\n"
    )


def test_what_does_not_fit_follows_its_row_with_labels() -> None:
    assert text(columns(HEADS, ROWS, 26)) == (
        "name              port\n"
        "www                 80\n"
        "    state up\n"
        "api-with-a-name  65535\n"
        "    state down\n"
        "    why refused by all of\n"
        "    its servers\n"
    )


def test_a_label_is_never_parted_from_its_value() -> None:
    heads = [Column(), Column(), Column(gap=1)]
    row = [[Span("web1"), label("weight"), Span("100")]]
    assert text(columns(heads, row, 16)) == "web1  weight 100\n"
    assert text(columns(heads, row, 15)) == "web1\n    weight 100\n"


def test_rows_are_aligned_with_those_of_another_table() -> None:
    heads = [Column(), Column(right=True)]
    assert text(columns(heads, spans("a|1"), None, like=spans("long|100"))) == "a       1\n"


def test_labelled_values_are_aligned_and_empty_ones_left_out() -> None:
    lines = fields([("name", "www"), ("host", ""), ("description", Span("x", "bad"))], None)
    assert text(lines) == "name         www\ndescription  x\n"


def test_words_are_explained_beside_or_below_them() -> None:
    rows = [("a", "first letter of all"), ("b c d e f g h i j k l m n o p q r s t u v w", "others")]
    assert text(explained(rows, 40)) == (
        "a  first letter of all\nb c d e f g h i j k l m n o p q r s\n    t u v w\n   others\n"
    )


def test_colour_shifts_nothing_and_is_left_out_where_nothing_stands() -> None:
    lines: list[Line] = [(Span("a", "label"), Span(" "), Span("", "bad"), Span("up", "good"))]
    assert painted(lines, color=True) == f"{ESC}[34ma{ESC}[0m {ESC}[32mup{ESC}[0m\n"
    assert painted(lines, color=False) == "a up\n"


@pytest.mark.parametrize("evil", [f"{ESC}[2J", "\r", "\n", "\t", "\x07", "\u202e", "\x9b31m"])
def test_nothing_that_moves_the_cursor_gets_through(evil: str) -> None:
    assert printable(f"a{evil}b").isprintable()
    assert painted([(Span(evil),)], color=False)[:-1].isprintable()


def test_a_wide_character_takes_two_columns() -> None:
    assert columns_of("a") == 1
    assert columns_of("試験") == 4
    assert text(columns([Column(), Column()], spans("試験|1", "abcd|2"), None)) == (
        "試験  1\nabcd  2\n"
    )


@pytest.mark.parametrize(
    ("age_s", "age"),
    [
        (-5, "0s"),
        (0.4, "0s"),
        (5, "5s"),
        (59.6, "1m00s"),
        (630, "10m30s"),
        (3900, "1h05m"),
        (144_000, "1d16h"),
        (86_400 * 400, "400d00h"),
    ],
)
def test_an_age_has_two_units(age_s: float, age: str) -> None:
    assert aged(age_s) == age
    assert Page(None, round(age_s * 1e9)).age(0) == age


@pytest.mark.parametrize(
    ("duration_s", "duration"),
    [(0.0004, "0.4 ms"), (0.012, "12 ms"), (3.21, "3.2 s"), (75, "1m15s")],
)
def test_a_duration_has_the_unit_that_suits_it(duration_s: float, duration: str) -> None:
    assert lasting(duration_s) == duration


NAMES = st.text("abc", min_size=1, max_size=20)
WORDS = st.lists(st.text("ab-", max_size=8), max_size=6).map(" ".join)
ROW = st.tuples(NAMES, st.text("0123456789", max_size=5), NAMES, WORDS)


@given(
    st.lists(ROW, min_size=1, max_size=4),
    st.integers(30, 90),
    st.integers(0, 4),
)
def test_no_line_is_wider_than_the_terminal(
    rows: list[tuple[str, ...]], width: int, indent: int
) -> None:
    lines = columns(HEADS, [[Span(cell) for cell in row] for row in rows], width, indent)
    for line in text(lines).splitlines():
        assert len(line) <= width, lines


@given(st.lists(ROW, min_size=1, max_size=4), st.integers(1, 90))
def test_no_word_is_lost_at_any_width(rows: list[tuple[str, ...]], width: int) -> None:
    lines = columns(HEADS, [[Span(cell) for cell in row] for row in rows], width)
    told = "".join(text(lines).split())
    for word in (word for row in rows for cell in row for word in cell.split()):
        assert word in told
