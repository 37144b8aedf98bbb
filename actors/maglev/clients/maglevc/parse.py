# SPDX-License-Identifier: Apache-2.0
"""From words to one command of the table, and from the begin of a line to what may come next.

Any prefix of a word stands for it while only one word begins so, and a whole word wins over those
it begins.  All commands are followed at once, as threads that fall away with each word; there is no
state; look at `parse` and `candidates`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from maglev.clients.maglevc.actions import Action
from maglev.clients.maglevc.grammar import Argument, Kind, Place, Word, is_end, steps
from maglev.clients.maglevc.trouble import BadLine

END = "<cr>"
"""Stands among the candidates where the line may end."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command of the table."""

    place: Place
    help: str
    action: Action


@dataclass(frozen=True, slots=True)
class Parsed:
    """A command with what was given for its arguments by name, and its words in full."""

    command: Command
    values: Mapping[str, str]
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """What may come next: a word, or an argument, which has its kind and what precedes it."""

    text: str
    help: str
    argument: str = ""
    kind: Kind | None = None
    values: Mapping[str, str] = field(default_factory=dict)  # of the arguments before it


@dataclass(frozen=True, slots=True)
class _Thread:
    """One command, followed up to a place."""

    command: Command
    place: Place
    words: tuple[str, ...] = ()
    values: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class _Way:
    """One way to go on from a thread; without a text anything that fits the argument will do."""

    thread: _Thread
    part: Word | Argument
    after: Place
    text: str
    help: str

    def fits(self, word: str) -> bool:
        """Return whether a word may stand for this argument."""
        return not self.text and isinstance(self.part, Argument) and self.part.kind.fits(word)

    def follow(self, word: str) -> _Thread:
        """Return the thread after a word that goes this way."""
        before, part = self.thread, self.part
        if isinstance(part, Word):
            return _Thread(before.command, self.after, (*before.words, part.text), before.values)
        values = (*before.values, (part.name, self.text or word))
        return _Thread(before.command, self.after, before.words, values)


def parse(commands: Sequence[Command], words: Sequence[str]) -> Parsed:
    """Return the command that these words are; raises BadLine."""
    threads = _begin(commands)
    for index, word in enumerate(words):
        threads = _follow(threads, words[:index], word)
    done = [thread for thread in threads if is_end(thread.place)]
    if not done:
        raise BadLine(f"{_after(words)}wanted {_wanted(list(_ways(threads)))}")
    return Parsed(done[0].command, dict(done[0].values), done[0].words)


def candidates(commands: Sequence[Command], words: Sequence[str], partial: str) -> list[Candidate]:
    """Return what the word that begins with `partial` may be, after these words; raises BadLine."""
    threads = _begin(commands)
    for index, word in enumerate(words):
        threads = _follow(threads, words[:index], word)
    found: dict[str, Candidate] = {}
    for way in _ways(threads):
        values = dict(way.thread.values)
        if way.text.startswith(partial) and way.text:
            found.setdefault(way.text, Candidate(way.text, way.help))
        elif isinstance(way.part, Argument) and not way.text:
            kind, name = way.part.kind, way.part.name
            shown = f"<{kind.shown}>"
            found.setdefault(shown, Candidate(shown, way.help, name, kind, values))
    if not partial:
        ends = [thread.command for thread in threads if is_end(thread.place)]
        if ends:
            found[END] = Candidate(END, ends[0].help)
    return list(found.values())


def _begin(commands: Sequence[Command]) -> list[_Thread]:
    return [_Thread(command, command.place) for command in commands]


def _ways(threads: Sequence[_Thread]) -> Iterator[_Way]:
    for thread in threads:
        for part, after in steps(thread.place):
            if isinstance(part, Word):
                help = part.help or thread.command.help
                yield _Way(thread, part, after, part.text, help)
            elif part.kind.choices:
                for text, help in part.kind.choices:
                    yield _Way(thread, part, after, text, help)
            else:
                yield _Way(thread, part, after, "", part.kind.help)


def _follow(threads: Sequence[_Thread], before: Sequence[str], word: str) -> list[_Thread]:
    """Return the threads that live on after a word; raises BadLine if none does, or too many."""
    ways = list(_ways(threads))
    # A name that the daemon knows may begin like a word: nothing but the whole word stands for it.
    going = [way for way in ways if word and way.text == word]
    going = going or [way for way in ways if way.fits(word)]
    if not going:
        going = [way for way in ways if word and way.text.startswith(word)]
        meant = sorted({way.text for way in going})
        if len(meant) > 1:
            raise BadLine(f"{_after(before)}'{word}' is ambiguous: {', '.join(meant)}")
    if not going:
        wanted = _wanted(ways) if ways else "nothing more"
        raise BadLine(f"{_after(before)}wanted {wanted}; got '{word}'")
    return [way.follow(word) for way in going]


def _after(words: Sequence[str]) -> str:
    return f"after '{' '.join(words)}': " if words else ""


def _wanted(ways: Sequence[_Way]) -> str:
    """Return 'a, b or <name>' of what may come next."""
    texts = list(dict.fromkeys(way.text or _shown(way.part) for way in ways))
    return " or ".join(part for part in (", ".join(texts[:-1]), texts[-1]) if part)


def _shown(part: Word | Argument) -> str:
    assert isinstance(part, Argument), f"{part=}"
    return f"<{part.kind.shown}> ({part.kind.help})"
