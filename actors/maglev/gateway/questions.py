# SPDX-License-Identifier: Apache-2.0
"""Calls that another actor has to carry out: asked, asked again, answered when all can see it.

An actor that was restarted meanwhile is asked again in its new life, within the time of the call:
every request may be carried out twice.  An answer that names a position waits until what was heard
here has reached it, so a following read sees the change.  The state is the open questions and how
far each speaker was heard; look at `_go_on` for the life of a question.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from maglev.actor import Ask, Effect, Instant
from maglev.gateway.events import Called, Finish
from maglev.messages import Answer, ConfigAnswer, Done, Refused

NEVER = float("inf")


@dataclass(slots=True)
class Heard:
    """How far a speaker was heard."""

    epoch: int = 0  # 0: never
    silent: bool = False
    positions: dict[str, int] = field(default_factory=dict)

    def shows(self, answer: Done | ConfigAnswer) -> bool:
        """Return whether what was heard has reached the position that an answer names."""
        if self.epoch != answer.epoch:
            return self.epoch > answer.epoch  # what a later life says is not older
        return self.positions.get(answer.cls, 0) >= answer.sequence


@dataclass(slots=True)
class Question:
    """One open call."""

    called: Called
    asked_of: int = 0  # the epoch it was put to; 0: it waits to be asked
    tried: bool = False  # it was put to somebody
    answer: Answer | None = None  # waits to be visible


@dataclass(slots=True)
class Questions:
    """All that are open."""

    open: dict[int, Question] = field(default_factory=dict)
    heard: dict[str, Heard] = field(default_factory=dict)

    def called(self, called: Called, now: Instant) -> list[Effect]:
        """Ask, or say at once that nobody is there to be asked."""
        question = Question(called)
        self.open[called.call_id] = question
        return self._ask(question, now)

    def dropped(self, call_id: int) -> None:
        """Forget a call whose caller is gone; what was asked goes its way."""
        self.open.pop(call_id, None)

    def answered(self, call_id: int, answer: Answer, now: Instant) -> list[Effect]:
        """Take an answer of the bus."""
        question = self.open.get(call_id)
        if question is None:
            return []
        if isinstance(answer, Refused) and answer.restarted:
            again = self._of(question).epoch != question.asked_of
            question.asked_of = 0
            return self._ask(question, now) if again else []
        question.answer = answer
        return self._finish_if_visible(question)

    def synced(
        self, speaker: str, epoch: int, positions: Mapping[str, int], now: Instant
    ) -> list[Effect]:
        """A speaker is known as a whole, perhaps in a new life."""
        heard = self.heard.setdefault(speaker, Heard())
        heard.epoch, heard.silent, heard.positions = epoch, False, dict(positions)
        return self._go_on(speaker, now)

    def found(self, speaker: str, now: Instant) -> list[Effect]:
        """A silent speaker is heard again."""
        self.heard.setdefault(speaker, Heard()).silent = False
        return self._go_on(speaker, now)

    def lost(self, speaker: str) -> list[Effect]:
        """A speaker is silent: whoever waits for its return has waited long enough."""
        self.heard.setdefault(speaker, Heard()).silent = True
        waiting = [one for one in self._about(speaker) if not one.asked_of]
        return [effect for one in waiting for effect in self._refuse_away(one)]

    def reached(self, speaker: str, cls: str, sequence: int) -> list[Effect]:
        """A message was heard: what waited to be visible may be so now."""
        heard = self.heard.setdefault(speaker, Heard())
        heard.positions[cls] = max(sequence, heard.positions.get(cls, 0))
        if not self.open:
            return []
        waiting = [one for one in self._about(speaker) if one.answer is not None]
        return [effect for one in waiting for effect in self._finish_if_visible(one)]

    def due_s(self) -> float:
        """Return when the time of the next call is over."""
        return min((one.called.until_s for one in self.open.values()), default=NEVER)

    def expire(self, now: Instant) -> list[Effect]:
        """Give up calls whose time is over."""
        effects: list[Effect] = []
        for one in list(self.open.values()):
            if now.mono_s >= one.called.until_s:
                effects += self._finish(one, Refused(code="deadline", text=_late(one)))
        return effects

    def _about(self, speaker: str) -> list[Question]:
        return [one for one in self.open.values() if one.called.speaker == speaker]

    def _of(self, question: Question) -> Heard:
        return self.heard.setdefault(question.called.speaker, Heard())

    def _go_on(self, speaker: str, now: Instant) -> list[Effect]:
        effects: list[Effect] = []
        for one in self._about(speaker):
            if one.answer is not None:
                effects += self._finish_if_visible(one)
            elif not one.asked_of:
                effects += self._ask(one, now)
        return effects

    def _ask(self, question: Question, now: Instant) -> list[Effect]:
        heard, called = self._of(question), question.called
        if heard.silent or not heard.epoch:
            return self._refuse_away(question)
        question.asked_of, question.tried = heard.epoch, True
        left_s = max(0.0, called.until_s - now.mono_s)
        return [Ask(called.speaker, called.request, left_s, called.call_id)]

    def _refuse_away(self, question: Question) -> list[Effect]:
        speaker = question.called.speaker
        text = f"the {speaker} is away and nothing was changed: try again in a few seconds"
        if question.tried:
            text = f"the {speaker} went away before it answered; it may have done what was asked"
        return self._finish(question, Refused(code="unavailable", text=text))

    def _finish_if_visible(self, question: Question) -> list[Effect]:
        answer, heard = question.answer, self._of(question)
        assert answer is not None, f"{question=}"
        if isinstance(answer, Done | ConfigAnswer) and answer.cls and not heard.shows(answer):
            return []
        return self._finish(question, answer)

    def _finish(self, question: Question, answer: Answer) -> list[Effect]:
        del self.open[question.called.call_id]
        return [Finish(question.called.call_id, answer)]


def _late(question: Question) -> str:
    speaker = question.called.speaker
    if question.answer is not None:
        return f"the {speaker} has done it, but news of that did not arrive here in time"
    return f"the {speaker} did not answer in time; it may still do what was asked"
