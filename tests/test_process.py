# SPDX-License-Identifier: Apache-2.0
"""How an actor's process begins: the backoff as a rule, the rest with real processes."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from maglev.core.timers import Timers
from maglev.process import Life, backoff_s, forget_lives, life_path, next_life, read_life
from tests.support import eventually

TIMERS = Timers()

BODY = """
import os, signal, sys, time
from maglev import process, environment
from maglev.privileges import Capability
with process.begin("actor", environment.read(os.environ), keep={keep}) as life:
    {body}
"""


# --- the rule ------------------------------------------------------------------------------------


def test_waits_double_from_one_second_to_sixty() -> None:
    waits = [backoff_s(crashes, TIMERS) for crashes in range(10)]
    assert waits == [0, 1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert backoff_s(10**6, TIMERS) == 60


def test_waits_follow_the_time_scale() -> None:
    assert backoff_s(3, Timers.scaled(0.1)) == pytest.approx(0.4)


def test_the_first_process_works_at_once() -> None:
    assert next_life(None, 7, 100.0, TIMERS) == Life(7, works_from_s=100.0)


def test_each_death_younger_than_a_minute_makes_the_next_wait_longer() -> None:
    life, now_s = next_life(None, 1, 0.0, TIMERS), 0.0
    waits = []
    for _ in range(8):
        now_s = life.works_from_s + 59.9
        life = next_life(life, 1, now_s, TIMERS)
        waits.append(life.works_from_s - now_s)
    assert waits == pytest.approx([1, 2, 4, 8, 16, 32, 60, 60])
    assert (life.crashes, life.starts) == (8, 9)


def test_a_minute_of_work_makes_good_for_all_crashes() -> None:
    old = Life(1, starts=9, crashes=8, works_from_s=40.0)
    assert next_life(old, 2, 100.0, TIMERS) == Life(2, starts=10, works_from_s=100.0)


def test_a_clean_stop_makes_good_for_all_crashes() -> None:
    old = Life(1, starts=9, crashes=8, works_from_s=40.0, ended=True)
    assert next_life(old, 2, 40.1, TIMERS) == Life(2, starts=10, works_from_s=40.1)


def test_a_process_killed_while_it_waits_keeps_the_appointment() -> None:
    old = Life(1, starts=4, crashes=3, works_from_s=104.0)
    assert next_life(old, 2, 101.0, TIMERS) == Life(2, starts=5, crashes=3, works_from_s=104.0)


def test_a_life_of_another_boot_does_not_count() -> None:
    old = Life(1, starts=4, crashes=3, works_from_s=9999.0)
    assert next_life(old, 2, 5.0, TIMERS) == Life(2, works_from_s=5.0)


# --- real processes ------------------------------------------------------------------------------


class Place:
    """A run directory, and actors started in it."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        self.path = life_path(run_dir, "actor")
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self, body: str, scale: float = 1.0, keep: str = "()") -> subprocess.Popen[bytes]:
        actor = subprocess.Popen(
            [sys.executable, "-c", BODY.format(body=body, keep=keep)],
            env={
                **os.environ,
                "MAGLEV_RUN_DIR": str(self.run_dir),
                "MAGLEV_TIME_SCALE": str(scale),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.started.append(actor)
        return actor

    def life(self) -> Life | None:
        return read_life(self.path)

    def life_of(self, actor: subprocess.Popen[bytes]) -> Life:
        """Return the life of this very process, once it has written it."""

        def mine() -> Life | None:
            life = self.life()
            return life if life and life.pid == actor.pid else None

        life = eventually(mine, what="begun")
        assert life is not None
        return life


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path)
    yield place
    for actor in place.started:
        actor.kill()
        actor.communicate()


def test_a_crash_makes_the_next_process_wait_and_a_clean_end_does_not(place: Place) -> None:
    assert place.start("raise ValueError").wait() == 1
    assert place.start("raise ValueError", scale=0.01).wait() == 1
    life = place.life()
    assert life is not None
    assert (life.starts, life.crashes, life.ended) == (2, 1, False)
    assert place.start("pass", scale=0.01).wait() == 0
    ended = place.life()
    assert ended is not None
    assert (ended.starts, ended.crashes, ended.ended) == (3, 2, True)
    assert place.start("pass").wait() == 0
    again = place.life()
    assert again is not None
    assert (again.starts, again.crashes) == (4, 0)


def test_nothing_works_before_its_wait_is_over(place: Place) -> None:
    place.start("raise ValueError").wait()
    body = "print(time.monotonic() >= life.works_from_s, life.crashes)"
    out, _ = place.start(body, scale=0.2).communicate()
    told, done = out.splitlines()
    assert done == b"True 1"
    line = json.loads(told)
    assert (line["msg"], line["actor"], line["crashes"]) == ("actor-backoff", "actor", 1)
    assert 0 < line["wait_s"] <= 0.2


def test_sigterm_ends_the_wait_at_once_and_cleanly(place: Place) -> None:
    place.start("raise ValueError").wait()
    waiting = place.start("raise ValueError", scale=50.0)
    assert place.life_of(waiting).crashes == 1
    waiting.send_signal(signal.SIGTERM)
    assert waiting.wait(10) == 0
    life = place.life()
    assert life is not None
    assert life.ended


def test_sigterm_before_the_body_handles_it_is_a_clean_stop(place: Place) -> None:
    actor = place.start("print('ready', flush=True); time.sleep(60)")
    assert actor.stdout is not None
    assert actor.stdout.readline() == b"ready\n"
    actor.send_signal(signal.SIGTERM)
    assert actor.wait(10) == 0
    assert replace(place.life_of(actor), ended=True) == place.life()


def test_a_second_process_of_a_name_waits_until_the_first_is_gone(place: Place) -> None:
    first = place.start("time.sleep(60)")
    place.life_of(first)
    second = place.start("print('second')")
    with pytest.raises(subprocess.TimeoutExpired):
        second.wait(0.5)
    assert place.life_of(first).pid == first.pid
    first.kill()
    out, _ = second.communicate(timeout=20)
    assert out.endswith(b"second\n")


def test_a_second_process_of_a_name_can_be_stopped_while_it_waits(place: Place) -> None:
    lock = os.open(place.path, os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    second = place.start("print('second')")

    def waits() -> bool:
        return any(
            os.path.realpath(fd) == str(place.path)
            for fd in Path(f"/proc/{second.pid}/fd").iterdir()
        )

    eventually(waits)
    second.send_signal(signal.SIGTERM)
    out, _ = second.communicate(timeout=10)
    os.close(lock)
    assert (second.returncode, out) == (0, b"")


def test_lives_are_forgotten_without_losing_the_locks(place: Place) -> None:
    actor = place.start("time.sleep(60)")
    place.life_of(actor)
    inode = place.path.stat().st_ino
    forget_lives(place.run_dir)
    assert place.life() is None
    assert place.path.stat().st_ino == inode


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"pid": 1, "colour": 2}'])
def test_a_damaged_life_counts_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.lock").write_text(text)
    assert read_life(tmp_path / "x.lock") is None


def test_sighup_is_nothing_to_an_actor(place: Place) -> None:
    body = "os.kill(os.getpid(), signal.SIGHUP); print('still here')"
    out, _ = place.start(body).communicate()
    assert out == b"still here\n"


def test_the_body_has_no_capabilities_but_those_it_keeps(place: Place) -> None:
    body = "print(open('/proc/self/status').read())"
    for keep, bits in (("()", 0), ("{Capability.NET_RAW}", 1 << 13)):
        out, _ = place.start(body, keep=keep).communicate()
        status = dict(line.split(":\t") for line in out.decode().splitlines() if ":\t" in line)
        had = int(Path("/proc/self/status").read_text().split("CapPrm:")[1].split()[0], 16)
        for name in ("CapPrm", "CapEff"):
            assert int(status[name], 16) == bits & had, name
        assert int(status["CapInh"], 16) == int(status["CapAmb"], 16) == 0
        assert status["NoNewPrivs"] == "1"


def test_nobody_outside_the_group_can_use_what_the_body_makes(place: Place) -> None:
    out, _ = place.start("print(oct(os.umask(0)))").communicate()
    assert out == b"0o7\n"


def test_an_actor_ends_with_the_process_that_started_it(place: Place) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", STARTER, BODY.format(body="time.sleep(60)", keep="()")],
        env={**os.environ, "MAGLEV_RUN_DIR": str(place.run_dir)},
        stdout=subprocess.PIPE,
    )
    place.started.append(parent)
    actor_pid = eventually(lambda: (life := place.life()) and life.pid)
    parent.kill()
    eventually(lambda: not Path(f"/proc/{actor_pid}").exists())


STARTER = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"


def test_an_actor_whose_supervisor_died_before_it_began_does_not_begin(place: Place) -> None:
    reader, writer = os.pipe()
    os.close(writer)
    orphan = subprocess.run(
        [sys.executable, "-c", BODY.format(body="print('began')", keep="()")],
        env={**os.environ, "MAGLEV_RUN_DIR": str(place.run_dir), "SUPERVISOR_ENABLED": "1"},
        stdin=reader,
        capture_output=True,
        timeout=20,
    )
    os.close(reader)
    assert (orphan.returncode, orphan.stdout) == (1, b"")
    assert place.life() is None


def test_an_actor_under_a_living_supervisor_begins(place: Place) -> None:
    reader, writer = os.pipe()
    began_s = time.monotonic()
    child = subprocess.run(
        [sys.executable, "-c", BODY.format(body="print('began')", keep="()")],
        env={**os.environ, "MAGLEV_RUN_DIR": str(place.run_dir), "SUPERVISOR_ENABLED": "1"},
        stdin=reader,
        capture_output=True,
        timeout=20,
    )
    os.close(reader)
    os.close(writer)
    assert (child.returncode, child.stdout) == (0, b"began\n")
    life = place.life()
    assert life is not None
    assert life.works_from_s >= began_s
