# SPDX-License-Identifier: Apache-2.0
"""What `?` and `help` print, from the table; pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from maglev.clients.maglevc.grammar import written
from maglev.clients.maglevc.parse import Candidate, Command
from maglev.clients.render import Line, Page, Span, explained

CANDIDATES_MAX: Final = 100  # lines; of 10,000 names nobody reads more


def candidate_lines(candidates: Sequence[Candidate], page: Page) -> list[Line]:
    """Return what may come next, each with a line of help."""
    rows = [(one.text, one.help) for one in candidates[:CANDIDATES_MAX]]
    more = len(candidates) - len(rows)
    if more > 0:
        rows.append(("...", f"and {more} more"))
    return explained(rows, page.width, indent=2) or [(Span("  nothing begins so"),)]


def command_lines(commands: Sequence[Command], first: str, page: Page) -> list[Line]:
    """Return the commands that begin with a word, all without one, each with a line of help."""
    chosen = [one for one in commands if not first or written(one.place[:1]) == first]
    return explained([(written(one.place), one.help) for one in chosen], page.width)
