# SPDX-License-Identifier: Apache-2.0
"""What drives an actor: turns in this process, and whole processes."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from maglev.actor import Heard
from maglev.bus import wire
from maglev.bus.client import ask
from maglev.log import Log
from maglev.messages import Alarm, Done, Heartbeat, LogLine, SyncVpp
from maglev.runtime import LIMIT, Runtime
from tests.bus.ring import Member, Ring, ring_in
from tests.echo import TIMERS, Echo, Shell, Struck
from tests.support import eventually


def question(frontend: str) -> SyncVpp:
    return SyncVpp(frontend=frontend, who="tester", origin="unix")


@pytest.fixture
def run_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="maglev-") as path:
        yield Path(path)


class Driven:
    """An actor turned by hand beside a reader of what it says."""

    def __init__(self, run_dir: Path, ring: Ring) -> None:
        self.reading, self.writing = os.pipe()
        os.set_blocking(self.reading, False)
        self.log = Log("echo", fd=self.writing)
        self.shell = Shell(run_dir, self.log)
        self.runtime: Runtime = self.shell.runtime
        self.runtime.start()
        self.ring = ring
        self.reader: Member = ring.reader({"echo": (Alarm, Heartbeat)})
        self.until(lambda: self.reader.told("echo"))

    @property
    def echo(self) -> Echo:
        actor = self.runtime._actor
        assert isinstance(actor, Echo)
        return actor

    def until(self, condition: Callable[[], object]) -> None:
        def holds() -> bool:
            self.runtime.turn()
            self.ring.turn()
            return bool(condition())

        eventually(holds)

    def alarms(self) -> dict[str, str]:
        levels = self.reader.levels("echo").values()
        return {level.about: level.text for level in levels if isinstance(level, Alarm)}

    def beats(self) -> list[Heartbeat]:
        heard = (event.message for event in self.reader.events if isinstance(event, Heard))
        return [message for message in heard if isinstance(message, Heartbeat)]

    def close(self) -> None:
        self.runtime.node.close()
        self.log.close(20.0)
        os.close(self.reading)
        os.close(self.writing)

    def lines(self) -> list[dict[str, Any]]:
        self.log.close(20.0)
        return [json.loads(line) for line in os.read(self.reading, 1 << 20).splitlines()]


@pytest.fixture
def driven(run_dir: Path) -> Iterator[Driven]:
    with ring_in(run_dir) as ring:
        driven = Driven(run_dir, ring)
        yield driven
        driven.close()


def test_what_an_actor_publishes_at_its_start_is_heard(driven: Driven) -> None:
    assert driven.alarms()["started"] == ""


def test_the_wake_that_was_asked_for_comes_once(driven: Driven) -> None:
    driven.until(lambda: "woke" in driven.alarms())
    beats = len(driven.beats())
    driven.until(lambda: len(driven.beats()) > beats + 2)
    assert [type(event).__name__ for event in driven.echo.happened].count("Woke") == 1


def test_a_reply_names_the_position_of_what_was_published_in_its_turn(driven: Driven) -> None:
    driven.reader.node.ask("echo", question("www"), 20.0, ask_id=1)
    driven.until(driven.reader.answers)
    answer = driven.reader.answers()[0].answer
    assert isinstance(answer, Done)
    assert (answer.text, answer.cls) == ("www", "Alarm")
    assert answer.epoch == driven.runtime.node.epoch
    assert answer.sequence >= 2
    driven.until(lambda: driven.alarms().get("asked") == "www")
    driven.until(lambda: driven.alarms().get("struck") == "www")


def test_the_heartbeat_comes_at_its_pace_and_tells_the_worst_lag(driven: Driven) -> None:
    driven.until(lambda: len(driven.beats()) >= 3)
    time.sleep(0.3)  # the loop is late by that, on purpose
    beats = len(driven.beats())
    driven.until(lambda: len(driven.beats()) >= beats + 2)
    late, next_one = driven.beats()[beats : beats + 2]
    assert late.lag_ms_max >= 50
    assert next_one.lag_ms_max < late.lag_ms_max
    assert late.pid == os.getpid()
    assert late.actor == "echo"
    assert late.positions["Alarm"] >= 1


def test_a_turn_is_bounded_and_says_when_there_is_more(driven: Driven) -> None:
    for number in range(2 * LIMIT + 1):
        driven.runtime.feed(Struck(str(number)))
    before = len(driven.echo.happened)
    for turns in (1, 2):
        assert driven.runtime.turn() <= time.monotonic()
        struck = [event for event in driven.echo.happened[before:] if isinstance(event, Struck)]
        assert len(struck) == turns * LIMIT
    driven.until(lambda: driven.alarms().get("struck") == str(2 * LIMIT))


def test_a_question_to_nobody_is_answered_and_logged(driven: Driven) -> None:
    driven.runtime.feed(Struck("ask"))
    driven.until(lambda: any(type(event).__name__ == "Answered" for event in driven.echo.happened))
    (line,) = [line for line in driven.lines() if line["msg"] == "answered"]
    assert line["level"] == "warn"
    assert "other is not there to answer SyncVpp" in line["answer"]


def test_log_lines_are_published_only_while_somebody_listens(driven: Driven) -> None:
    driven.reader.node.ask("echo", question("before"), 20.0, ask_id=1)
    driven.until(driven.reader.answers)
    assert driven.runtime.node.position(LogLine) == 0
    with ring_in(driven.ring.run_dir) as other:
        listener = other.reader({"echo": (LogLine,)})

        def heard() -> list[Heard]:
            other.turn()
            return [event for event in listener.events if isinstance(event, Heard)]

        driven.until(lambda: (heard(), driven.runtime.node.listened(LogLine))[1])
        driven.reader.node.ask("echo", question("during"), 20.0, ask_id=2)
        driven.until(heard)
        (told,) = heard()
        assert isinstance(told.message, LogLine)
        assert (told.message.msg, told.message.fields) == ("asked", {"frontend": "during"})
    asked = [line["frontend"] for line in driven.lines() if line["msg"] == "asked"]
    assert asked == ["before", "during"]


def test_garbage_is_logged_with_its_sender_and_not_for_every_frame(driven: Driven) -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    with context.socket(zmq.DEALER) as stranger:
        stranger.connect(f"ipc://{driven.ring.run_dir}/echo.rpc")
        header = wire.encode(wire.RequestHeader("stranger", 0, 1, 0.0, 0.0))

        def garbage(count: int, total: int) -> None:
            for _ in range(count):
                stranger.send_multipart([b"Nonsense\0", header, b""])
            driven.until(lambda: driven.beats() and driven.beats()[-1].dropped == total)

        garbage(50, total=50)
        quiet_s = time.monotonic() + TIMERS.heartbeat_s
        driven.until(lambda: time.monotonic() > quiet_s)
        garbage(1, total=51)
    context.destroy(linger=0)
    lines = [line for line in driven.lines() if line["msg"] == "bus-garbage"]
    assert len(lines) < 51
    assert {line["peer"] for line in lines} == {"stranger"}
    assert lines[0]["detail"] == "topic: no message is called 'Nonsense'"
    assert len(lines) + sum(line.get("unwritten", 0) for line in lines) == 51


class Process:
    """An actor in a process of its own."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        root = Path(__file__).parent.parent
        command = [sys.executable, "-m", "tests.echo", str(run_dir)]
        self.popen = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE)

    def ask(self, frontend: str, deadline_s: float = 20.0) -> str:
        answer = ask(self.run_dir, "echo", question(frontend), deadline_s)
        return answer.text if isinstance(answer, Done) else ""

    def end(self) -> tuple[int, list[dict[str, Any]]]:
        out, _ = self.popen.communicate(timeout=20)
        return self.popen.returncode, [json.loads(line) for line in out.splitlines()]


@pytest.fixture
def process(run_dir: Path) -> Iterator[Process]:
    process = Process(run_dir)
    yield process
    process.popen.kill()
    process.popen.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_process_cleanly(number: signal.Signals, process: Process) -> None:
    assert process.ask("www") == "www"
    process.popen.send_signal(number)
    status, lines = process.end()
    assert status == 0
    assert [line["msg"] for line in lines] == ["starting", "asked", "cleaned-up", "stopped"]


@pytest.mark.parametrize(
    ("frontend", "words"),
    [("crash", "broken on purpose"), ("task", "task broken on purpose")],
)
def test_a_broken_invariant_ends_the_process_with_its_trace(
    frontend: str, words: str, process: Process
) -> None:
    # No answer comes any more, and a request that came too late would break nothing.
    eventually(lambda: process.ask(frontend, deadline_s=1.0) or process.popen.poll() is not None)
    status, lines = process.end()
    assert status == 1
    failed = lines[-1]
    assert (failed["level"], failed["msg"]) == ("error", "failed")
    assert words in failed["error"]
    assert "Traceback" in failed["traceback"]
    assert "cleaned-up" in [line["msg"] for line in lines]


def test_an_output_nobody_reads_does_not_stop_the_actor(process: Process) -> None:
    for number in range(5):
        assert process.ask("chatter") == "chatter"
        assert process.ask(str(number)) == str(number)
    process.popen.send_signal(signal.SIGTERM)
    started_s = time.monotonic()
    process.popen.wait(20)
    assert process.popen.returncode == 0
    assert time.monotonic() - started_s < 15
    # A pipe holds 64 KiB; the rest was dropped at the end, and nothing waited for it.
    _, lines = process.end()
    assert len(lines) < 1000
