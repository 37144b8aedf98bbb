# SPDX-License-Identifier: Apache-2.0
"""The process of the aggregator: what is on disk at its start, and the disk while it runs.

Files are written one after the other by one thread, in the order in which the actor asked for it;
the configuration is read by a process of its own.  Nothing here decides anything.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from maglev import environment, version
from maglev.actor import Effect
from maglev.aggregator import files
from maglev.aggregator.actor import Aggregator
from maglev.aggregator.events import (
    Audit,
    AuditFileRead,
    ConfigRead,
    ConfigSaved,
    ReadAuditFile,
    ReadConfig,
    SaveConfig,
    SaveTotals,
    SaveVerdicts,
    SaveWishes,
    TotalsSaved,
    WishesSaved,
)
from maglev.aggregator.new import Surroundings, new_state
from maglev.aggregator.reading import read_aside
from maglev.aggregator.startup import Inherited, NoConfiguration, boot_id, daemon_id, inherit
from maglev.aggregator.state import Accepted, Wish
from maglev.bus.node import Node
from maglev.bus.sockets import OBJECTS
from maglev.core.totals import BOUNDS_S
from maglev.environment import Environment
from maglev.log import Log
from maglev.messages import ProberPresent, ProbeTotals, Verdict, VerdictWithdrawn, VppStatus
from maglev.process import begin
from maglev.runtime import Runtime, instant

WRITES_WAITING_MAX = 10_000
CLOSE_S = 1.0

Write = SaveWishes | SaveConfig | SaveVerdicts | SaveTotals | Audit


class Shell:
    """Performs what the aggregator asks of the disk and of the configuration file."""

    def __init__(self, settings: Environment, log: Log) -> None:
        self.runtime: Runtime | None = None
        self._directory = settings.state_dir
        self._config = settings.config
        self._log = log
        self._writes: asyncio.Queue[Write] = asyncio.Queue(WRITES_WAITING_MAX)
        self._disk = ThreadPoolExecutor(max_workers=1, thread_name_prefix="disk")

    def perform(self, effect: Effect) -> None:
        """Begin what an effect asks for; the event about it follows."""
        assert self.runtime is not None
        match effect:
            case ReadAuditFile():
                self.runtime.spawn(self._read_audit(self.runtime, effect), "read audit")
            case ReadConfig(read_id):
                self.runtime.spawn(self._read(self.runtime, read_id), f"read {read_id}")
            case SaveWishes() | SaveConfig() | SaveVerdicts() | SaveTotals() | Audit():
                try:
                    self._writes.put_nowait(effect)
                except asyncio.QueueFull:
                    self._log.write("error", "write-lost", {"what": type(effect).__name__})
            case _:
                raise AssertionError(f"nobody performs {effect}")

    async def serve(self) -> None:
        """Write what is to be written, one after the other, for ever."""
        assert self.runtime is not None
        loop = asyncio.get_running_loop()
        while True:
            effect = await self._writes.get()
            error = await loop.run_in_executor(self._disk, self._write, effect)
            match effect:
                case SaveWishes():
                    self.runtime.feed(WishesSaved(error))
                case SaveConfig(accepted):
                    self.runtime.feed(ConfigSaved(accepted, error))
                case _ if error:
                    self._log.write("error", "write-failed", {"error": error})
            if isinstance(effect, SaveTotals):
                self.runtime.feed(TotalsSaved())

    async def _read(self, runtime: Runtime, read_id: int) -> None:
        judged = await read_aside(str(self._config))
        for warning in judged.warnings:
            self._log.write("warn", "config-warning", {"text": warning})
        accepted = Accepted(judged.text, judged.settings) if judged.settings else None
        runtime.feed(ConfigRead(read_id, accepted, judged.parse_error, judged.semantic_error))

    async def _read_audit(self, runtime: Runtime, wanted: ReadAuditFile) -> None:
        path = self._directory / "audit.jsonl"
        try:
            entries = await asyncio.to_thread(files.read_audit, path, wanted.entries_max)
        except OSError as error:
            text = f"{error.filename or path}: {error.strerror}"
            runtime.feed(AuditFileRead(wanted.caller, error=text))
        else:
            runtime.feed(AuditFileRead(wanted.caller, entries))

    def _write(self, effect: Write) -> str:
        """Write one thing; return what went wrong, in words."""
        try:
            match effect:
                case SaveWishes(wishes, entry):
                    files.append_audit(self._directory / "audit.jsonl", entry)
                    self._write_wishes(wishes)
                case SaveConfig(accepted, wishes):
                    write_accepted(self._directory, self._config, accepted.text)
                    self._write_wishes(wishes)
                case SaveVerdicts(backends):
                    saved_at_s = time.clock_gettime(time.CLOCK_BOOTTIME)
                    kept = files.VerdictsFile(boot_id(), saved_at_s, backends)
                    files.write(self._directory / "verdicts", kept)
                case SaveTotals(blocks):
                    counted = files.TotalsFile(BOUNDS_S, blocks)
                    files.write_expendable(self._directory / "totals", counted)
                case Audit(entry):
                    files.append_audit(self._directory / "audit.jsonl", entry)
        except OSError as error:
            return f"{error.filename or self._directory}: {error.strerror}"
        return ""

    def _write_wishes(self, wishes: tuple[Wish, ...]) -> None:
        files.write(self._directory / "wishes", files.WishesFile(wishes))


def write_accepted(directory: Path, config: Path, text: str) -> None:
    """Write down the configuration in force; raises OSError."""
    accepted = files.AcceptedFile(daemon_id(), str(config), text, time.time_ns())
    files.write(directory / "config.accepted", accepted)


def build(settings: Environment, inherited: Inherited) -> Aggregator:
    """Return the actor as it is at its start."""
    around = Surroundings(
        path=str(settings.config),
        timers=settings.timers,
        probers=settings.prober_names,
        vpp_wanted=bool(settings.vpp_api_addr),
        generation=time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000,
        accepted_at_ns=inherited.accepted_at_ns,
    )
    state = new_state(inherited.settings, inherited.wishes, around, instant())
    for frontend in state.frontends.values():
        frontend.doubtful = inherited.doubtful
    state.totals.recall(inherited.totals, state.backends, settings.prober_names)
    return Aggregator(state, inherited.remembered, inherited.troubles)


def start(settings: Environment, log: Log) -> Aggregator:
    """Return the actor made from what is on disk, and write down what is new there."""
    try:
        inherited = inherit(settings)
    except NoConfiguration as error:
        log.write("error", "config-refused", {"error": str(error)})
        log.close(CLOSE_S)
        sys.exit(1)
    for warning in inherited.warnings:
        log.write("warn", "config-warning", {"text": warning})
    if inherited.totals_lost:
        log.write("warn", "totals-lost", {"why": inherited.totals_lost})
    if inherited.fresh_text is not None:
        try:
            write_accepted(settings.state_dir, settings.config, inherited.fresh_text)
        except OSError as error:
            log.write("error", "write-failed", {"error": str(error)})
    return build(settings, inherited)


def objects(actor: Aggregator) -> int:
    """Return how many levels there may be, with room for a reload that doubles them."""
    state = actor.state
    return max(OBJECTS, 4 * len(state.backends) + 4 * len(state.frontends))


def main() -> None:
    """Run the aggregator until SIGTERM; the exit status is 1 after a failure."""
    settings = environment.read(os.environ)
    with begin("aggregator", settings):
        log = Log("aggregator", settings.log_level)
        found = version.current()
        log.started(found.version, found.commit, found.date)
        actor = start(settings, log)
        words = (ProberPresent, Verdict, VerdictWithdrawn, ProbeTotals)
        node = Node(
            settings.run_dir,
            actor.name,
            says=Aggregator.says,
            answers=Aggregator.answers,
            follows={**dict.fromkeys(settings.prober_names, words), "programmer": (VppStatus,)},
            timers=settings.timers,
            objects=objects(actor),
        )
        shell = Shell(settings, log)
        shell.runtime = Runtime(actor, node, log, settings.timers, perform=shell.perform)
        sys.exit(shell.runtime.run(shell.serve))


if __name__ == "__main__":
    main()
