# SPDX-License-Identifier: Apache-2.0
"""When maglevd starts, stops and kills its supervisord."""

from maglev.core.timers import Timers
from maglev.daemon.rule import Do, Phase, Supervision

TIMERS = Timers()


def running(answered: bool = True) -> Supervision:
    rule = Supervision(TIMERS, 0.0)
    assert rule.look(0.0) is Do.START
    if answered:
        rule.answered(0.0)
    return rule


def looks(rule: Supervision, from_s: float, to_s: float, answers: bool = False) -> list[Do]:
    """Look as often as the rule wants it, and return what it wanted done."""
    done, now_s = [], from_s
    while (now_s := now_s + rule.look_s) <= to_s:
        if answers:
            rule.answered(now_s)
        what = rule.look(now_s)
        if what is not None:
            done.append(what)
    return done


def test_supervisord_is_started_at_once_and_only_once() -> None:
    rule = running()
    assert looks(rule, 0, 100, answers=True) == []


def test_one_that_died_young_is_restarted_later_each_time() -> None:
    rule, now_s, waits = running(), 0.0, []
    for _ in range(8):
        now_s += 10
        assert rule.died(now_s) is None
        assert rule.phase is Phase.WAITING
        waits.append(rule.due_s(now_s) - now_s)
        now_s = rule.due_s(now_s)
        assert rule.look(now_s - 0.001) is None
        assert rule.look(now_s) is Do.START
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


def test_one_that_died_old_is_restarted_at_once() -> None:
    rule = running()
    rule.died(60.0)
    assert rule.look(60.0) is Do.START


def test_one_that_answered_and_then_is_silent_for_ten_seconds_is_killed() -> None:
    rule = running()
    assert looks(rule, 0, 10) == []
    assert looks(rule, 10, 12) == [Do.KILL]


def test_one_that_never_answered_has_a_minute() -> None:
    rule = running(answered=False)
    assert looks(rule, 0, 60) == []
    assert looks(rule, 60, 62) == [Do.KILL]


def test_one_is_not_killed_for_a_time_in_which_maglevd_was_stopped_itself() -> None:
    rule = running()
    assert rule.look(500.0) is None
    assert looks(rule, 500, 510) == []
    assert looks(rule, 510, 512) == [Do.KILL]


def test_a_stop_asks_first_and_kills_before_ten_seconds_are_over() -> None:
    rule = running()
    assert rule.stop(100.0) is Do.STOP
    assert rule.look(100.1) is None
    assert rule.due_s(100.1) <= 109.0
    assert rule.look(rule.due_s(100.1)) is Do.KILL
    assert rule.died(109.1) is Do.FINISH


def test_a_new_supervisord_is_asked_until_it_answers_and_then_at_leisure() -> None:
    rule = running(answered=False)
    assert rule.pace_s <= 0.1
    rule.answered(0.5)
    assert rule.pace_s == rule.look_s == 2.0


def test_the_time_to_stop_does_not_shrink_with_the_other_timers() -> None:
    rule = Supervision(Timers.scaled(0.01), 0.0)
    rule.look(0.0)
    rule.stop(0.0)
    assert rule.due_s(0.0) == 9.0


def test_a_second_stop_does_not_wait() -> None:
    rule = running()
    rule.stop(1.0)
    assert rule.stop(1.1) is Do.KILL


def test_a_stop_while_nothing_runs_finishes_at_once() -> None:
    rule = running()
    rule.died(1.0)
    assert rule.stop(1.1) is Do.FINISH


def test_a_stop_is_not_answered_by_a_restart() -> None:
    rule = running()
    rule.stop(1.0)
    assert rule.died(2.0) is Do.FINISH
