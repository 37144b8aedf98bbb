# SPDX-License-Identifier: Apache-2.0
"""Prometheus' text format 0.0.4: a family is a head and rows, made one object at a time.

Rows are made for each scrape and not kept: at 10,000 backends nearly all numbers change between two
of them, making them anew takes a quarter second of one core, and keeping them would take tens of
megabytes.  There is no state; look at `Family` for what a row function has to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from maglev.actor import Instant
from maglev.core.view import Beat, View
from maglev.gateway.calls import Count

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Rows = Iterator[str]
"""Rows of one object after the other, each with its line feeds."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What there is to show, and when that is."""

    view: View
    beats: Mapping[str, Beat]  # by actor
    calls: Iterable[Count]
    actors: Sequence[str]  # all that there should be
    silent_s: float  # without a heartbeat for this long an actor is down
    now: Instant

    def heard(self, speaker: str) -> bool:
        """Return whether what a speaker said is known, and how it is now."""
        return self.view.knows(speaker) and speaker not in self.view.silent


@dataclass(frozen=True, slots=True)
class Family:
    """One metric; its rows may be none, then it is not there at all."""

    name: str
    kind: Literal["counter", "gauge", "histogram", "summary"]
    help: str
    rows: Callable[[str, Seen], Rows]  # of the name and what is seen

    def text(self, seen: Seen) -> Rows:
        """Yield the head, then the rows of one object after the other."""
        rows = self.rows(self.name, seen)
        first = next(rows, None)
        if first is None:
            return
        yield f"# HELP {self.name} {self.help}\n# TYPE {self.name} {self.kind}\n{first}"
        yield from rows


def escaped(value: str) -> str:
    """Return the value of a label as it stands between quotes."""
    if "\\" in value or '"' in value or "\n" in value:
        return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    return value


def labels(**values: str) -> str:
    """Return labels without the braces; `from_` is the label `from`."""
    return ",".join(f'{name.rstrip("_")}="{escaped(value)}"' for name, value in values.items())


def flags(name: str, common: str, label: str, values: Iterable[str], true: str) -> str:
    """Return a row for each value of a label: 1 for the one that is true, 0 for all others."""
    return "".join(
        f'{name}{{{common},{label}="{value}"}} {int(value == true)}\n' for value in values
    )


def histogram(
    name: str, common: str, bounds: Sequence[float], buckets: Iterable[int], total: float
) -> str:
    """Return the rows of a histogram from buckets that count each value once.

    `common` may be empty; there is one bucket more than bounds.
    """
    begin = f'{name}_bucket{{{common}{"," if common else ""}le="'
    sums = list(accumulate(buckets))
    rows = [f'{begin}{bound}"}} {count}\n' for bound, count in zip(bounds, sums, strict=False)]
    braced = f"{{{common}}}" if common else ""
    rows.append(f'{begin}+Inf"}} {sums[-1]}\n{name}_sum{braced} {total}\n')
    rows.append(f"{name}_count{braced} {sums[-1]}\n")
    return "".join(rows)
