# SPDX-License-Identifier: Apache-2.0
"""maglev-tap as a program, on a real bus."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from maglev.clients.tap import run
from maglev.clients.tap.attach import attached
from maglev.messages import (
    Alarm,
    AlarmCleared,
    LogLine,
    ProbesSeen,
    VppStatus,
)
from tests.clients.speaker import Speaker
from tests.support import eventually

SAYS = (Alarm, AlarmCleared, VppStatus, ProbesSeen)
RAISED = Alarm(kind="silent", about="prober-0", text="not heard", since_ns=1)
CHANGED = Alarm(kind="silent", about="prober-0", text="not heard for long", since_ns=1)
CLEARED = AlarmCleared(kind="silent", about="prober-0")


@pytest.fixture
def speaker(run_dir: Path) -> Iterator[Speaker]:
    one = Speaker(run_dir, "aggregator", SAYS)
    yield one
    one.stop()


class Tap:
    """A running maglev-tap with what it printed so far."""

    def __init__(self, run_dir: Path, place: Path, *arguments: str) -> None:
        out, err = place / "out", place / "err"
        with out.open("wb") as stdout, err.open("wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-c", "from maglev.clients.tap import main; main()", *arguments],
                env={**os.environ, "MAGLEV_RUN_DIR": str(run_dir), "MAGLEV_TIME_SCALE": "0.1"},
                stdout=stdout,
                stderr=stderr,
            )
        self._out, self._err = out, err

    def lines(self) -> list[str]:
        return self._out.read_text().splitlines()

    def words(self) -> list[str]:
        return self._err.read_text().splitlines()

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(20)


@pytest.fixture
def tap(run_dir: Path, tmp_path: Path) -> Iterator[Callable[..., Tap]]:
    taps: list[Tap] = []

    def start(*arguments: str) -> Tap:
        place = tmp_path / str(len(taps))
        place.mkdir()
        taps.append(Tap(run_dir, place, *arguments))
        return taps[-1]

    yield start
    for one in taps:
        one.process.kill()
        one.process.wait()


def listening(tap: Tap, actor: str = "aggregator") -> Tap:
    eventually(lambda: f"maglev-tap: listening to {actor}" in tap.words())
    return tap


def told(tap: Tap, count: int) -> list[tuple[str, str]]:
    """Return message and first word after it of the first `count` lines."""
    eventually(lambda: len(tap.lines()) >= count, what=f"{count} lines, got {tap.lines()}")
    return [(line.split()[2], " ".join(line.split()[3:])) for line in tap.lines()]


def test_what_changes_is_told_and_what_is_repeated_is_not(
    speaker: Speaker, tap: Callable[..., Tap]
) -> None:
    speaker.say(VppStatus(connected=True))
    one = listening(tap())
    speaker.say(RAISED)
    told(one, 1)
    speaker.say(RAISED, VppStatus(connected=True))
    speaker.say(CHANGED)
    told(one, 2)
    speaker.say(CLEARED)
    assert told(one, 3) == [
        ("Alarm", 'silent/prober-0 text="not heard" since_ns=1970-01-01T00:00:00.000'),
        ("Alarm", 'silent/prober-0 text="not heard"->"not heard for long"'),
        ("AlarmCleared", "silent/prober-0"),
    ]
    assert one.end() == 0


def test_all_shows_repeats_and_heartbeats(speaker: Speaker, tap: Callable[..., Tap]) -> None:
    speaker.say(RAISED)
    one = listening(tap("--all"))
    speaker.say(RAISED)
    eventually(lambda: {name for name, _ in told(one, 2)} >= {"Alarm", "Heartbeat"})


def test_a_log_line_is_asked_for_only_by_its_name(
    speaker: Speaker, tap: Callable[..., Tap]
) -> None:
    listening(tap("--all"))
    assert not speaker.listened(LogLine)
    one = tap("--message", "LogLine")
    eventually(lambda: speaker.listened(LogLine))
    speaker.say(LogLine(actor="aggregator", at_ns=1, level="info", msg="hello", fields={"n": 1}))
    assert told(one, 1) == [("LogLine", "hello info n=1")]


def test_filters_by_actor_message_and_name(
    run_dir: Path, speaker: Speaker, tap: Callable[..., Tap]
) -> None:
    prober = Speaker(run_dir, "prober-0", SAYS)
    try:
        one = listening(
            tap("-actor", "prober-*", "-message", "Probes,VppStatus", "-name", "web2"), "prober-0"
        )
        speaker.say(ProbesSeen(prober="prober-9", backends=("web2",)))
        prober.say(RAISED, VppStatus(connected=True))
        prober.say(ProbesSeen(prober="prober-0", backends=("web1",)))
        prober.say(ProbesSeen(prober="prober-0", backends=("web1", "web2")))
        expected = [("ProbesSeen", "prober=prober-0 backends=[web1 web2]")]
        assert told(one, 1) == expected
        assert "maglev-tap: listening to aggregator" not in one.words()
    finally:
        prober.stop()


def test_json_is_one_object_a_line(speaker: Speaker, tap: Callable[..., Tap]) -> None:
    one = listening(tap("-o", "json"))
    speaker.say(RAISED)
    eventually(one.lines)
    line = json.loads(one.lines()[0])
    assert (line["actor"], line["message"]) == ("aggregator", "Alarm")
    assert line["fields"]["about"] == "prober-0"


def test_a_snapshot_is_printed_in_order_and_ends(speaker: Speaker, tap: Callable[..., Tap]) -> None:
    speaker.say(VppStatus(connected=True), RAISED)
    one = tap("--snapshot")
    assert one.process.wait(20) == 0
    assert [name for name, _ in told(one, 2)] == ["Alarm", "VppStatus"]


def test_a_daemon_that_restarts_is_followed_on(run_dir: Path, tap: Callable[..., Tap]) -> None:
    first = Speaker(run_dir, "aggregator", SAYS)
    first.say(RAISED, VppStatus(connected=True))
    one = listening(tap())
    first.stop()
    eventually(lambda: "maglev-tap: aggregator is silent; waiting for maglevd" in one.words())
    second = Speaker(run_dir, "aggregator", SAYS)
    try:
        second.say(VppStatus(connected=False))
        eventually(lambda: "maglev-tap: aggregator is a new process" in one.words())
        names = [name for name, rest in told(one, 2)]
        assert sorted(names) == ["Alarm", "VppStatus"]
        assert any("gone" in line for line in one.lines())
        assert any("connected=true->false" in line for line in one.lines())
    finally:
        second.stop()


def test_an_actor_that_comes_later_is_followed_too(
    run_dir: Path, speaker: Speaker, tap: Callable[..., Tap]
) -> None:
    one = listening(tap())
    late = Speaker(run_dir, "programmer", SAYS)
    try:
        listening(one, "programmer")
        late.say(RAISED)
        told(one, 1)
    finally:
        late.stop()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_without_a_word(
    speaker: Speaker, tap: Callable[..., Tap], number: int
) -> None:
    one = listening(tap())
    assert one.end(number) == 0
    assert one.words() == ["maglev-tap: listening to aggregator"]


def test_it_ends_when_nobody_reads_any_more_though_nothing_happens(
    run_dir: Path, speaker: Speaker
) -> None:
    command = [sys.executable, "-c", "from maglev.clients.tap import main; main()"]
    variables = {**os.environ, "MAGLEV_RUN_DIR": str(run_dir)}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=variables, stdout=pipe, stderr=pipe) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stderr.readline() == b"maglev-tap: listening to aggregator\n"
        process.stdout.close()
        assert process.wait(20) == 0
        assert process.stderr.read() == b""


def complaint(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    status = run(arguments, {})
    return status, capsys.readouterr().err.removeprefix("maglev-tap: ").removesuffix("\n")


def test_a_directory_that_is_missing_or_no_run_directory_is_named(
    capsys: pytest.CaptureFixture[str], run_dir: Path
) -> None:
    status, text = complaint(capsys, "--run-dir", f"{run_dir}/x")
    assert status == 1
    assert text.startswith(f"{run_dir}/x: no such directory; is maglevd running")
    status, text = complaint(capsys, "--run-dir", str(run_dir))
    assert status == 1
    assert text.startswith(f"{run_dir}: no maglevd has its sockets here")


def test_a_daemon_that_is_dead_is_told_from_one_that_lives(
    capsys: pytest.CaptureFixture[str], run_dir: Path
) -> None:
    dead = Speaker(run_dir, "aggregator", SAYS)
    assert attached(run_dir) == ["aggregator"]
    dead.stop()
    status, text = complaint(capsys, "--run-dir", str(run_dir))
    assert status == 1
    assert text == f"{run_dir}: maglevd is not running: nobody listens on its sockets"


def test_who_must_not_listen_is_told_so(run_dir: Path, speaker: Speaker) -> None:
    code = f"""
import os, sys
from maglev.clients.tap import run
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
sys.exit(run(["--run-dir", {str(run_dir)!r}], {{}}))
"""
    run_dir.chmod(0)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    run_dir.chmod(0o700)
    assert done.returncode == 1
    words = "Permission denied; root and the group of this directory may listen"
    assert done.stderr == f"maglev-tap: {run_dir}: {words}\n"


def test_an_actor_that_is_not_there_is_refused_with_those_that_are(
    capsys: pytest.CaptureFixture[str], run_dir: Path, speaker: Speaker
) -> None:
    status, text = complaint(capsys, "--run-dir", str(run_dir), "--actor", "agregator")
    assert status == 1
    assert text == f"{run_dir}: no actor is called that; there are aggregator"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["-o", "xml"], "-o: wanted text or json, got 'xml'"),
        (["x"], "wanted flags only, got 'x'"),
        (["--mesage", "x"], "unknown flag --mesage; did you mean --message?"),
        (["--message", "Heartbeet"], "no message is called 'Heartbeet'; did you mean Heartbeat?"),
    ],
)
def test_a_bad_command_line_is_refused(
    capsys: pytest.CaptureFixture[str], arguments: list[str], text: str
) -> None:
    status, said = complaint(capsys, *arguments)
    assert status == 2
    assert said.endswith(text)


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"], {}) == 0
    assert "--message" in capsys.readouterr().out
    assert run(["--version"], {}) == 0
    assert capsys.readouterr().out.startswith("maglev-tap 0.")
