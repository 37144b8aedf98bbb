# SPDX-License-Identifier: Apache-2.0
"""Conversations with the gateway's actor about calls that take their time."""

from maglev.gateway.events import CallDropped, Finish
from maglev.messages import ConfigStatus, Done, FrontendStatus
from tests.gateway.actors import CONFIG
from tests.gateway.test_actor import done, ready, refusal


def test_a_call_ends_when_its_time_is_over() -> None:
    talk = ready()
    talk.calls(lasts_s=5.0)
    assert talk.later(4.9) == []
    refused = refusal(talk.later(0.2))
    assert refused.code == "deadline"
    assert "may still do what was asked" in refused.text
    assert talk.answers(Done()) == []


def test_a_call_that_was_done_but_is_not_visible_in_time_says_so() -> None:
    talk = ready()
    talk.calls()
    talk.answers(done(99))
    assert "has done it" in refusal(talk.later(6.0)).text


def test_several_calls_end_each_at_its_own_time() -> None:
    talk = ready()
    talk.calls(1, lasts_s=1.0)
    talk.calls(2, lasts_s=3.0)
    assert refusal(talk.later(1.5)).code == "deadline"
    assert talk.wake_at_s == 103.0
    assert talk.answers(Done(), 2) == [Finish(2, Done())]


def test_a_call_nobody_waits_for_is_forgotten() -> None:
    talk = ready()
    talk.calls()
    assert talk.tell(CallDropped(1)) == []
    assert talk.answers(Done()) == []
    assert talk.tell(CallDropped(1)) == []
    assert talk.gateway.state.questions.open == {}


def test_what_is_known_of_the_frontend_and_the_configuration_is_shown() -> None:
    view = ready().gateway.state.view
    assert [one.name for one in view.all(FrontendStatus)] == ["www"]
    assert view.get(ConfigStatus) == CONFIG
