# SPDX-License-Identifier: Apache-2.0
"""Questions between processes: ids, deadlines, and for whom they are meant."""

from maglev.actor import Answered
from maglev.bus.requests import Asks, refusal
from maglev.bus.wire import AnswerHeader, RequestHeader
from maglev.messages import Done, Refused

EPOCH = 7


def answer(number: int) -> AnswerHeader:
    return AnswerHeader("aggregator", EPOCH, number, 0.0)


def question(epoch: int = EPOCH, deadline_s: float = 10.0) -> RequestHeader:
    return RequestHeader("gateway", epoch, 1, deadline_s, 0.0)


def test_an_answer_finds_its_question_once() -> None:
    asks = Asks()
    first = asks.ask("aggregator", EPOCH, "SetWeight", 10.0, ask_id=41)
    second = asks.ask("aggregator", EPOCH, "SetWeight", 10.0, ask_id=42)
    assert asks.answered("aggregator", answer(second), Done()) == Answered(42, Done())
    assert asks.answered("aggregator", answer(second), Done()) is None
    assert asks.answered("aggregator", answer(first), Done()) == Answered(41, Done())
    assert len(asks) == 0


def test_an_answer_of_somebody_else_is_no_answer() -> None:
    asks = Asks()
    number = asks.ask("aggregator", EPOCH, "SetWeight", 10.0, ask_id=41)
    assert asks.answered("programmer", answer(number), Done()) is None
    assert len(asks) == 1


def test_a_question_ends_at_its_deadline_and_not_before() -> None:
    asks = Asks()
    asks.ask("aggregator", EPOCH, "SetWeight", 10.0, ask_id=41)
    assert asks.due_s() == 10.0
    assert asks.end(9.999, {}) == []
    text = "aggregator did not answer SetWeight in time"
    assert asks.end(10.0, {}) == [Answered(41, Refused(code="deadline", text=text))]
    assert asks.end(10.0, {}) == []
    assert asks.due_s() == float("inf")


def test_a_question_ends_when_whom_it_was_put_to_is_another_process_now() -> None:
    asks = Asks()
    asks.ask("aggregator", EPOCH, "SetWeight", 10.0, ask_id=41)
    asks.ask("programmer", EPOCH, "SyncVpp", 10.0, ask_id=42)
    assert asks.end(1.0, {"aggregator": EPOCH, "programmer": EPOCH}) == []
    text = "aggregator was restarted before it answered SetWeight"
    assert asks.end(1.0, {"aggregator": EPOCH + 1, "programmer": EPOCH}) == [
        Answered(41, Refused(code="unavailable", text=text, restarted=True))
    ]
    assert len(asks) == 1


def test_a_request_in_time_and_for_us_may_be_carried_out() -> None:
    assert refusal("aggregator", EPOCH, 9.9, question()) is None


def test_a_late_request_is_refused_with_how_late_it_is() -> None:
    assert refusal("aggregator", EPOCH, 10.25, question()) == Refused(
        code="deadline", text="aggregator got the request 0.250 s too late"
    )


def test_a_request_for_another_epoch_is_refused_with_both() -> None:
    for epoch in (EPOCH - 1, EPOCH + 1, 0):
        refused = refusal("aggregator", EPOCH, 1.0, question(epoch))
        assert refused == Refused(
            code="unavailable",
            text=f"the request is for aggregator of epoch {epoch}; this is epoch {EPOCH}",
            restarted=True,
        )
