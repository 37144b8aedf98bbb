# SPDX-License-Identifier: Apache-2.0
"""The word that was probably meant: `did you mean 'web7'?`.

Few words are compared by likeness (difflib).  Thousands of backend names are not compared at all:
an index from each name with one character left out finds names at one slip's distance (a character
too many, missing, wrong, or two swapped) in a few dictionary lookups.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

_LIKENESS_WORDS_MAX = 50
_WORD_CHARACTERS_MAX = 128
_QUESTIONS_MAX = 1000  # nobody reads further, and each costs up to a millisecond


class Suggester:
    """Finds the nearest of a fixed set of words; costs nothing until it is first asked."""

    def __init__(self, words: Iterable[str]) -> None:
        self._words = words
        self._by_slip: dict[str, str] | None = None
        self._few: dict[str, str] = {}
        self._questions = 0

    def question(self, wrong: str) -> str:
        """Return "did you mean 'x'?", or an empty text where no word is near."""
        self._questions += 1
        if self._questions > _QUESTIONS_MAX or len(wrong) > _WORD_CHARACTERS_MAX:
            return ""
        meant = self._nearest(wrong)
        return f"did you mean {meant!r}?" if meant is not None else ""

    def _nearest(self, wrong: str) -> str | None:
        if self._by_slip is None:
            self._build()
        assert self._by_slip is not None
        if self._few:
            near = difflib.get_close_matches(wrong.lower(), self._few, n=1, cutoff=0.7)
            return self._few[near[0]] if near else None
        for slip in _slips(wrong.lower()):
            if slip in self._by_slip:
                return self._by_slip[slip]
        return None

    def _build(self) -> None:
        words = list(self._words)
        self._by_slip = {}
        if len(words) <= _LIKENESS_WORDS_MAX:
            self._few = {word.lower(): word for word in words}
            return
        for word in words:
            for slip in _slips(word.lower()):
                self._by_slip.setdefault(slip, word)


def _slips(word: str) -> Iterator[str]:
    """Yield the word, then the word with each one character left out."""
    yield word
    for position in range(len(word)):
        yield word[:position] + word[position + 1 :]
