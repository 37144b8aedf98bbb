# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a configuration file, and where.

A reader of the file does not stop at the first fault: it notes each in `Problems` and goes on with
a default.  Faults of structure and of meaning are kept apart; the first kind hides the second,
because values that could not be read make nonsense of rules about values.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

Stage = Literal["structure", "meaning"]

# More than anybody reads; keeps a generated file with a fault in each line from filling the log.
PROBLEMS_MAX = 1000

_PLAIN_NAME = re.compile(r"[\w./:@+<-]{1,128}")
_SHOWN_CHARACTERS_MAX = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault (or warning): `line` counts from 1, 0 means the file as a whole."""

    file: str
    line: int
    path: str  # 'maglev.frontends.www.pools[1]'; empty where no key is meant
    text: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return ": ".join(part for part in (place, self.path, self.text) if part)


class ConfigError(Exception):
    """A file that cannot be used.

    `stage` is 'structure' (not YAML, unknown key, wrong type, duplicate key) or 'meaning' (a rule
    about values is broken); `problems` has all faults of that stage, at least one.
    """

    def __init__(self, stage: Stage, problems: tuple[Problem, ...]) -> None:
        assert problems, "a ConfigError says what is wrong"
        super().__init__(stage, problems)
        self.stage: Stage = stage
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))


class UnreadableError(Exception):
    """The text is not a tree this schema could be held against; the fault is already noted."""


def shown(text: str) -> str:
    """Return text in quotes, short and on one line, whatever it holds."""
    if len(text) > _SHOWN_CHARACTERS_MAX:
        text = text[:_SHOWN_CHARACTERS_MAX] + "..."
    return repr(text)


def below(path: str, key: str) -> str:
    """Return the path of a key under path; unusual keys appear quoted."""
    name = key if _PLAIN_NAME.fullmatch(key) else shown(key)
    return f"{path}.{name}" if path else name


@dataclass(slots=True)
class Problems:
    """The faults and warnings found so far in one file."""

    file: str
    _structure: list[Problem] = field(default_factory=list)
    _meaning: list[Problem] = field(default_factory=list)
    _warnings: list[Problem] = field(default_factory=list)

    def structure(self, line: int, path: str, text: str) -> None:
        self._note(self._structure, line, path, text)

    def meaning(self, line: int, path: str, text: str) -> None:
        self._note(self._meaning, line, path, text)

    def warn(self, line: int, path: str, text: str) -> None:
        self._note(self._warnings, line, path, text)

    def _note(self, kind: list[Problem], line: int, path: str, text: str) -> None:
        if len(kind) <= PROBLEMS_MAX:  # one more than is listed shows that there are more
            kind.append(Problem(self.file, line, path, text))

    def raise_any(self) -> None:
        """Raise ConfigError if any fault was noted; faults of structure hide those of meaning."""
        if self._structure:
            raise ConfigError("structure", self._listed(self._structure))
        if self._meaning:
            raise ConfigError("meaning", self._listed(self._meaning))

    def warnings(self) -> tuple[Problem, ...]:
        return self._listed(self._warnings)

    def _listed(self, kind: list[Problem]) -> tuple[Problem, ...]:
        """Return the problems in the order of the file, those of the vpp block last."""
        listed = sorted(kind, key=lambda p: (f"{p.path}.".startswith("maglev.vpp."), p.line))
        if len(kind) > PROBLEMS_MAX:
            listed[PROBLEMS_MAX:] = [Problem(self.file, 0, "", "more like these are not listed")]
        return tuple(listed)
