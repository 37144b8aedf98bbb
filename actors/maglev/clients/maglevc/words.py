# SPDX-License-Identifier: Apache-2.0
"""A line as words: parted by blanks, with quotes around what has blanks or quotes in it.

As in a shell of Unix: '...' is taken as it is, and in "..." and outside of quotes a backslash takes
the next character as it is.  Pure; look at `split`, which also tells where the last word stands.
"""

from __future__ import annotations

from dataclasses import dataclass

from maglev.clients.maglevc.trouble import BadLine
from maglev.clients.render import printable

_SPECIAL = frozenset("'\"\\")


@dataclass(frozen=True, slots=True)
class Split:
    """The words that have a blank after them, and the one at the end, which may go on."""

    words: list[str]
    last: str  # empty: none was begun
    start: int  # where the last word begins in the line; its length if none was begun
    quote: str  # that is not closed; empty: none


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
        return Split(words, "", len(line), "")
    return Split(words, word, start, quote)


def words_of(line: str) -> list[str]:
    """Return the words of a whole line; raises BadLine if a quote is not closed."""
    found = split(line)
    if found.quote:
        raise BadLine(f"no closing {found.quote} after '{found.last}'")
    return [*found.words, found.last] if found.start < len(line) else found.words


def checked(words: list[str]) -> list[str]:
    """Return words as they are; raises BadLine if one is not UTF-8."""
    for word in words:
        if any("\ud800" <= char <= "\udfff" for char in word):
            raise BadLine(f"not UTF-8: '{printable(word)}'")
    return words


def quoted(word: str, quote: str = "") -> str:
    """Return a word as it is to be typed; within `quote` if somebody has begun so."""
    if not quote and word and not any(char.isspace() or char in _SPECIAL for char in word):
        return word
    if "'" not in word and quote != '"':
        return f"'{word}'"
    return '"' + "".join(f"\\{char}" if char in '"\\' else char for char in word) + '"'
