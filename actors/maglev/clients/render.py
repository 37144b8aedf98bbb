# SPDX-License-Identifier: Apache-2.0
"""Text for a terminal: lines of styled spans, labelled values, and columns that fit any width.

Pure.  Lines are laid out first and coloured last, so that colour never shifts a column; what a
terminal would act upon is shown as a question mark.  Look at `columns` for what happens to a table
that is wider than the terminal.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

Style = Literal["plain", "label", "good", "doubt", "bad"]

_SGR: Final[dict[Style, str]] = {"label": "34", "good": "32", "doubt": "33", "bad": "31"}
FOLD: Final = 4  # columns by which what did not fit is moved to the right
TOGETHER: Final = 1  # blanks between two columns that are never parted
WRAP_MIN: Final = 16  # columns that text which can be broken should have at least


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of one line."""

    text: str
    style: Style = "plain"


Line = tuple[Span, ...]
Row = Sequence[Span]
EMPTY: Final = Span("")


@dataclass(frozen=True, slots=True)
class Page:
    """What lines are laid out for: the terminal's width, and when 'now' is."""

    width: int | None  # None: as wide as it gets
    now_ns: int  # unix time

    def age(self, at_ns: int) -> str:
        """Return how long ago a unix time was, `10m30s`."""
        return aged((self.now_ns - at_ns) / 1e9)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    head: str = ""
    right: bool = False  # flush right, as numbers are
    gap: int = 2  # blanks before it
    wraps: bool = False  # may be broken at blanks; only the last column


def label(text: str) -> Span:
    """Return the name of a value."""
    return Span(text, "label")


def aged(age_s: float) -> str:
    """Return how long something has been so, in two units: '5s', '10m30s', '1h05m', '1d16h'."""
    minutes, seconds = divmod(max(0, round(age_s)), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d{hours:02}h"
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m{seconds:02}s" if minutes else f"{seconds}s"


def lasting(duration_s: float) -> str:
    """Return how long something took: '0.8 ms', '120 ms', '3.2 s', then as `aged`."""
    if duration_s < 0.00995:
        return f"{duration_s * 1000:.1f} ms"
    if duration_s < 0.9995:
        return f"{duration_s * 1000:.0f} ms"
    return f"{duration_s:.1f} s" if duration_s < 59.95 else aged(duration_s)


def moment(at_ns: int) -> str:
    """Return a unix time in local time, `2026-11-20 20:15:03.250`."""
    return datetime.fromtimestamp(at_ns / 1e9).isoformat(" ", "milliseconds")


def columns(
    heads: Sequence[Column],
    rows: Sequence[Row],
    width: int | None,
    indent: int = 0,
    like: Sequence[Row] = (),
) -> list[Line]:
    """Return a table; each row has a span for each column.

    A column without anything in it is left out.  Where the table is too wide, the columns that do
    not fit follow each row on lines of their own, further to the right, with their heads as labels.
    Rows of other tables that are to be aligned with this one may be given as `like`.
    """
    every = [*rows, *like]
    used = [at for at in range(len(heads)) if any(row[at].text for row in every)]
    widths = {at: max(columns_of(text) for text in _texts(heads[at], every, at)) for at in used}
    fit = _fitting(heads, used, widths, width, indent)
    lines: list[Line] = []
    heading = [label(column.head) for column in heads]
    for row in [heading, *rows] if any(heads[at].head for at in used) else rows:
        lines += _laid([(heads[at], row[at], widths[at]) for at in used[:fit]], indent, width)
        if width is not None and row is not heading:
            pieces = [_piece(heads, row, unit) for unit in _units(heads, used[fit:])]
            lines += _flowing([piece for piece in pieces if piece], indent + FOLD, width)
    return lines


def fields(
    pairs: Iterable[tuple[str, str | Span]], width: int | None, indent: int = 0
) -> list[Line]:
    """Return labelled values, one a line, aligned; those that are empty are left out."""
    rows = [
        (label(name), value if isinstance(value, Span) else Span(value)) for name, value in pairs
    ]
    rows = [row for row in rows if row[1].text]
    return columns([Column(), Column(wraps=True)], rows, width, indent)


def explained(rows: Iterable[tuple[str, str]], width: int | None, indent: int = 0) -> list[Line]:
    """Return words with what they mean beside them; below them where they are long."""
    pairs = list(rows)
    room = 80 if width is None else width
    left = max((len(word) for word, _ in pairs if len(word) <= room // 2), default=0)
    start = indent + left + 2 if left and room - left >= 2 * WRAP_MIN else indent + FOLD
    lines: list[Line] = []
    for word, meaning in pairs:
        parts = textwrap.wrap(meaning, max(WRAP_MIN, (width or 1000) - start)) or [""]
        names = textwrap.wrap(word, max(WRAP_MIN, (width or 1000) - indent - FOLD))
        lines += [
            (Span(" " * (indent + FOLD * (at > 0))), label(part)) for at, part in enumerate(names)
        ]
        if indent + len(word) + 2 <= start:
            gap = Span(" " * (start - indent - len(word)))
            lines[-1] = (*lines[-1], gap, Span(parts.pop(0)))
        lines += [(Span(" " * start), Span(part)) for part in parts]
    return lines


def painted(lines: Iterable[Line], *, color: bool) -> str:
    """Return lines as text, each with its line feed."""
    return "".join(f"{''.join(_painted(span, color) for span in line)}\n" for line in lines)


def printable(text: str) -> str:
    """Return text with a question mark for what a terminal would act upon."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


def columns_of(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    from wcwidth import wcswidth  # seldom needed

    return max(0, wcswidth(printable(text)))


def _texts(column: Column, rows: Iterable[Row], at: int) -> Iterator[str]:
    yield column.head
    yield from (row[at].text for row in rows)


def _fitting(
    heads: Sequence[Column],
    used: Sequence[int],
    widths: dict[int, int],
    width: int | None,
    indent: int,
) -> int:
    """Return how many of the columns fit beside each other; at least the first."""
    fit, taken = 0, indent
    for unit in _units(heads, used):
        taken += sum(heads[at].gap for at in (unit if fit else unit[1:]))
        taken += sum(min(widths[at], WRAP_MIN) if heads[at].wraps else widths[at] for at in unit)
        if width is not None and fit and taken > width:
            break
        fit += len(unit)
    return fit


def _units(heads: Sequence[Column], used: Sequence[int]) -> list[list[int]]:
    """Return the columns that stay together: one blank does not part a value from its label."""
    units: list[list[int]] = []
    for at in used:
        if units and heads[at].gap == TOGETHER:
            units[-1].append(at)
        else:
            units.append([at])
    return units


def _laid(cells: Sequence[tuple[Column, Span, int]], indent: int, width: int | None) -> list[Line]:
    """Return one line of columns, more where its last is broken; none if nothing is in it."""
    spans: list[Span] = []
    at = end = 0  # columns taken; where the last text ended
    for column, span, cell in cells:
        at += column.gap if at else indent
        space = cell - columns_of(span.text)
        start = at + space if column.right else at
        at += cell
        if not span.text:
            continue
        if column.wraps and width is not None and start + columns_of(span.text) > width:
            room = max(width - start, 1)
            parts = textwrap.wrap(span.text, room, break_on_hyphens=False) or [""]
        else:
            parts = [span.text]
        spans += [Span(" " * (start - end)), Span(parts[0], span.style)]
        end = start + columns_of(parts[0])
        more = [(Span(" " * start), Span(part, span.style)) for part in parts[1:]]
        if more:
            return [tuple(spans), *more]
    return [tuple(spans)] if spans else []


def _piece(heads: Sequence[Column], row: Row, unit: Sequence[int]) -> list[Span]:
    """Return the words of columns that stay together, with their heads; none if they are empty."""
    spans = [part for at in unit if row[at].text for part in (label(heads[at].head), row[at])]
    return [Span(word, span.style) for span in spans for word in span.text.split()]


def _flowing(pieces: Sequence[Sequence[Span]], indent: int, width: int) -> list[Line]:
    """Return pieces one after the other, parted by two blanks, and whole where they fit."""
    lines: list[list[Span]] = []
    end = width
    for piece in pieces:
        length = sum(columns_of(word.text) + 1 for word in piece) - 1
        fits = end + 2 + length <= width
        for at, word in enumerate(piece):
            size = columns_of(word.text)
            gap = 1 if at else 2
            if end + gap + size > width or (at == 0 and not fits):
                lines.append([Span(" " * indent)])
                end, gap = indent, 0
            lines[-1] += [Span(" " * gap), word]
            end += gap + size
    return [tuple(line) for line in lines]


def _painted(span: Span, color: bool) -> str:
    text = printable(span.text)
    code = _SGR.get(span.style)
    return f"\x1b[{code}m{text}\x1b[0m" if color and code and text else text
