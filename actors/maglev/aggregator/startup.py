# SPDX-License-Identifier: Apache-2.0
"""What a starting aggregator finds: the configuration in force, the wishes, young verdicts.

Only a start of the daemon and a reload read the configuration file; an aggregator that was
restarted takes the text it accepted last.  What cannot be used is told as a trouble, which becomes
an alarm, and the next best is used: nothing is a reason not to start but a configuration of which
no good copy exists.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from maglev.aggregator import files
from maglev.aggregator.events import Remembered
from maglev.aggregator.reading import Judged, read
from maglev.aggregator.state import Wish
from maglev.aggregator.totals import Kept
from maglev.core.settings import Settings
from maglev.environment import Environment


class NoConfiguration(Exception):
    """There is no configuration to start with; the text says what is wrong with the file."""


@dataclass(frozen=True, slots=True)
class Inherited:
    """What an aggregator starts with."""

    settings: Settings
    accepted_at_ns: int
    wishes: tuple[Wish, ...]
    remembered: Mapping[str, Remembered]
    totals: tuple[Kept, ...]
    totals_lost: str  # why there are none, if there should be
    troubles: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    fresh_text: str | None = None  # read from the file just now, and to be written down
    doubtful: bool = False  # wishes are lost: hold what VPP has


def boot_id() -> str:
    """Return what tells this boot of the machine from any other."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def daemon_id() -> str:
    """Return what tells this start of the daemon from any other.

    maglevd hands on its own; under somebody else's supervisord it is that supervisord, by pid and
    start time.
    """
    given = os.environ.get("MAGLEV_DAEMON")
    if given:
        return given
    parent = os.getppid()
    status = Path(f"/proc/{parent}/stat").read_text(encoding="utf-8", errors="replace")
    return f"{parent}:{status.rpartition(')')[2].split()[19]}"  # field 22: start time in ticks


def inherit(settings: Environment) -> Inherited:
    """Return what there is to start with; raises NoConfiguration."""
    troubles: list[str] = []
    judged, accepted_at_ns = _configuration(settings, troubles)
    assert judged.settings is not None
    wishes, doubtful = _wishes(settings.state_dir, troubles)
    totals, totals_lost = _totals(settings.state_dir)
    return Inherited(
        settings=judged.settings,
        accepted_at_ns=accepted_at_ns or time.time_ns(),
        wishes=wishes,
        remembered=_verdicts(settings, troubles),
        totals=totals,
        totals_lost=totals_lost,
        troubles=tuple(troubles),
        warnings=judged.warnings,
        fresh_text=None if accepted_at_ns else judged.text,
        doubtful=doubtful,
    )


def _configuration(settings: Environment, troubles: list[str]) -> tuple[Judged, int]:
    """Return the configuration to start with, and when it was accepted; 0: it is fresh."""
    accepted, trouble = files.read_or_previous(
        settings.state_dir / "config.accepted", files.AcceptedFile
    )
    if trouble:
        troubles.append(trouble)
    if accepted is not None and accepted.path != str(settings.config):
        accepted = None  # of another daemon, or another file: no substitute for this one
    if accepted is not None and accepted.daemon == daemon_id():
        judged = read("-", accepted.text)
        if judged.settings is not None:
            return judged, accepted.accepted_at_ns
    judged = read(str(settings.config))
    if judged.settings is not None:
        return judged, 0
    error = judged.parse_error or judged.semantic_error
    if accepted is None:
        raise NoConfiguration(error)
    troubles.append(f"{settings.config}: not used, the last good one is in force: {error}")
    judged = read("-", accepted.text)
    if judged.settings is None:
        raise NoConfiguration(error)
    return judged, accepted.accepted_at_ns


def _wishes(directory: Path, troubles: list[str]) -> tuple[tuple[Wish, ...], bool]:
    """Return the wishes, and whether some may be lost."""
    found, trouble = files.read_or_previous(directory / "wishes", files.WishesFile)
    if trouble:
        used = "its previous copy is used" if found else "no copy can be used"
        held = "weights are held until something happens to them"
        troubles.append(f"{trouble}; {used}, {held}")
    return found.wishes if found else (), bool(trouble)


def _verdicts(settings: Environment, troubles: list[str]) -> Mapping[str, Remembered]:
    """Return the last verdicts if they are of this boot and young."""
    try:
        found = files.read(settings.state_dir / "verdicts", files.VerdictsFile)
    except files.Unusable as unusable:
        troubles.append(str(unusable))
        return {}
    if found is None or found.boot_id != boot_id():
        return {}
    age_s = time.clock_gettime(time.CLOCK_BOOTTIME) - found.saved_at_s
    return found.backends if 0 <= age_s <= settings.timers.verdicts_young_s else {}


def _totals(directory: Path) -> tuple[tuple[Kept, ...], str]:
    """Return what was counted before, or why that is lost: no reason for an alarm."""
    try:
        return files.read_totals(directory / "totals"), ""
    except files.Unusable as unusable:
        return (), str(unusable)
