# SPDX-License-Identifier: Apache-2.0
"""What several answers have in common: states, transitions, pairs of a label and a value; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from maglev.clients.render import TOGETHER, Column, Line, Page, Span, Style, columns, label, moment

if TYPE_CHECKING:
    from maglev.rpc.maglev_pb2 import TransitionRecord

Pairs = Sequence[tuple[str, str | int | Span]]
"""Labels with their values; numbers are aligned to the right."""

_STYLES: dict[str, Style] = {"up": "good", "down": "bad"}
STALE = "stale: this is how it was"


def state_style(state: str) -> Style:
    """Return the colour of a state: good, bad, or neither."""
    return _STYLES.get(state, "doubt")


def standing(state: str, since_ns: int, page: Page, *, stale: bool) -> Span:
    """Return `up for 10m30s`."""
    text = f"{state} for {page.age(since_ns)}" if since_ns else state
    return Span(f"{text} ({STALE})" if stale else text, state_style(state))


def mark(text: str) -> Span:
    """Return a mark in brackets; nothing of nothing."""
    return Span(f"[{text}]" if text else "", "doubt")


def yes_or_no(truth: bool) -> str:
    """Return the word."""
    return "yes" if truth else "no"


def pairs(
    rows: Sequence[Pairs], page: Page, *, indent: int, like: Sequence[Pairs] = ()
) -> list[Line]:
    """Return rows of labels with their values, `weight 100  effective 0`, below each other.

    All rows have the same labels, of which some may be empty; an empty value has no label either.
    They are aligned with the rows of `like`.
    """
    every = [*rows, *like]
    heads: list[Column] = []
    for at, (name, _) in enumerate(every[0] if every else []):
        right = all(isinstance(row[at][1], int) for row in every)
        heads += [Column(), Column(gap=TOGETHER if name else 2, right=right)]
    cells = [_cells(row) for row in rows]
    return columns(heads, cells, page.width, indent, [_cells(row) for row in like])


def _cells(row: Pairs) -> list[Span]:
    cells: list[Span] = []
    for name, value in row:
        span = value if isinstance(value, Span) else Span(str(value))
        cells += [label(name if span.text else ""), span]
    return cells


def transitions(records: Iterable[TransitionRecord], page: Page) -> list[Line]:
    """Return the transitions under their heading, as they come: newest first."""
    rows = [
        [
            Span(moment(record.at_ns)),
            Span(f"{page.age(record.at_ns)} ago"),
            Span(f"{getattr(record, 'from')} -> {record.to}", state_style(record.to)),
            Span(record.code),
            Span(record.detail),
        ]
        for record in records
    ]
    if not rows:
        return []
    heads = [Column(), Column(right=True), Column(), Column(), Column(wraps=True)]
    return [(label("transitions"),), *columns(heads, rows, page.width, indent=2)]
