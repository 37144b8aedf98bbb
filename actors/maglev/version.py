# SPDX-License-Identifier: Apache-2.0
"""Which software this is: version, commit, date.

The version stands in setup.cfg and is read from the installed package's metadata; commit and date
are baked into `build.txt` when a package is made, and asked of git when run from a source tree.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.metadata import version as version_of
from pathlib import Path

_PACKAGE = Path(__file__).parent
_GIT_S = 2.0


@dataclass(frozen=True, slots=True)
class Version:
    """What is running; commit and date (YYYY-MM-DD) are 'unknown' where nobody can tell."""

    version: str
    commit: str
    date: str

    def text(self, program: str) -> str:
        """Return the line that `program --version` prints."""
        return f"{program} {self.version} (commit {self.commit}, built {self.date})"


@cache
def current() -> Version:
    """Return the version of the software that is running."""
    commit, date = _baked() or _of_tree() or ("unknown", "unknown")
    return Version(version_of("vpp-maglev"), commit, date)


def _baked() -> tuple[str, str] | None:
    """Return (commit, date) from build.txt, a line of two words."""
    try:
        return _two_words((_PACKAGE / "build.txt").read_text(encoding="utf-8"))
    except OSError:
        return None


def _of_tree() -> tuple[str, str] | None:
    """Return (commit, date of the commit) from git, if this is a checkout and git answers."""
    tree = _PACKAGE.parent.parent
    if not (tree / ".git").exists():
        return None
    import subprocess  # only in a source tree: not worth its memory in every process

    command = ["git", "-C", str(tree), "log", "-1", "--format=%h %cs"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_GIT_S, check=True, text=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return _two_words(done.stdout)


def _two_words(text: str) -> tuple[str, str] | None:
    words = text.split()
    return (words[0], words[1]) if len(words) == 2 else None
