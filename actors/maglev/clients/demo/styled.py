# SPDX-License-Identifier: Apache-2.0
"""Text with a style, in rows and cells; what a style looks like is the terminal's business."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from maglev.clients.render import printable as printable

Style = Literal["plain", "bold", "dim", "bar", "chosen", "good", "doubt", "bad", "vpp", "you"]


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of one row."""

    style: Style
    text: str


Row = list[Span]


def cell(style: Style, text: str, width: int, *, right: bool = False) -> Span:
    """Return text in exactly `width` columns; one column stays free between two cells."""
    cut = text if len(text) <= width else text[:width]
    return Span(style, f"{cut:>{width}}" if right else f"{cut:<{width}}")


def clipped(row: Row, width: int) -> Row:
    """Return a row in at most `width` columns, without anything that moves the cursor."""
    left = width
    out: Row = []
    for span in row:
        if left <= 0:
            break
        out.append(Span(span.style, printable(span.text[:left])))
        left -= len(span.text)
    return out


def plain(row: Row) -> str:
    """Return a row without its styles."""
    return "".join(span.text for span in row).rstrip()
