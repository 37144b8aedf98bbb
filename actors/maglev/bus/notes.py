# SPDX-License-Identifier: Apache-2.0
"""What goes wrong on the bus without being anybody's decision: counted, and told to the log.

The state is the counters and the last few texts; whoever writes the log takes those away.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import Final, Literal

NOTES_MAX: Final = 100
"""Texts kept until somebody takes them; the counters go on."""

Kind = Literal[
    "garbage",  # bytes that mean nothing
    "resync",  # a hole or a new epoch: the state of a speaker is fetched again
    "rebuild",  # no heartbeat: new sockets to a speaker
    "unsayable",  # a message of our own that is too long
    "unsent",  # an answer or a part of a snapshot for somebody who is gone
]


@dataclass(frozen=True, slots=True)
class Note:
    """One of these, with who is at the other end."""

    kind: Kind
    peer: str
    text: str


class Notes:
    """Counters for the heartbeat, texts for the log."""

    def __init__(self) -> None:
        self.counts: Counter[Kind] = Counter()
        self._texts: deque[Note] = deque(maxlen=NOTES_MAX)

    def add(self, note: Note) -> None:
        """Count a note, and keep it if there is room."""
        self.counts[note.kind] += 1
        self._texts.append(note)

    def dropped(self) -> int:
        """Return how many frames could not be sent, decoded or were refused, since start."""
        return self.counts["garbage"] + self.counts["unsayable"] + self.counts["unsent"]

    def take(self) -> list[Note]:
        """Return the texts since the last call, the oldest first."""
        texts = list(self._texts)
        self._texts.clear()
        return texts
