# SPDX-License-Identifier: Apache-2.0
"""Requests on both ends: what is asked and not answered yet, and what may be answered at all.

Each question gets an id of the asking process; it ends with the answer, at its deadline, or when
the process it was meant for is gone.  The state is the table of open questions; the answering end
has none: see `refusal`.  Pure: time is an argument (CLOCK_MONOTONIC, the same for all processes).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from maglev.actor import Answered
from maglev.bus.wire import AnswerHeader, RequestHeader
from maglev.messages import Answer, Refused

OPEN_MAX: Final = 1000
"""Questions of one process that may be open at a time."""


@dataclass(frozen=True, slots=True)
class _Open:
    ask_id: int
    speaker: str
    epoch: int
    deadline_s: float
    asked: str


class Asks:
    """The questions of one process that wait for an answer."""

    def __init__(self) -> None:
        self._id = 0
        self._open: dict[int, _Open] = {}

    def __len__(self) -> int:
        return len(self._open)

    def ask(self, speaker: str, epoch: int, asked: str, deadline_s: float, ask_id: int) -> int:
        """Open a question, named `asked` in texts, and return its id on the wire."""
        self._id += 1
        self._open[self._id] = _Open(ask_id, speaker, epoch, deadline_s, asked)
        return self._id

    def answered(self, speaker: str, header: AnswerHeader, answer: Answer) -> Answered | None:
        """Close a question; None if it is not open, or was put to somebody else."""
        question = self._open.get(header.id)
        if question is None or question.speaker != speaker:
            return None
        del self._open[header.id]
        return Answered(question.ask_id, answer)

    def end(self, now_s: float, epochs: Mapping[str, int]) -> list[Answered]:
        """Close what can no longer be answered: too late, or the speaker has another epoch now."""
        ended: list[Answered] = []
        for number, question in list(self._open.items()):
            speaker = question.speaker
            if epochs.get(speaker, question.epoch) != question.epoch:
                text = f"{speaker} was restarted before it answered {question.asked}"
                refused = Refused(code="unavailable", text=text, restarted=True)
            elif now_s >= question.deadline_s:
                text = f"{speaker} did not answer {question.asked} in time"
                refused = Refused(code="deadline", text=text)
            else:
                continue
            del self._open[number]
            ended.append(Answered(question.ask_id, refused))
        return ended

    def due_s(self) -> float:
        """Return the next deadline; infinity if nothing is open."""
        return min((question.deadline_s for question in self._open.values()), default=float("inf"))


def refusal(me: str, epoch: int, now_s: float, header: RequestHeader) -> Refused | None:
    """Return why a request must not be carried out; None if it may be."""
    if now_s >= header.deadline_s:
        late_s = now_s - header.deadline_s
        return Refused(code="deadline", text=f"{me} got the request {late_s:.3f} s too late")
    if header.epoch != epoch:
        text = f"the request is for {me} of epoch {header.epoch}; this is epoch {epoch}"
        return Refused(code="unavailable", text=text, restarted=True)
    return None
