# SPDX-License-Identifier: Apache-2.0
"""What a command of the table does: one call and how its answer reads, or one of a few others.

Pure values, made when the table is; who carries them out is run.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from maglev.clients.render import Line, Page

CALL_S = 10.0
LONG_S = 60.0  # for what compares all of VPP, or reads a large file


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the service."""

    rpc: str
    render: Callable[[Any, Page], list[Line]]
    fields: Mapping[str, str] = field(default_factory=dict)  # of the request: argument's name
    problem: Callable[[Any], str] | None = None  # what the answer says is wrong; empty: nothing
    deadline_s: float = CALL_S


@dataclass(frozen=True, slots=True)
class Watch:
    """Print events until a key is pressed."""


@dataclass(frozen=True, slots=True)
class Help:
    """Print the commands."""


@dataclass(frozen=True, slots=True)
class Quit:
    """Leave the shell."""


Action = Call | Watch | Help | Quit
