# SPDX-License-Identifier: Apache-2.0
"""Conversations with the gateway's actor: what it hears, whom it asks, what it answers."""

from __future__ import annotations

import pytest

from maglev.actor import (
    Answered,
    Ask,
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
from maglev.environment import Environment
from maglev.gateway.actor import Gateway, follows
from maglev.gateway.events import (
    BackendMoved,
    Called,
    Finish,
    FrontendMoved,
    Listen,
    LogSaid,
    LogsWanted,
    Missed,
    Serve,
    Tell,
)
from maglev.messages import (
    Answer,
    BackendGone,
    BackendStatus,
    ConfigAnswer,
    Done,
    Heartbeat,
    LogLine,
    Message,
    OperateBackend,
    Refused,
    Transition,
)
from tests.gateway.actors import CONFIG, backend, frontend, moved

PAUSE = OperateBackend(backend="web1", operation="pause", who="ana", origin="unix")
RESTARTED = Refused(code="unavailable", text="aggregator was restarted", restarted=True)


class Talk:
    """A gateway, its clock, and what it wanted done."""

    def __init__(self) -> None:
        self.mono_s = 100.0
        self.gateway = Gateway()
        self.effects: list[Effect] = []
        self.wake_at_s = float("inf")
        assert list(self.gateway.start(self.now)) == []

    @property
    def now(self) -> Instant:
        return Instant(self.mono_s, int(self.mono_s * 1e9))

    def tell(self, event: Event) -> list[Effect]:
        """Tell one thing and return what it wants done, but for when to wake it."""
        effects = list(self.gateway.handle(event, self.now))
        for effect in effects:
            if isinstance(effect, WakeAt):
                self.wake_at_s = effect.mono_s
        return [effect for effect in effects if not isinstance(effect, WakeAt)]

    def synced(
        self, *messages: Message, speaker: str = "aggregator", epoch: int = 1, **positions: int
    ) -> list[Effect]:
        return self.tell(Synced(speaker, epoch, messages, positions))

    def heard(
        self, message: Message, sequence: int = 0, speaker: str = "aggregator"
    ) -> list[Effect]:
        return self.tell(Heard(speaker, message, sequence))

    def calls(self, call_id: int = 1, lasts_s: float = 5.0) -> list[Effect]:
        return self.tell(Called(call_id, "aggregator", PAUSE, self.mono_s + lasts_s))

    def answers(self, answer: Answer, call_id: int = 1) -> list[Effect]:
        return self.tell(Answered(call_id, answer))

    def later(self, seconds: float) -> list[Effect]:
        """Let time pass, waking the gateway once if it asked for it."""
        end_s = self.mono_s + seconds
        effects: list[Effect] = []
        if self.wake_at_s <= end_s:
            self.mono_s, self.wake_at_s = self.wake_at_s, float("inf")
            effects = self.tell(Woke())
        self.mono_s = end_s
        return effects


def ready() -> Talk:
    talk = Talk()
    talk.synced(
        CONFIG,
        backend("web1", moved(1, "unknown", "up")),
        frontend("www", moved(1, "unknown", "up")),
        BackendStatus=10,
        FrontendStatus=20,
        ConfigStatus=1,
    )
    return talk


def refusal(effects: list[Effect]) -> Refused:
    (finish,) = effects
    assert isinstance(finish, Finish)
    assert isinstance(finish.answer, Refused)
    return finish.answer


def done(sequence: int, epoch: int = 1, cls: str = "BackendStatus") -> Done:
    return Done(epoch=epoch, cls=cls, sequence=sequence)


# --- what is known -------------------------------------------------------------------------------


def test_everything_it_hears_is_followed_of_somebody() -> None:
    names = Environment(probers=2).actor_names
    followed = follows(names)
    assert tuple(followed) == names
    assert all(Heartbeat in classes for classes in followed.values())
    heard = {cls for classes in followed.values() for cls in classes}
    assert {*heard, LogLine} == set(Gateway.hears)


def test_it_serves_from_the_first_whole_word_of_the_aggregator_on() -> None:
    talk = Talk()
    assert talk.synced(speaker="programmer") == []
    assert Serve() in talk.synced(CONFIG)
    assert Serve() not in talk.synced(CONFIG, epoch=2)


def test_what_was_there_before_anybody_could_watch_is_no_news() -> None:
    talk = Talk()
    assert talk.synced(CONFIG, backend("web1", moved(1, "unknown", "up"))) == [Serve()]


def test_a_transition_is_told_once_however_often_it_is_said() -> None:
    talk = ready()
    down = moved(2, "up", "down", "L4CON")
    status = backend("web1", down, moved(1, "unknown", "up"))
    assert talk.heard(status, 11) == [Tell(BackendMoved("web1", down))]
    assert talk.heard(status, 12) == []
    assert talk.synced(CONFIG, status, frontend("www", moved(1, "unknown", "up"))) == []


def test_transitions_that_were_merged_are_told_one_by_one() -> None:
    talk = ready()
    history = (moved(3, "down", "up"), moved(2, "up", "down"), moved(1, "unknown", "up"))
    assert talk.heard(backend("web1", *history), 11) == [
        Tell(BackendMoved("web1", history[1])),
        Tell(BackendMoved("web1", history[0])),
    ]


def test_transitions_that_no_history_has_are_told_as_missed() -> None:
    talk = ready()
    status = backend("web1", moved(9, "down", "up"), moved(8, "up", "down"))
    assert talk.heard(status, 11) == [
        Tell(Missed("backend", 6)),
        Tell(BackendMoved("web1", moved(8, "up", "down"))),
        Tell(BackendMoved("web1", moved(9, "down", "up"))),
    ]


def test_a_backend_that_leaves_is_told_by_its_last_transition_and_no_more() -> None:
    talk = ready()
    removed = moved(2, "up", "removed", "reload")
    assert talk.heard(backend("web1", removed, moved(1, "unknown", "up"))) == [
        Tell(BackendMoved("web1", removed))
    ]
    assert talk.heard(BackendGone(name="web1")) == []
    assert talk.gateway.state.view.all(BackendStatus) == []


def test_a_frontend_that_leaves_is_told_as_removed() -> None:
    talk = ready()
    (tell,) = talk.synced(CONFIG, backend("web1", moved(1, "unknown", "up")))
    assert isinstance(tell, Tell)
    assert isinstance(tell.news, FrontendMoved)
    assert (tell.news.transition.before, tell.news.transition.after) == ("up", "removed")


def test_of_an_aggregator_that_forgot_its_numbers_only_the_present_is_told() -> None:
    talk = ready()
    again = backend("web1", Transition(number=1, before="unknown", after="down", at_ns=77))
    (tell,) = talk.synced(CONFIG, again, frontend("www", moved(1, "unknown", "up")), epoch=2)
    assert isinstance(tell, Tell)
    assert isinstance(tell.news, BackendMoved)
    assert (tell.news.transition.before, tell.news.transition.after) == ("down", "down")


def test_a_silent_speaker_is_known_to_be_and_what_it_said_stands() -> None:
    talk = ready()
    talk.tell(Lost("aggregator"))
    assert talk.gateway.state.view.silent == {"aggregator"}
    assert talk.gateway.state.view.get(BackendStatus, "web1") is not None
    talk.tell(Found("aggregator"))
    assert talk.gateway.state.view.silent == set()


def test_the_last_heartbeat_of_each_actor_is_kept_with_its_time() -> None:
    talk = ready()
    beat = Heartbeat(actor="prober-0", pid=1, started_ns=1, positions={}, lag_ms_max=0.1)
    assert talk.heard(beat, 5, speaker="prober-0") == []
    kept = talk.gateway.state.beats["prober-0"]
    assert (kept.said, kept.heard_s) == (beat, 100.0)


# --- the log -------------------------------------------------------------------------------------


def line(msg: str) -> LogLine:
    return LogLine(actor="aggregator", at_ns=1, level="info", msg=msg, fields={})


def test_log_lines_are_listened_for_while_somebody_wants_them() -> None:
    talk = ready()
    assert talk.tell(LogsWanted(True)) == [Listen(True)]
    assert talk.heard(line("a"), 41) == [Tell(LogSaid(line("a")))]
    assert talk.tell(LogsWanted(False)) == [Listen(False)]


def test_log_lines_that_did_not_arrive_are_told_as_missed() -> None:
    talk = ready()
    talk.tell(LogsWanted(True))
    talk.heard(line("a"), 41)
    assert talk.heard(line("e"), 45) == [Tell(Missed("log", 3)), Tell(LogSaid(line("e")))]
    assert talk.heard(line("f"), 46) == [Tell(LogSaid(line("f")))]


def test_lines_from_before_somebody_listened_are_not_missed() -> None:
    talk = ready()
    talk.tell(LogsWanted(True))
    talk.heard(line("a"), 41)
    talk.tell(LogsWanted(False))
    talk.tell(LogsWanted(True))
    assert talk.heard(line("z"), 900) == [Tell(LogSaid(line("z")))]


# --- calls ---------------------------------------------------------------------------------------


def test_a_call_is_asked_of_its_actor_within_its_time() -> None:
    talk = ready()
    assert talk.calls(lasts_s=5.0) == [Ask("aggregator", PAUSE, 5.0, 1)]


def test_an_answer_waits_until_its_effect_was_heard() -> None:
    talk = ready()
    talk.calls()
    assert talk.answers(done(12)) == []
    assert talk.heard(backend("web1", moved(1, "unknown", "up")), 11) == []
    assert talk.heard(backend("web1", moved(1, "unknown", "up")), 12) == [Finish(1, done(12))]


def test_an_answer_whose_effect_was_heard_before_it_does_not_wait() -> None:
    talk = ready()
    talk.calls()
    talk.heard(backend("web1", moved(1, "unknown", "up")), 12)
    assert talk.answers(done(12)) == [Finish(1, done(12))]


def test_each_class_has_its_own_positions() -> None:
    talk = ready()
    talk.calls()
    talk.heard(frontend("www", moved(1, "unknown", "up")), 21)
    assert talk.answers(done(21)) == []
    assert talk.answers(done(21, cls="FrontendStatus")) == [
        Finish(1, done(21, cls="FrontendStatus"))
    ]


@pytest.mark.parametrize(
    "answer",
    [Done(text="nothing changed", changed=False), Refused(code="not_found", text="no such")],
)
def test_an_answer_without_an_effect_does_not_wait(answer: Answer) -> None:
    talk = ready()
    talk.calls()
    assert talk.answers(answer) == [Finish(1, answer)]


def test_a_reload_is_answered_when_the_new_configuration_was_heard() -> None:
    talk = ready()
    talk.calls()
    answer = ConfigAnswer(epoch=1, cls="ConfigStatus", sequence=2)
    assert talk.answers(answer) == []
    assert talk.heard(CONFIG, 2) == [Finish(1, answer)]


def test_a_snapshot_shows_an_effect_as_well_as_a_message() -> None:
    talk = ready()
    talk.calls()
    talk.answers(done(12))
    assert Finish(1, done(12)) in talk.synced(CONFIG, BackendStatus=13)


def test_what_a_later_life_says_shows_what_the_earlier_one_did() -> None:
    talk = ready()
    talk.calls()
    talk.answers(done(12))
    assert Finish(1, done(12)) in talk.synced(CONFIG, epoch=2, BackendStatus=1)


def test_an_actor_that_was_restarted_is_asked_again_in_its_new_life() -> None:
    talk = ready()
    talk.calls(lasts_s=5.0)
    talk.later(1.0)
    assert talk.answers(RESTARTED) == []
    talk.later(0.5)
    assert Ask("aggregator", PAUSE, 3.5, 1) in talk.synced(CONFIG, epoch=2)
    assert talk.answers(done(1, epoch=2)) == []
    assert talk.heard(backend("web1"), 1)[-1] == Finish(1, done(1, epoch=2))


def test_it_is_asked_again_at_once_if_its_new_life_is_known_already() -> None:
    talk = ready()
    talk.calls()
    talk.synced(CONFIG, epoch=2)
    assert talk.answers(RESTARTED) == [Ask("aggregator", PAUSE, 5.0, 1)]


def test_an_actor_that_is_away_is_not_asked() -> None:
    talk = ready()
    talk.tell(Lost("aggregator"))
    refused = refusal(talk.calls())
    assert refused.code == "unavailable"
    assert "the aggregator is away and nothing was changed" in refused.text


def test_an_actor_that_was_never_heard_is_away() -> None:
    assert refusal(Talk().calls()).code == "unavailable"


def test_an_actor_that_does_not_come_back_is_not_waited_for_longer_than_its_silence() -> None:
    talk = ready()
    talk.calls()
    talk.answers(RESTARTED)
    refused = refusal(talk.tell(Lost("aggregator")))
    assert refused.code == "unavailable"
    assert "may have done" in refused.text


def test_an_actor_found_again_is_asked_what_waits() -> None:
    talk = ready()
    talk.calls()
    talk.answers(RESTARTED)
    assert talk.tell(Found("aggregator")) == [Ask("aggregator", PAUSE, 5.0, 1)]


def test_a_question_under_way_survives_a_silence() -> None:
    talk = ready()
    talk.calls()
    assert talk.tell(Lost("aggregator")) == []
    talk.tell(Found("aggregator"))
    assert talk.answers(Done()) == [Finish(1, Done())]
