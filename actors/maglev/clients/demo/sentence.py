# SPDX-License-Identifier: Apache-2.0
"""What a sentence of the story is, and how lists, durations and weights read in one.

Sentences that belong to one moment are told in the order of cause and effect, whichever actor was
heard first: see Rank.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum

from maglev.clients.render import aged as aged
from maglev.clients.render import lasting as lasting


class Tone(Enum):
    """How a sentence is meant, which the terminal shows as a colour."""

    PLAIN = "plain"
    GOOD = "good"
    DOUBT = "doubt"
    BAD = "bad"
    VPP = "vpp"
    YOU = "you"


class Rank(IntEnum):
    """Where in the chain of cause and effect a sentence belongs."""

    YOU = 0
    DAEMON = 1
    BACKEND = 2
    FRONTEND = 3
    VPP = 4
    SYNC = 5


@dataclass(frozen=True, slots=True)
class Sentence:
    """One line of the story."""

    tone: Tone
    rank: Rank
    text: str


def listed(words: Sequence[str]) -> str:
    """Return 'a', 'a and b', 'a, b and c'; 'nobody' if there is none."""
    if not words:
        return "nobody"
    return " and ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)


def counted(count: int, what: str) -> str:
    """Return '1 weight', '2 weights'."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def weighed(weights: Mapping[str, int]) -> str:
    """Return who has which weight: 'web1 100, web3 50, the others 0'."""
    some = [f"{name} {weight}" for name, weight in weights.items() if weight]
    none = [name for name, weight in weights.items() if not weight]
    if not some:
        return "weight 0 for all"
    if len(none) > 1:
        some.append("the others 0")
    else:
        some += [f"{name} 0" for name in none]
    return ", ".join(some)
