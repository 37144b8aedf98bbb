# SPDX-License-Identifier: Apache-2.0
"""One question from a process that is not on the bus."""

import threading
from pathlib import Path

from maglev.bus.client import ask
from maglev.messages import Answer, Done, Refused
from tests.bus.ring import ASKED, Ring


def asking(run_dir: Path, deadline_s: float) -> tuple[threading.Thread, list[Answer]]:
    answers: list[Answer] = []
    thread = threading.Thread(
        target=lambda: answers.append(ask(run_dir, "speaker", ASKED, deadline_s))
    )
    thread.start()
    return thread, answers


def test_the_answer_comes_back(ring: Ring, run_dir: Path) -> None:
    speaker = ring.speaker()
    thread, answers = asking(run_dir, 20.0)
    ring.until(speaker.asked)
    speaker.node.reply(speaker.asked()[0].caller, Done(text="well done"))
    ring.until(lambda: answers)
    thread.join()
    assert answers == [Done(text="well done")]


def test_an_actor_that_comes_later_is_waited_for(ring: Ring, run_dir: Path) -> None:
    thread, answers = asking(run_dir, 20.0)
    speaker = ring.speaker()
    ring.until(speaker.asked)
    speaker.node.reply(speaker.asked()[0].caller, Done())
    ring.until(lambda: answers)
    thread.join()
    assert answers == [Done()]


def test_nobody_there_is_unavailable_when_the_time_is_over(run_dir: Path) -> None:
    text = "speaker is not there to answer SyncVpp"
    assert ask(run_dir, "speaker", ASKED, 0.2) == Refused(code="unavailable", text=text)


def test_no_answer_is_a_deadline(ring: Ring, run_dir: Path) -> None:
    speaker = ring.speaker()
    thread, answers = asking(run_dir, 0.5)
    ring.until(lambda: answers)
    thread.join()
    assert len(speaker.asked()) == 1
    text = "speaker did not answer SyncVpp in time"
    assert answers == [Refused(code="deadline", text=text)]
