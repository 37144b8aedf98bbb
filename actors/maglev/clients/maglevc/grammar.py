# SPDX-License-Identifier: Apache-2.0
"""How a line of the command table is written, and what may come next after some words of it.

A pattern is words, `<arguments>` and `[options]`; options that stand side by side may be given in
any order, each once.  A place within a pattern is the tuple of parts that are left, so there is no
state; look at `compiled` and `steps`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

_TOKEN = re.compile(r"[\[\]]|<[a-z]+>|[a-z-]+")


@dataclass(frozen=True, slots=True)
class Kind:
    """What may stand for an argument: one of `choices` if there are any, else what `fits`."""

    shown: str  # what stands between < and > for the reader
    help: str
    choices: tuple[tuple[str, str], ...] = ()  # each with its help
    fits: Callable[[str], bool] = bool
    is_number: bool = False
    is_live: bool = False  # a name that the daemon knows


def number(shown: str, help: str, low: int, high: int) -> Kind:
    """Return a kind of whole numbers, low..high."""

    def fits(word: str) -> bool:
        return word.isdecimal() and word.isascii() and len(word) <= 12 and low <= int(word) <= high

    return Kind(shown, help, fits=fits, is_number=True)


@dataclass(frozen=True, slots=True)
class Word:
    """A word to be typed as it is, or a prefix of it; its help, unless it is the command's."""

    text: str
    help: str = ""


@dataclass(frozen=True, slots=True)
class Argument:
    """A place for a name, a number or a choice."""

    name: str
    kind: Kind = field(hash=False, compare=False)


@dataclass(frozen=True, slots=True)
class Options:
    """What may be left out: each of these at most once, in any order."""

    each: tuple[tuple[Part, ...], ...]


Part = Word | Argument | Options
Place = tuple[Part, ...]
"""What is left of a pattern."""


def compiled(pattern: str, kinds: Mapping[str, Kind], helps: Mapping[str, str]) -> Place:
    """Return a pattern as parts.

    An argument has the name of its kind.  `helps` has the help of a word by its path: the words
    before it that it cannot do without, and itself.
    """
    tokens = _TOKEN.findall(pattern)
    assert "".join(tokens) == pattern.replace(" ", ""), f"{pattern=}"
    return _sequence(iter([*tokens, "]"]), "", kinds, helps)


def _sequence(
    tokens: Iterator[str], path: str, kinds: Mapping[str, Kind], helps: Mapping[str, str]
) -> Place:
    """Return the parts up to the next unmatched `]`, which is taken."""
    parts: list[Part] = []
    for token in tokens:
        if token == "]":
            break
        if token == "[":
            option = _sequence(tokens, path, kinds, helps)
            match parts:
                case [*_, Options(each)]:
                    parts[-1] = Options((*each, option))
                case _:
                    parts.append(Options((option,)))
        elif token.startswith("<"):
            parts.append(Argument(token[1:-1], kinds[token[1:-1]]))
        else:
            path = f"{path} {token}".lstrip()
            parts.append(Word(token, helps.get(path, "")))
    return tuple(parts)


@cache
def steps(place: Place) -> tuple[tuple[Word | Argument, Place], ...]:
    """Return every part that may come next, each with the place after it."""
    return tuple(_steps(place))


def _steps(place: Place) -> Iterator[tuple[Word | Argument, Place]]:
    if not place:
        return
    head, rest = place[0], place[1:]
    if not isinstance(head, Options):
        yield head, rest
        return
    for index, option in enumerate(head.each):
        others = head.each[:index] + head.each[index + 1 :]
        yield from _steps((*option, *((Options(others),) if others else ()), *rest))
    yield from _steps(rest)


def is_end(place: Place) -> bool:
    """Return whether a line may end here."""
    return all(isinstance(part, Options) for part in place)


def written(place: Place) -> str:
    """Return parts as the reader is shown them: `watch events [num <1...>] [backend]`."""
    return " ".join(_written(part) for part in place)


def _written(part: Part) -> str:
    match part:
        case Word(text):
            return text
        case Argument(kind=kind):
            return f"<{kind.shown}>"
        case Options(each):
            return " ".join(f"[{written(option)}]" for option in each)
