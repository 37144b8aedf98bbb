# SPDX-License-Identifier: Apache-2.0
"""`make demo` with all its processes: what it tells, and that nothing is left of it."""

import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import eventually

COMMAND = [sys.executable, "-m", "maglev.clients.demo"]
MARK = "MAGLEV_TEST_DEMO"
READY_S = 60.0


class Demo:
    """A demo that is read from a pipe and gets its keys through one."""

    def __init__(self, place: Path) -> None:
        self.mark = uuid.uuid4().hex
        self._out = place / "out"
        with self._out.open("wb") as out:
            self.process = subprocess.Popen(
                COMMAND,
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, MARK: self.mark},
            )

    def story(self) -> str:
        return self._out.read_text()

    def tells(self, *sentences: str) -> None:
        """Wait until all of these (regular expressions) are part of the story, in this order."""
        pattern = re.compile(".*".join(sentences), re.S)
        eventually(lambda: pattern.search(self.story()), READY_S, f"{sentences}: {self.story()}")

    def press(self, keys: str) -> int:
        """Press keys and return how long the story was before."""
        assert self.process.stdin is not None
        before = len(self.story())
        self.process.stdin.write(keys.encode())
        self.process.stdin.flush()
        return before

    def directory(self) -> Path:
        found = re.search(r"everything lives in (\S+):", self.story())
        assert found, self.story()
        return Path(found[1])

    def leaves_nothing(self) -> None:
        eventually(lambda: not running(self.mark), what=f"{running(self.mark)} to end")


def running(mark: str) -> list[str]:
    """Return the command lines of all processes that were started with this mark."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={mark}".encode() in (path / "environ").read_bytes():
                found.append((path / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    one = Demo(tmp_path)
    yield one
    one.process.kill()
    one.process.communicate()
    one.leaves_nothing()
    if "everything lives in" in one.story():
        shutil.rmtree(one.directory(), ignore_errors=True)


def test_the_demo_tells_what_happens_and_why(demo: Demo) -> None:
    demo.tells("web1 is up: HTTP 200", "www: VPP has web1 100, web2 100, web3 50, the others 0")
    demo.tells("api: VPP has web2 100, web5 100")

    demo.press("2k")
    demo.tells(
        "> web2's web server is killed",
        r"web2 is down: connection refused \(3 of 3\)",
        "www: web2's traffic goes to web1 and web3",
        r"www: VPP has web1 100, web3 50, the others 0, [\d.]+ m?s after the verdict",
    )
    demo.press("1e")
    demo.press("3h")
    demo.tells(r"web3 is down: no answer within 400 ms \(3 of 3\)")
    demo.tells(r"web1 is down: HTTP 503 \(3 of 3\)")
    demo.tells("www: pool primary has nobody left, pool standby takes over: web4 100, web5 100")
    demo.tells("www: VPP has web4 100, web5 100, the others 0")

    demo.press("1e2k3h")
    demo.tells("> web2's web server is started again", "web2 is up again")
    demo.tells("www: pool primary serves again")
    demo.tells("pool primary serves again.*www: VPP has web1 100, web2 100, web3 50, the others 0")

    demo.press("1w")
    demo.tells("> behind maglevd's back web1 gets weight 1 in www", "put right: 1 weight set")
    demo.press("4p")
    demo.tells("> maglevd is asked to pause web4", "web4 is paused")
    demo.press("4p")
    demo.tells("> maglevd is asked to resume web4", "web4 is up: HTTP 200")
    demo.press("c")
    demo.tells("> the file gives web1 weight 20", "maglevd accepts the file")
    demo.tells("the weight of web1 is 20 now", "www: VPP has web1 20, web2 100, web3 50")
    demo.press("7k")
    demo.tells("> programmer is killed", "programmer is back, as process")

    demo.press("q")
    assert demo.process.wait(READY_S) == 0
    demo.leaves_nothing()
    assert not demo.directory().exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_nothing_running(demo: Demo, number: int) -> None:
    demo.tells("web1 is up")
    demo.process.send_signal(number)
    assert demo.process.wait(READY_S) == 0
    demo.leaves_nothing()
    assert not demo.directory().exists()


def test_a_signal_during_the_start_leaves_nothing_running(demo: Demo) -> None:
    demo.tells("demo: starting")
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(READY_S) == 0
    demo.leaves_nothing()


def test_not_even_kill_9_leaves_anything_running(demo: Demo) -> None:
    demo.tells("everything lives in")
    demo.process.kill()
    demo.process.wait()
    demo.leaves_nothing()


def test_the_end_of_whoever_reads_is_the_end_of_the_demo() -> None:
    mark = uuid.uuid4().hex
    variables = {**os.environ, MARK: mark}
    pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(
        COMMAND, stdin=nothing, stdout=pipe, stderr=nothing, env=variables
    ) as process:
        assert process.stdout is not None
        assert b"everything lives in" in process.stdout.readline()
        process.stdout.close()
        assert process.wait(READY_S) == 0
    eventually(lambda: not running(mark))


class Screen:
    """A demo on a terminal of its own."""

    def __init__(self, mark: str) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.slave = slave
        self.before = termios.tcgetattr(slave)
        self.process = subprocess.Popen(
            COMMAND,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "xterm", MARK: mark},
            start_new_session=True,
        )
        self.shown = b""

    def shows(self, wanted: bytes) -> None:
        give_up_s = time.monotonic() + READY_S
        while wanted not in self.shown:
            assert time.monotonic() < give_up_s, f"{wanted!r} not in {self.shown[-4000:]!r}"
            if select.select([self.master], [], [], 0.1)[0]:
                self.shown += os.read(self.master, 65536)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for fd in {self.master, self.slave} - {-1}:
            os.close(fd)


@pytest.fixture
def mark() -> str:
    return uuid.uuid4().hex


@pytest.fixture
def screen(mark: str) -> Iterator[Screen]:
    one = Screen(mark)
    yield one
    one.close()
    eventually(lambda: not running(mark))


def test_on_a_terminal_it_draws_and_ctrl_c_gives_the_terminal_back(
    screen: Screen, mark: str
) -> None:
    screen.shows(b"in service")
    screen.shows(b"www: VPP has")
    os.write(screen.master, b"\x1b[B")
    screen.shows(b">web2")
    os.write(screen.master, b"\x03")
    screen.shows(b"\x1b[?25h\x1b[?1049l")
    screen.shows(b"demo: stopping")
    assert screen.process.wait(READY_S) == 0
    assert termios.tcgetattr(screen.slave) == screen.before
    eventually(lambda: not running(mark))
