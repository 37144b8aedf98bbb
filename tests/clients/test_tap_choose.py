# SPDX-License-Identifier: Apache-2.0
"""What maglev-tap shows and what it listens to."""

import pytest

from maglev.clients.tap.choose import ALL_THE_TIME, ON_REQUEST, SPOKEN, Choice, choose, is_news
from maglev.flags import BadUsage
from maglev.messages import (
    ActorStatus,
    Alarm,
    AlarmCleared,
    BackendGone,
    BackendStatus,
    DesiredVip,
    Heartbeat,
    LogLine,
    Message,
    OperateBackend,
    ProbeFinished,
    ProbesSeen,
    ProbeStarted,
    SyncFinished,
    Verdict,
    VerdictWithdrawn,
    VppStatus,
)


def chosen(*patterns: str) -> frozenset[type[Message]]:
    return choose(patterns, (), (), everything=False).messages


def named(*names: str) -> Choice:
    return choose((), names, (), everything=True)


def test_everything_published_is_known_and_nothing_else() -> None:
    assert SPOKEN["BackendStatus"] is BackendStatus
    assert SPOKEN["ProbesSeen"] is ProbesSeen
    assert OperateBackend.__name__ not in SPOKEN
    assert "Level" not in SPOKEN


def test_without_a_filter_what_comes_all_the_time_or_costs_something_is_left_out() -> None:
    assert chosen() == frozenset(SPOKEN.values()) - ALL_THE_TIME - ON_REQUEST


def test_all_adds_heartbeats_but_makes_no_actor_say_more() -> None:
    everything = choose((), (), (), everything=True)
    assert Heartbeat in everything.messages
    assert LogLine not in everything.messages
    assert everything.repeats


@pytest.mark.parametrize(
    ("pattern", "meant"),
    [
        ("BackendStatus", {BackendStatus}),
        ("backendstatus", {BackendStatus}),
        ("Backend", {BackendStatus, BackendGone}),
        ("Verdict", {Verdict}),
        ("Verdict*", {Verdict, VerdictWithdrawn}),
        ("probe?tarted", {ProbeStarted}),
        ("*Finished", {ProbeFinished, SyncFinished}),
        ("Heartbeat", {Heartbeat}),
    ],
)
def test_a_message_is_meant_by_its_name_the_beginning_of_it_or_a_glob(
    pattern: str, meant: set[type[Message]]
) -> None:
    assert chosen(pattern) == meant


def test_several_patterns_add_up() -> None:
    assert chosen("LogLine", "Heartbeat") == {LogLine, Heartbeat}


@pytest.mark.parametrize(
    ("pattern", "error"),
    [
        ("Heartbeet", "--message: no message is called 'Heartbeet'; did you mean Heartbeat?"),
        ("zzz", "--message: no message is called 'zzz'"),
        ("OperateBackend", "--message: no message is called 'OperateBackend'"),
    ],
)
def test_a_pattern_that_no_message_meets_is_refused(pattern: str, error: str) -> None:
    with pytest.raises(BadUsage) as refused:
        chosen(pattern)
    assert str(refused.value).startswith(error)


def test_to_hear_a_level_is_to_hear_of_its_end_and_the_other_way_round() -> None:
    assert Choice(frozenset({Alarm})).classes() == (Alarm, AlarmCleared)
    assert Choice(frozenset({AlarmCleared})).classes() == (Alarm, AlarmCleared)
    assert Choice(frozenset({Heartbeat})).classes() == (Heartbeat,)


@pytest.mark.parametrize(
    ("message", "name", "shown"),
    [
        (Alarm(kind="a", about="web2", text="", since_ns=0), "web2", True),
        (BackendGone(name="web2"), "web2", True),
        (BackendGone(name="web20"), "web2", False),
        (BackendGone(name="web20"), "web2*", True),
        (ProbesSeen(prober="prober-0", backends=("web1", "web2")), "web2", True),
        (ProbesSeen(prober="prober-0", backends=("web1",)), "web2", False),
        (SyncFinished(scope="vip", frontend="www", duration_s=0.0), "www", True),
        (SyncFinished(scope="all", duration_s=0.0), "www", False),
        (VppStatus(connected=True), "web2", False),
    ],
)
def test_a_name_is_that_of_an_object_the_message_is_about(
    message: Message, name: str, shown: bool
) -> None:
    assert named(name).shows(message) is shown


def test_a_log_line_is_about_what_its_fields_name() -> None:
    line = LogLine(actor="a", at_ns=0, level="info", msg="x", fields={"backend": "web2", "n": 1})
    choice = choose(("LogLine",), ("web2",), (), everything=False)
    assert choice.shows(line)
    assert not choose(("LogLine",), ("web1",), (), everything=False).shows(line)


def test_a_message_that_is_not_chosen_is_not_shown_whatever_its_name() -> None:
    assert not choose(("Alarm",), ("web2",), (), everything=False).shows(BackendGone(name="web2"))


@pytest.mark.parametrize(
    ("actors", "speaker", "followed"),
    [((), "x", True), (("prober-*",), "prober-1", True), (("prober",), "prober-1", False)],
)
def test_actors_are_chosen_by_name_or_glob(
    actors: tuple[str, ...], speaker: str, followed: bool
) -> None:
    assert choose((), (), actors, everything=False).follows(speaker) is followed


def test_the_age_of_a_heartbeat_is_no_news_by_itself() -> None:
    status = ActorStatus(
        actor="a",
        state="RUNNING",
        pid=1,
        started_ns=0,
        restarts=0,
        heartbeat_age_s=0.0,
        lag_ms_max=0.0,
    )
    assert not is_news(status, ["heartbeat_age_s", "lag_ms_max"])
    assert is_news(status, ["heartbeat_age_s", "pid"])
    assert is_news(DesiredVip, ["decided_at_s"])  # type: ignore[arg-type]
