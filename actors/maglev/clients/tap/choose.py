# SPDX-License-Identifier: Apache-2.0
"""Which of all that is said shall be shown: by speaker, by message, by the object it is about.

Without a filter everything is shown that tells something new.  What comes all the time to say that
all is well needs `--all`, and what actors say only while somebody listens needs its name.  There is
no state; look at `choose` and at `Choice.shows`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase

from maglev import messages
from maglev.flags import BadUsage
from maglev.messages import (
    ActorStatus,
    Edge,
    Heartbeat,
    Level,
    LogLine,
    Message,
    ProbeFinished,
    ProberPace,
    ProbesSeen,
    ProbeStarted,
    ProbeTotals,
    Retraction,
    TotalsBlock,
    VppTotals,
)

ON_REQUEST: frozenset[type[Message]] = frozenset({LogLine, ProbeStarted, ProbeFinished})
"""Said only while somebody listens: listening costs the daemon something."""

ALL_THE_TIME: frozenset[type[Message]] = frozenset(
    {Heartbeat, ProberPace, ProbesSeen, ProbeTotals, TotalsBlock, VppTotals}
)
"""Said every few seconds or more often, whether or not anything happens."""

MOVING: dict[type[Message], frozenset[str]] = {
    ActorStatus: frozenset({"heartbeat_age_s", "lag_ms_max"})
}
"""Fields of levels that move all the time; no news by themselves."""

SPOKEN: dict[str, type[Message]] = {
    cls.__name__: cls
    for cls in (getattr(messages, name) for name in messages.__all__)
    if isinstance(cls, type)
    and issubclass(cls, Level | Retraction | Edge)
    and cls not in (Level, Retraction, Edge)
}
"""Everything that is published, by name."""

_ABOUT = ("backend", "frontend", "prober", "actor", "name", "about")


@dataclass(frozen=True, slots=True)
class Choice:
    """The filter; empty tuples let everything through."""

    messages: frozenset[type[Message]]
    names: tuple[str, ...] = ()
    actors: tuple[str, ...] = ()
    repeats: bool = False  # show levels that are said again without news, too

    def classes(self) -> tuple[type[Message], ...]:
        """Return what to listen to: what ends a level belongs to the level."""
        both = {cls for cls in self.messages if not issubclass(cls, Retraction)}
        for cls in SPOKEN.values():
            if issubclass(cls, Retraction) and (cls in self.messages or cls.ENDS in both):
                both |= {cls, cls.ENDS}
        return tuple(sorted(both, key=lambda cls: cls.__name__))

    def follows(self, speaker: str) -> bool:
        """Return whether to listen to this speaker."""
        return not self.actors or any(fnmatchcase(speaker, glob) for glob in self.actors)

    def shows(self, message: Message) -> bool:
        """Return whether to show this message."""
        if type(message) not in self.messages:
            return False
        return not self.names or any(
            fnmatchcase(name, glob) for name in names_of(message) for glob in self.names
        )


def choose(
    patterns: Sequence[str], names: Sequence[str], actors: Sequence[str], *, everything: bool
) -> Choice:
    """Return the filter; raise BadUsage for a pattern that no message meets."""
    if patterns:
        wanted = frozenset(cls for pattern in patterns for cls in _meeting(pattern))
    else:
        wanted = frozenset(SPOKEN.values()) - ON_REQUEST
        wanted = wanted if everything else wanted - ALL_THE_TIME
    return Choice(wanted, tuple(names), tuple(actors), everything)


def names_of(message: Message) -> Iterator[str]:
    """Yield the names of the objects a message is about."""
    match message:
        case Level() | Retraction():
            yield from message.key()
        case ProbesSeen(backends=backends):
            yield from backends
        case LogLine(actor=actor, fields=fields):
            yield actor
            yield from (str(fields[name]) for name in _ABOUT if name in fields)
        case _:
            yield from (str(getattr(message, name)) for name in _ABOUT if hasattr(message, name))


def is_news(message: Message, fields: Iterable[str]) -> bool:
    """Return whether a level in which these fields have changed tells something new."""
    return not MOVING.get(type(message), frozenset()).issuperset(fields)


def _meeting(pattern: str) -> list[type[Message]]:
    """Return the messages a pattern means: a name, the beginning of names, or a glob."""
    low = pattern.lower()
    by_name = {name.lower(): cls for name, cls in SPOKEN.items()}
    if low in by_name:
        return [by_name[low]]
    glob = low if any(char in low for char in "*?[") else f"{low}*"
    found = [cls for name, cls in by_name.items() if fnmatchcase(name, glob)]
    if found:
        return found
    close = get_close_matches(low, by_name, n=1)
    hint = f"; did you mean {by_name[close[0]].__name__}?" if close else ""
    raise BadUsage(f"--message: no message is called '{pattern}'{hint}")
