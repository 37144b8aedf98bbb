# SPDX-License-Identifier: Apache-2.0
"""One line of the table at the end: what was measured, next to what, against which budget.

A benchmark tells its rows as it goes; `python -m bench` names a file for them in the environment
and prints them all once more when everything is over.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROWS = "BENCH_ROWS"
"""The variable with the name of the file."""

HEADINGS = ("", "measured", "peer or limit", "ratio", "budget")


@dataclass(frozen=True)
class Row:
    """Everything but `ok` is text as it is to be printed."""

    what: str
    measured: str
    peer: str
    ratio: str
    budget: str
    ok: bool


def tell(
    what: str, measured: str, *, ok: bool, peer: str = "", ratio: str = "", budget: str = ""
) -> bool:
    """Print a row, keep it for the table, and return whether it is ok."""
    row = Row(what, measured, peer, ratio, budget, ok)
    print(lines([row])[-1], flush=True)
    kept = os.environ.get(ROWS)
    if kept:
        with open(kept, "a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(row)) + "\n")
    return ok


def within(what: str, value: float, limit: float, unit: str) -> bool:
    """Tell a row of a value that should not be above a limit."""
    shown, most = f"{value:.4g} {unit}", f"<= {limit:g} {unit}"
    return tell(what, shown, budget=most, ratio=f"{value / limit:.2f}", ok=value <= limit)


def beside(
    what: str,
    value: float,
    peer: float,
    unit: str,
    who: str,
    *,
    at_most: float = float("inf"),
    at_least: float = 0.0,
) -> bool:
    """Tell a row of a value next to a peer's of the same run; bounds are on their ratio."""
    ratio = value / peer
    return tell(
        what,
        f"{value:.4g} {unit}",
        peer=f"{peer:.4g} {unit} ({who})",
        ratio=f"{ratio:.2f}",
        budget=f">= {at_least:g} x" if at_least else f"<= {at_most:g} x",
        ok=at_least <= ratio <= at_most,
    )


def rows(path: Path) -> list[Row]:
    """Return what was told so far."""
    if not path.exists():
        return []
    return [Row(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def lines(told: Sequence[Row]) -> list[str]:
    """Return a table with a heading."""
    shown = [HEADINGS] + [(one.what, one.measured, one.peer, one.ratio, one.budget) for one in told]
    widths = [max(len(row[column]) for row in shown) for column in range(len(HEADINGS))]
    marks = ["", *("ok" if one.ok else "NOT OK" for one in told)]
    return [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) + "  " + mark
        for row, mark in zip(shown, marks, strict=True)
    ]
