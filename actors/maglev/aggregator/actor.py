# SPDX-License-Identifier: Apache-2.0
"""Owns: configuration in force, operators' wishes, assignments, state of backends and frontends,
totals of what was counted.

Hears: ProberPresent, Verdict, VerdictWithdrawn, ProbeTotals from every prober; VppStatus from the
programmer.

Says: Assignment, AssignmentEnded, BackendStatus, BackendGone, FrontendStatus, FrontendGone,
DesiredSettings, DesiredVip, VipWithdrawn, ConfigStatus, TotalsBlock, Alarm, AlarmCleared.

Answers: OperateBackend, SetWeight, ReloadConfig, CheckConfig, ReadAudit, NoteOperation.

Crash: probing and VPP go on.  A restart takes the accepted configuration and the wishes from the
state directory, the totals from there and from the running probers, and the verdicts from these;
what no prober speaks for is taken from the last verdicts on disk if they are young, else it is
unknown, and weights are held.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from maglev.actor import (
    Answered,
    Asked,
    Effect,
    Event,
    Found,
    Heard,
    Instant,
    Lost,
    Synced,
    WakeAt,
    Woke,
)
from maglev.aggregator import assign, audit, believe, operate, release, reload, remember, rounds
from maglev.aggregator.events import (
    AuditFileRead,
    ConfigRead,
    ConfigSaved,
    Remembered,
    TotalsSaved,
    WishesSaved,
)
from maglev.aggregator.say import alarm, settle
from maglev.aggregator.state import State
from maglev.aggregator.verdicts import verdict_heard
from maglev.messages import (
    Alarm,
    AlarmCleared,
    Assignment,
    AssignmentEnded,
    BackendGone,
    BackendStatus,
    CheckConfig,
    ConfigStatus,
    DesiredSettings,
    DesiredVip,
    FrontendGone,
    FrontendStatus,
    Message,
    NoteOperation,
    OperateBackend,
    ProberPresent,
    ProbeTotals,
    ReadAudit,
    ReloadConfig,
    Request,
    SetWeight,
    TotalsBlock,
    Verdict,
    VerdictWithdrawn,
    VipWithdrawn,
    VppStatus,
)


class Aggregator:
    """The actor; all that it knows is in `state`."""

    name: ClassVar[str] = "aggregator"
    hears: ClassVar[tuple[type[Message], ...]] = (
        ProberPresent,
        Verdict,
        VerdictWithdrawn,
        ProbeTotals,
        VppStatus,
    )
    says: ClassVar[tuple[type[Message], ...]] = (
        Assignment,
        AssignmentEnded,
        BackendStatus,
        BackendGone,
        FrontendStatus,
        FrontendGone,
        DesiredSettings,
        DesiredVip,
        VipWithdrawn,
        ConfigStatus,
        TotalsBlock,
        Alarm,
        AlarmCleared,
    )
    answers: ClassVar[tuple[type[Request], ...]] = (
        OperateBackend,
        SetWeight,
        ReloadConfig,
        CheckConfig,
        ReadAudit,
        NoteOperation,
    )

    def __init__(
        self, state: State, remembered: Mapping[str, Remembered], troubles: Sequence[str]
    ) -> None:
        """Take a fresh state, young verdicts (or none), and what was wrong with files."""
        self.state = state
        self._troubles = troubles
        self._wake_at_s = 0.0
        remember.recall(state, remembered)

    def start(self, now: Instant) -> list[Effect]:
        """Say what is known, which may be nothing but the configuration."""
        effects: list[Effect] = []
        for trouble in self._troubles:
            effects += alarm(self.state, "state-dir", trouble.split(":")[0], trouble, now)
        return effects + self._finish(now)

    def handle(self, event: Event, now: Instant) -> list[Effect]:
        """Change the state by one event; news about whatever it touched follow."""
        return self._react(event, now) + self._finish(now)

    def _react(self, event: Event, now: Instant) -> list[Effect]:
        state = self.state
        match event:
            case Heard(speaker, message):
                return self._heard(speaker, message, now)
            case Synced(speaker, epoch, messages):
                return self._synced(speaker, epoch, messages, now)
            case Lost(speaker) if speaker in state.probers:
                return assign.prober_lost(state, speaker, now)
            case Found(speaker) if speaker in state.probers:
                return assign.prober_found(state, speaker, now)
            case Asked(caller, OperateBackend() | SetWeight() as request):
                return operate.asked(state, caller, request, now)
            case Asked(caller, ReloadConfig() as request):
                return reload.asked(state, caller, request)
            case Asked(caller, CheckConfig()):
                return reload.check_asked(state, caller)
            case ConfigRead():
                return reload.config_read(state, event, now)
            case ConfigSaved(accepted, error):
                effects = reload.config_saved(state, accepted, error, now)
                return [*effects, *operate.proceed(state, now)]
            case Asked(caller, ReadAudit(entries_max=entries_max)):
                return audit.asked(state, caller, entries_max)
            case Asked(caller, NoteOperation(entry=entry)):
                return audit.told(caller, entry)
            case AuditFileRead():
                return audit.was_read(state, event)
            case WishesSaved(error):
                return [*operate.saved(state, error, now), *reload.save_if_idle(state)]
            case TotalsSaved():
                rounds.saved(state)
                return []
            case Lost() | Found() | Woke():
                return []  # of the programmer: VPP keeps what it has; of time: see _finish
            case Answered() | Asked() | Event():
                raise AssertionError(f"an event nobody sends here: {event}")

    def _heard(self, speaker: str, message: Message, now: Instant) -> list[Effect]:
        match message:
            case Verdict() if message.prober == speaker:
                return verdict_heard(self.state, message, now)
            case ProberPresent() if message.prober == speaker:
                epoch = self.state.probers[speaker].epoch
                return assign.prober_present(self.state, epoch, message, now)
            case ProbeTotals() if message.prober == speaker:
                self.state.totals.heard(message, self.state.backends)
                return []
            case VppStatus(connected=connected):
                return believe.vpp_seen(self.state, connected, now)
            case _:
                return []  # a withdrawn verdict: the assignment that caused it is ours

    def _synced(
        self, speaker: str, epoch: int, messages: Sequence[Message], now: Instant
    ) -> list[Effect]:
        """A speaker's whole word: of a prober that it is there first, then its verdicts."""
        effects: list[Effect] = []
        for one in messages:
            if isinstance(one, ProberPresent):
                effects += assign.prober_present(self.state, epoch, one, now)
        for message in messages:
            if not isinstance(message, ProberPresent):
                effects += self._heard(speaker, message, now)
        return effects

    def _finish(self, now: Instant) -> list[Effect]:
        """End a turn: what time brings, what became dirty, and when to look again."""
        state = self.state
        effects = release.advance(state, now)
        effects += believe.recheck(state, now)
        effects += remember.save(state, now)
        effects += settle(state, now)
        effects += rounds.advance(state, now)
        wake_at_s = min(
            release.due_s(state),
            believe.due_s(state),
            remember.due_s(state),
            rounds.due_s(state),
        )
        if wake_at_s != self._wake_at_s:
            self._wake_at_s = wake_at_s
            effects.append(WakeAt(wake_at_s))
        return effects
