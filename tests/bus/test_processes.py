# SPDX-License-Identifier: Apache-2.0
"""Processes that are killed, stopped and continued while others go on."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from maglev.messages import Alarm, Done, Refused
from tests.bus.ring import ASKED, FAST, HEARS, Member, Ring
from tests.bus.world import alarm

Start = Callable[..., subprocess.Popen[bytes]]
KNOWS = ("Alarm", ("test", "knows"))


@pytest.fixture
def start(run_dir: Path) -> Iterator[Start]:
    running: list[subprocess.Popen[bytes]] = []

    def start_one(*arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.bus.talker", str(run_dir), *arguments]
        root = Path(__file__).parent.parent.parent
        running.append(subprocess.Popen(command, cwd=root))
        return running[-1]

    yield start_one
    for process in running:
        process.kill()
        process.wait()


def kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def let_pass(ring: Ring, seconds: float) -> None:
    until_s = time.monotonic() + seconds
    ring.until(lambda: time.monotonic() > until_s)


def healthy_reads(ring: Ring, healthy: Member, count: int) -> None:
    """Let a reader keep up to within what the queues hold, however slow the machine is."""
    ring.until(lambda: healthy.told().count("Heard") >= count)


def test_a_killed_speaker_is_lost_and_the_next_one_is_fetched_whole(
    ring: Ring, start: Start
) -> None:
    first = start("speak", "300")
    reader = ring.reader()
    ring.until(lambda: len(reader.levels()) == 300)
    reader.node.ask("speaker", ASKED, 20.0, ask_id=1)
    ring.until(reader.answers)
    kill(first)
    ring.until(lambda: not reader.folds["speaker"].told_alive())
    assert len(reader.levels()) == 301, "stale, and never taken away"
    start("speak", "7")
    ring.until(lambda: len(reader.levels()) == 7)
    assert reader.folds["speaker"].told_alive()


def test_a_speaker_killed_many_times_is_fetched_each_time(ring: Ring, start: Start) -> None:
    reader = ring.reader()
    for count in (3, 1, 4, 2, 5):
        speaker = start("speak", str(count))
        ring.until(lambda count=count: len(reader.levels()) == count)
        kill(speaker)
    assert reader.told().count("Synced") == 5


def test_a_question_to_a_killed_speaker_ends_as_soon_as_its_successor_speaks(
    ring: Ring, start: Start
) -> None:
    first = start("speak", "3")
    reader = ring.reader()
    ring.until(lambda: len(reader.levels()) == 3)
    os.kill(first.pid, signal.SIGSTOP)
    reader.node.ask("speaker", ASKED, 60.0, ask_id=1)
    kill(first)
    start("speak", "5")
    ring.until(reader.answers)
    text = "speaker was restarted before it answered SyncVpp"
    refused = Refused(code="unavailable", text=text, restarted=True)
    assert reader.answers()[0].answer == refused
    ring.until(lambda: len(reader.levels()) == 5)
    reader.node.ask("speaker", ASKED, 60.0, ask_id=2)
    ring.until(lambda: len(reader.answers()) == 2)
    assert reader.answers()[1].answer == Done(text="1")


def test_a_stopped_speaker_is_lost_and_known_again_when_it_goes_on(
    ring: Ring, start: Start
) -> None:
    speaker = start("speak", "300")
    reader = ring.reader()
    ring.until(lambda: len(reader.levels()) == 300)
    os.kill(speaker.pid, signal.SIGSTOP)
    ring.until(lambda: not reader.folds["speaker"].told_alive())
    # Long enough for sockets to be made anew, several times.
    let_pass(ring, 3 * FAST.rebuild_s)
    assert "rebuild" in reader.kinds()
    os.kill(speaker.pid, signal.SIGCONT)
    ring.until(lambda: reader.folds["speaker"].told_alive())
    assert len(reader.levels()) == 300


def test_what_was_asked_of_a_stopped_speaker_is_not_carried_out_when_it_goes_on(
    ring: Ring, start: Start
) -> None:
    speaker = start("speak", "3")
    reader = ring.reader()
    ring.until(lambda: len(reader.levels()) == 3)
    os.kill(speaker.pid, signal.SIGSTOP)
    for number in range(20):
        reader.node.ask("speaker", ASKED, 0.2, ask_id=number)
    ring.until(lambda: len(reader.answers()) == 20)
    assert {answered.answer.code for answered in reader.answers()} == {"deadline"}  # type: ignore[attr-defined]
    let_pass(ring, FAST.rebuild_s)
    os.kill(speaker.pid, signal.SIGCONT)
    ring.until(lambda: reader.folds["speaker"].told_alive())
    reader.node.ask("speaker", ASKED, 20.0, ask_id=99)
    ring.until(lambda: len(reader.answers()) == 21)
    assert reader.answers()[-1].answer == Done(text="1"), "the first that was carried out"


def test_a_stopped_reader_harms_nobody_and_catches_up(ring: Ring, start: Start) -> None:
    speaker, healthy = ring.speaker(), ring.reader({"speaker": HEARS, "hearer": (Alarm,)})
    stopped = start("hear")
    speaker.node.publish(alarm("web1", "x"))
    ring.until(lambda: healthy.levels("hearer").get(KNOWS) == alarm("knows", "1 x"))
    os.kill(stopped.pid, signal.SIGSTOP)
    for number in range(20_000):
        speaker.node.publish(alarm(f"web{number % 100}", "y" * 300 + str(number)))
        if number % 50 == 49:
            healthy_reads(ring, healthy, number - 1000)
    last = "y" * 300 + "19999"
    ring.until(lambda: healthy.levels().get(("Alarm", ("test", "web99"))) == alarm("web99", last))
    heard = healthy.told().count("Heard")
    assert heard >= 20_000
    assert healthy.told().count("Synced") == 1, "nothing was missed"
    os.kill(stopped.pid, signal.SIGCONT)
    speaker.node.publish(alarm("web1", "z" * 400))
    wanted = alarm("knows", "100 " + "z" * 400)
    ring.until(lambda: healthy.levels("hearer").get(KNOWS) == wanted)


def test_a_killed_reader_is_no_longer_listening(ring: Ring, start: Start) -> None:
    speaker = ring.speaker()
    reader = start("hear")
    ring.until(lambda: speaker.node.listened(Alarm))
    kill(reader)
    ring.until(lambda: not speaker.node.listened(Alarm))
