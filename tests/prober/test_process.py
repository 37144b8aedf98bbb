# SPDX-License-Identifier: Apache-2.0
"""The prober's process on a real bus: probing, stopping, crashing, standing still."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from maglev.messages import Check, ProbeFinished, ProbesSeen, ProbeStarted, Verdict
from tests.prober.rig import PLAIN, Rig
from tests.probes.servers import Talk, answer, linger, read_request, serving, silent
from tests.probes.test_tcp import closed_port

HI = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
BUSY = b"HTTP/1.1 503 Busy\r\n\r\n"


def quick(port: int, kind: str = "http", **others: object) -> Check:
    """Return a check at 50 ms with a deadline nobody misses by accident."""
    paces = {"interval_s": 0.05, "fast_interval_s": 0.05, "down_interval_s": 0.05}
    return Check(**{"name": "c", "type": kind, "port": port, "timeout_s": 5.0} | paces | others)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """A prober about to be started."""
    made = Rig(tmp_path)
    yield made
    made.close()


def test_backends_go_up_and_down_and_up(rig: Rig) -> None:
    rig.start()
    answers = [HI]
    with serving(lambda connection: answer(answers[0])(connection)) as server:
        generation = rig.assign("web1", quick(server.port))
        up = rig.verdict("web1", state="up", counter=4)
        assert (up.generation, up.code, up.detail) == (generation, "L7OK", "HTTP 200")
        answers[0] = BUSY
        down = rig.verdict("web1", state="down", counter=0)
        assert (down.code, down.detail, down.changes) == ("L7STS", "HTTP 503", 2)
        assert time.monotonic() - 10 < down.decided_at_s < time.monotonic()
        answers[0] = HI
        rig.verdict("web1", state="up", counter=4, changes=3)
    refused = rig.verdict("web1", state="down")
    assert (refused.code, refused.detail) == ("L4CON", "connection refused")


def test_what_was_probed_and_how_it_goes_is_told(rig: Rig) -> None:
    rig.start()
    rig.assign("web1", quick(closed_port(), "tcp"))
    rig.until(lambda: rig.pace and rig.pace.probes_total > 5, "a pace")
    assert rig.pace is not None
    assert rig.pace.backends == 1
    seen = rig.until(lambda: [one for one in rig.heard if isinstance(one, ProbesSeen)], "seen")
    assert seen[0].backends == ("web1",)


def test_single_probes_are_told_only_while_somebody_listens(rig: Rig) -> None:
    rig.start(MAGLEV_LOG_LEVEL="debug")
    rig.assign("web1", quick(closed_port(), "tcp"))
    rig.verdict("web1", state="down")
    rig.during(0.3)
    assert rig.logged("probe-done") == []
    from maglev.actor import Heard
    from maglev.bus.node import Node
    from maglev.core.timers import Timers

    ear = Node(
        rig.run_dir,
        "tap",
        says=(),
        follows={"prober-0": (ProbeStarted, ProbeFinished)},
        timers=Timers.scaled(0.1),
        binds=False,
    )
    told: list[object] = []

    def listen() -> bool:
        now_s = time.monotonic()
        events = ear.receive(now_s)
        told.extend(event.message for event in events if isinstance(event, Heard))
        ear.tick(now_s)
        return len(told) >= 6

    rig.until(listen, "single probes")
    finished = next(one for one in told if isinstance(one, ProbeFinished))
    assert (finished.backend, finished.ok, finished.code) == ("web1", False, "L4CON")
    assert any(isinstance(one, ProbeStarted) for one in told)
    rig.until(lambda: rig.logged("probe-start") and rig.logged("probe-done"), "lines")
    ear.close()


def test_a_check_that_cannot_be_carried_out_is_a_fault(rig: Rig) -> None:
    rig.start()
    rig.assign("web1", quick(80, response_regexp="("))
    verdict = rig.until(lambda: rig.verdicts.get("web1"), "a verdict")
    assert (verdict.state, verdict.counter, verdict.code) == ("unknown", 1, "")
    assert verdict.fault.startswith("response-regexp '(': ")


def test_a_backend_taken_away_is_probed_no_more(rig: Rig) -> None:
    rig.start()
    with serving(answer(HI)) as server:
        rig.assign("web1", quick(server.port))
        rig.verdict("web1", state="up")
        rig.assign("web1", quick(server.port), prober="")
        rig.until(lambda: "web1" not in rig.verdicts, "withdrawn")
        accepted = server.accepted
        rig.during(0.3)
        assert server.accepted == accepted


def test_a_changed_check_is_probed_at_once_and_not_a_minute_later(rig: Rig) -> None:
    rig.start()
    slow = {"interval_s": 60.0, "fast_interval_s": 60.0, "down_interval_s": 60.0}
    with serving(answer(HI)) as server:
        rig.assign("web1", quick(server.port))
        up = rig.verdict("web1", state="up", counter=4)
        handed = {"state": "up", "counter": 4, "changes": up.changes}
        rig.assign("web1", quick(server.port, **slow), **handed)
        rig.verdict("web1", generation=rig.assign("web1", quick(server.port, **slow), **handed))
        rig.assign("web1", quick(server.port, response_codes=((204, 204),), **slow), **handed)
        failing = rig.verdict("web1", counter=3)
        assert (failing.state, failing.code) == ("up", "L7STS")


def test_sigterm_ends_it_cleanly_and_leaves_no_suspect(rig: Rig) -> None:
    rig.start()
    with serving(silent) as server:
        rig.assign("web1", quick(server.port))
        rig.during(0.3)
        assert rig.stop() == 0
    assert rig.logged("stopped")
    rig.start()
    assert rig.present is not None
    assert rig.present.suspect == ""


# --- crashes --------------------------------------------------------------------------------------


def planted(crash: str) -> str:
    """Return a prober that does this when it handles an answer of the backend 'evil'."""
    return f"""
import os, signal
from maglev.probes import http
plain = http.HttpProbe._parse
def parse(self, chunk):
    if self.owner.name == "evil":
        {crash}
    return plain(self, chunk)
http.HttpProbe._parse = parse
{PLAIN}"""


@pytest.mark.parametrize(
    "crash", ["os.abort()", "os.kill(os.getpid(), signal.SIGKILL)", "raise RuntimeError('planted')"]
)
def test_a_crash_is_told_by_the_next_process_with_the_backend_that_was_handled(
    rig: Rig, crash: str
) -> None:
    deaths = set()
    with serving(answer(HI)) as server:
        for _ in range(2):
            rig.start(planted(crash))
            assert rig.present is not None
            if rig.present.suspect:
                deaths.add(rig.present.suspect_at_ns)
            for name in ("good", "evil", "fair"):
                rig.assign(name, quick(server.port))
            assert rig.died() != 0
        rig.start()
        assert rig.present is not None
        assert rig.present.suspect == "evil"
        assert rig.present.suspect_at_ns not in deaths
        assert len(deaths) == 1
        assert [line["handling"] for line in rig.logged("prober-died")] == ["evil", "evil"]


def test_a_crash_elsewhere_suspects_nobody(rig: Rig) -> None:
    rig.start()
    with serving(answer(HI)) as server:
        rig.assign("web1", quick(server.port))
        rig.verdict("web1", state="up")
        assert rig.process is not None
        # Stopped in its wait, which is where an idle prober is.
        os.kill(rig.process.pid, signal.SIGSTOP)
        rig.process.kill()
        rig.died()
    rig.start()
    assert rig.present is not None
    assert rig.present.suspect in ("", "web1")


# --- standing still -------------------------------------------------------------------------------


def test_after_a_long_stop_it_forgets_and_waits_to_be_assigned_again(rig: Rig) -> None:
    rig.start()
    with serving(answer(HI)) as server:
        rig.assign("web1", quick(server.port))
        rig.verdict("web1", state="up")
        assert rig.process is not None
        assert rig.present is not None
        before = rig.present.incarnation
        rig.heard.clear()
        rig.process.send_signal(signal.SIGSTOP)
        rig.during(1.0)
        rig.process.send_signal(signal.SIGCONT)
        rig.until(lambda: rig.present and rig.present.incarnation > before, "a new incarnation")
        assert rig.verdicts == {}
        accepted = server.accepted
        rig.during(0.3)
        assert server.accepted == accepted
        rig.assign("web1", quick(server.port), state="up", counter=2, changes=1)
        rig.verdict("web1", state="up", counter=4)


def test_a_short_stop_is_no_reason_to_fail_a_backend(tmp_path: Path) -> None:
    """Deadlines that passed while we stood still are not held against anybody."""
    rig = Rig(tmp_path, scale=1.0)  # where 3 s are a long stop
    try:
        rig.start()
        with serving(silent_then(HI, 0.2)) as server:
            for number in range(20):
                rig.assign(f"web{number}", quick(server.port, timeout_s=0.8))
            for number in range(20):
                rig.verdict(f"web{number}", state="up", counter=4)
            rig.heard.clear()
            assert rig.process is not None
            for _ in range(2):
                rig.process.send_signal(signal.SIGSTOP)
                rig.during(1.2)
                rig.process.send_signal(signal.SIGCONT)
                rig.during(1.2)
        faltered = [one for one in rig.heard if isinstance(one, Verdict) and one.counter != 4]
        assert faltered == []
    finally:
        rig.close()


def silent_then(whole: bytes, after_s: float) -> Talk:
    """Answer, but not at once, so that there is always a probe in flight."""

    def talk(connection: socket.socket) -> None:
        read_request(connection)
        time.sleep(after_s)
        connection.sendall(whole)
        linger(connection)

    return talk
