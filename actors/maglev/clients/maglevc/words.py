# SPDX-License-Identifier: Apache-2.0
"""A line as words: parted by blanks, with quotes around what has blanks or quotes in it.

As in a shell of Unix: '...' is taken as it is, and in "..." and outside of quotes a backslash takes
the next character as it is.  Pure; look at `split`, which also tells where the last word stands.
"""

from __future__ import annotations

from dataclasses import dataclass

_SPECIAL = frozenset("'\"\\")


@dataclass(frozen=True, slots=True)
class Split:
    """The words that have a blank after them, and the one at the end, which may go on."""

    words: list[str]
    last: str  # empty: none was begun
    start: int  # where the last word begins in the line; its length if none was begun
    is_open: bool  # a quote is not closed

    @property
    def every(self) -> list[str]:
        """All words, the last one taken as it is."""
        return [*self.words, self.last] if self.last else self.words


def split(line: str) -> Split:
    """Return the words of a line."""
    words: list[str] = []
    word: str | None = None
    start, quote, escaped = 0, "", False
    for at, char in enumerate(line):
        if word is None:
            if char.isspace():
                continue
            word, start = "", at
        if escaped:
            word, escaped = word + char, False
        elif char == "\\" and quote != "'":
            escaped = True
        elif quote or char in "'\"":
            if not quote:
                quote = char
            elif char == quote:
                quote = ""
            else:
                word += char
        elif char.isspace():
            words.append(word)
            word = None
        else:
            word += char
    if word is None:
        return Split(words, "", len(line), False)
    return Split(words, word, start, bool(quote))


def quoted(word: str) -> str:
    """Return a word as it is to be typed."""
    if word and not any(char.isspace() or char in _SPECIAL for char in word):
        return word
    if "'" not in word:
        return f"'{word}'"
    return '"' + "".join(f"\\{char}" if char in '"\\' else char for char in word) + '"'
