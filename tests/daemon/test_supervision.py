# SPDX-License-Identifier: Apache-2.0
"""maglevd with real processes: who is started, reloaded, restarted, replaced and stopped."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.daemon.running import ROOT, Running
from tests.support import eventually

Start = Callable[..., Running]


@pytest.fixture
def make() -> Iterator[Start]:
    """Make daemons that leave nothing behind."""
    made: list[Running] = []

    def make_one(scale: float = 0.3, **habits: str) -> Running:
        made.append(Running(scale, habits))
        return made[-1]

    yield make_one
    for running in made:
        running.close()


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] in "ZX"
    except OSError:
        return True


def stop_in_time(running: Running, number: int = signal.SIGTERM) -> None:
    """Stop maglevd and assert that all of it is gone, as it should be, within 10 s."""
    (maglevd,) = running.started
    asked_s = time.monotonic()
    maglevd.send_signal(number)
    assert maglevd.wait(20) == 0
    assert time.monotonic() - asked_s < 10
    assert running.pids() == []


def test_sighup_asks_the_aggregator_to_reload_and_restarts_nothing(make: Start) -> None:
    running = make()
    maglevd = running.start()
    pids = running.wait_up()
    os.kill(running.supervisord_pid(), signal.SIGHUP)  # somebody's mistake
    os.killpg(maglevd.pid, signal.SIGHUP)  # as a terminal does
    eventually(lambda: running.logged("config-reload"), 30, "config-reload")
    assert running.logged("config-reload")[0]["ok"] is True
    asked = (running.run_dir / "aggregator.asked").read_text()
    assert "ReloadConfig(who='maglevd', origin='SIGHUP')" in asked
    assert running.actor_pids() == pids
    stop_in_time(running, signal.SIGINT)
    assert running.garbage == []


def test_a_second_maglevd_is_refused_and_told_who_is_there(make: Start) -> None:
    running = make()
    maglevd = running.start()
    eventually(lambda: running.logged("starting"), 30)
    for arguments in ((), ("--run-dir", str(running.dir / "other"))):
        second = running.start(*arguments, reads=False)
        _, error = second.communicate(timeout=30)
        assert second.returncode == 1
        assert f"another maglevd, pid {maglevd.pid}\n" in error.decode()
    running.started = [maglevd]
    stop_in_time(running)  # and that before supervisord is up, perhaps


def test_a_dead_supervisord_takes_its_actors_along_and_all_come_back(make: Start) -> None:
    running = make(prober="parent")
    maglevd = running.start()
    pids = running.wait_up()
    supervisord = running.supervisord_pid()
    before = running.pids()
    os.kill(supervisord, signal.SIGKILL)
    eventually(lambda: all(is_gone(pid) for pid in before if pid != maglevd.pid), 20, "gone")
    again = running.wait_up()
    assert set(again.values()).isdisjoint(pids.values())
    assert running.supervisord_pid() != supervisord
    assert running.logged("supervisord-died")[0]["status"] == -9
    # The next after a young death waits; what the actors' own children left is gone as well.
    stop_in_time(running)


def test_nothing_outlives_a_maglevd_that_was_killed(make: Start) -> None:
    running = make()
    maglevd = running.start()
    running.wait_up()
    maglevd.kill()
    maglevd.wait()
    eventually(lambda: running.pids() == [], 20, "all gone")
    running.start()
    running.wait_up()
    running.started.pop(0).communicate()
    stop_in_time(running)


@pytest.mark.timeout(240)
def test_a_crash_loop_slows_down_and_never_ends(make: Start) -> None:
    running = make(scale=0.02, aggregator="crash")
    running.start()
    seen: dict[int, float] = {}

    def crashed_seven_times() -> bool:
        info = running.processes().get("aggregator")
        assert info is None or info.state not in ("FATAL", "BACKOFF")
        life = running.life("aggregator")
        if life is not None:
            seen[life.crashes] = life.works_from_s
        return life is not None and life.crashes >= 7

    eventually(crashed_seven_times, 200, "seven crashes")
    # Two neighbours that were seen are at least the later one's wait apart: 0.64 s is the longest.
    for crashes in range(4, 7):
        if crashes in seen and crashes + 1 in seen:
            wait_s = min(0.02 * 2.0**crashes, 0.02 * 60)
            assert seen[crashes + 1] - seen[crashes] >= wait_s
    stop_in_time(running)
    assert running.logged("actor-backoff")
    assert any("as I always do" in line["text"] for line in running.logged("output"))


def test_a_stopped_actor_is_replaced_and_nobody_when_all_were_stopped(make: Start) -> None:
    running = make(scale=0.2)
    running.start()
    pids = running.wait_up()
    everybody = running.pids()

    wedged_s = 0.2 * 10
    for number in (signal.SIGSTOP, signal.SIGCONT):
        for pid in everybody:
            os.kill(pid, number)
        until_s = time.monotonic() + 1.5 * wedged_s
        eventually(lambda until_s=until_s: time.monotonic() > until_s, 60)
    assert running.actor_pids() == pids
    assert running.logged("actor-replaced") == []

    os.kill(pids["prober-1"], signal.SIGSTOP)
    eventually(lambda: running.logged("actor-replaced"), 60, "actor-replaced")
    again = running.wait_up()
    assert {name for name in pids if pids[name] != again[name]} == {"prober-1"}
    stop_in_time(running)


def test_a_stopped_supervisord_is_replaced(make: Start) -> None:
    running = make(scale=0.15)
    running.start()
    running.wait_up()
    supervisord = running.supervisord_pid()
    os.kill(supervisord, signal.SIGSTOP)
    eventually(lambda: is_gone(supervisord), 60, "killed")
    running.wait_up()
    assert running.logged("supervisord-killed")
    stop_in_time(running)


def test_nobody_who_does_not_read_the_log_stops_anything(make: Start) -> None:
    running = make(prober="chatty", programmer="stubborn", aggregator="parent")
    maglevd = running.start(reads=False)
    pids = running.wait_up()
    # The pipe holds 64 KiB, the chatter is 1 MB a second, and a daemon that stood still would be
    # held for wedged.
    until_s = time.monotonic() + 0.3 * 10 * 1.5
    while time.monotonic() < until_s:
        asked_s = time.monotonic()
        assert running.actor_pids() == pids
        assert time.monotonic() - asked_s < 3
    os.kill(pids["prober-0"], signal.SIGSTOP)
    stop_in_time(running)
    running.read(maglevd)
    assert running.garbage[:-1] == []  # whole lines, but for the one cut by the end


def test_lines_that_could_not_be_written_are_counted_once_they_can(make: Start) -> None:
    running = make(prober="chatty")
    maglevd = running.start(reads=False)
    eventually(lambda: all((running.run_dir / f"prober-{n}.said").exists() for n in (0, 1)), 60)
    running.start_reading(maglevd)
    eventually(lambda: running.logged("log-dropped"), 30, "log-dropped")
    stop_in_time(running)
    assert running.garbage == []
    assert running.logged("output") == []


def test_a_bad_configuration_starts_nothing(make: Start) -> None:
    running = make()
    for text, status in (("maglev: [", 1), (GOOD_BUT_UNKNOWN, 2)):
        running.config.write_text(text)
        maglevd = running.start(reads=False)
        _, error = maglevd.communicate(timeout=30)
        assert maglevd.returncode == status
        assert str(running.config) in error.decode()
        assert not running.run_dir.exists()


GOOD_BUT_UNKNOWN = """
maglev:
  vpp: {lb: {ipv4-src-address: 10.0.0.1, ipv6-src-address: "2001:db8::1"}}
  frontends: {www: {address: 10.1.0.1, pools: [{name: p, backends: {web7: {}}}]}}
"""


def test_a_supervisord_that_cannot_be_started_is_tried_again_and_again(make: Start) -> None:
    running = make(scale=0.01)
    code = f"import sys; sys.executable = {str(running.dir / 'none')!r}\n"
    code += "from maglev.daemon import main; main()"
    running.start_command([sys.executable, "-c", code])
    eventually(lambda: len(running.logged("supervisord-failed")) >= 3, 30)
    assert "No such file" in running.logged("supervisord-failed")[0]["error"]
    stop_in_time(running)


def test_the_same_files_work_under_somebody_elses_supervisord(make: Start) -> None:
    running = make()
    running.run_dir.mkdir()
    running.variables["MAGLEV_PYTHON"] = sys.executable
    command = [sys.executable, "-m", "supervisor.supervisord", "-n"]
    supervisord = running.start_command([*command, "-c", str(ROOT / "conf/supervisord.conf")])
    running.wait_up()
    supervisord.kill()
    supervisord.wait()
    eventually(lambda: running.pids() == [], 20, "all gone")
