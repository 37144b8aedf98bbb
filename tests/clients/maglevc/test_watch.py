# SPDX-License-Identifier: Apache-2.0
"""`watch events`, one-shot: what is asked, what is printed, and how it ends."""

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest

from maglev.rpc.maglev_pb2 import (
    BackendEvent,
    Event,
    FrontendEvent,
    LogEvent,
    LostEvent,
    TransitionRecord,
    WatchRequest,
)
from tests.clients.maglevc.fake import FakeDaemon, Refusal
from tests.clients.maglevc.samples import NOW_NS
from tests.clients.maglevc.terminal import PROGRAM
from tests.support import eventually

Start = Callable[..., "subprocess.Popen[str]"]
EVENTS = [
    Event(backend=BackendEvent(name="web1", transition=TransitionRecord(to="up", at_ns=NOW_NS))),
    Event(frontend=FrontendEvent(name="www")),
    Event(log=LogEvent(msg="x", level="info", fields={"a": "1"})),
    Event(lost=LostEvent(lost=7)),
]


def last(context: Any) -> None:
    """Send nothing more until the client goes."""
    eventually(lambda: not context.is_active())


@pytest.fixture
def start(daemon: FakeDaemon) -> Iterator[Start]:
    """Return a function that starts `maglevc watch events` with more words."""
    processes: list[subprocess.Popen[str]] = []

    def begin(*words: str) -> "subprocess.Popen[str]":
        command = [*PROGRAM, "--server", f"127.0.0.1:{daemon.port}", "watch", "events", *words]
        processes.append(
            subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return processes[-1]

    yield begin
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("words", "request_"),
    [
        ([], WatchRequest()),
        (["log"], WatchRequest(log=True)),
        (["log", "level", "debug"], WatchRequest(log=True, log_level="debug")),
        (["b", "f"], WatchRequest(backend=True, frontend=True)),
        (["f", "l", "l", "w", "n", "9"], WatchRequest(frontend=True, log=True, log_level="warn")),
    ],
)
def test_the_words_are_the_filter(
    start: Start, daemon: FakeDaemon, words: list[str], request_: WatchRequest
) -> None:
    daemon.answers["WatchEvents"] = [Refusal(grpc.StatusCode.UNAVAILABLE, "the daemon stops")]
    process = start(*words)
    assert process.communicate(timeout=20) == ("", "the daemon stops\n")
    assert process.returncode == 1
    assert daemon.asked == [("WatchEvents", request_)]


def test_each_event_is_one_compact_line_in_protobufs_own_json(
    start: Start, daemon: FakeDaemon
) -> None:
    daemon.answers["WatchEvents"] = [*EVENTS, last]
    process = start("num", "4")
    told, wrong = process.communicate(timeout=20)
    assert (wrong, process.returncode) == ("", 0)
    assert told.splitlines() == [
        f'{{"backend":{{"name":"web1","transition":{{"to":"up","atNs":"{NOW_NS}"}}}}}}',
        '{"frontend":{"name":"www"}}',
        '{"log":{"level":"info","msg":"x","fields":{"a":"1"}}}',
        '{"lost":{"lost":"7"}}',
    ]


def test_it_ends_after_as_many_as_are_asked_for(start: Start, daemon: FakeDaemon) -> None:
    gone: list[bool] = []

    def tell(context: Any) -> None:
        context.add_callback(lambda: gone.append(True))

    daemon.answers["WatchEvents"] = [tell, *EVENTS, last]
    process = start("num", "2")
    assert len(process.communicate(timeout=20)[0].splitlines()) == 2
    assert process.returncode == 0
    eventually(lambda: gone, what="the stream is cancelled")


def test_ctrl_c_ends_it_as_if_it_were_done(start: Start, daemon: FakeDaemon) -> None:
    daemon.answers["WatchEvents"] = [*EVENTS, last]
    process = start()
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["backend"]["name"] == "web1"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=20)[1] == ""
    assert process.returncode == 0


def test_it_ends_when_nobody_reads_any_more_even_if_nothing_happens(
    start: Start, daemon: FakeDaemon
) -> None:
    daemon.answers["WatchEvents"] = [EVENTS[0], last]
    process = start()
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(20) == 0
    assert process.stderr.read() == ""


def test_a_stream_that_the_daemon_ends_is_told(start: Start, daemon: FakeDaemon) -> None:
    refusal = Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, "too slow: 5 events were not sent")
    daemon.answers["WatchEvents"] = [EVENTS[1], refusal]
    process = start()
    assert process.communicate(timeout=20) == ('{"frontend":{"name":"www"}}\n', f"{refusal.text}\n")
    assert process.returncode == 1


def test_a_daemon_that_dies_is_told(start: Start, daemon: FakeDaemon) -> None:
    daemon.answers["WatchEvents"] = [EVENTS[1], last]
    process = start()
    assert process.stdout is not None
    process.stdout.readline()
    daemon.stop()
    _, wrong = process.communicate(timeout=20)
    assert "connection refused" in wrong
    assert process.returncode == 1


def test_a_daemon_that_is_not_there_is_told(start: Start, daemon: FakeDaemon) -> None:
    daemon.stop()
    process = start()
    told, wrong = process.communicate(timeout=20)
    assert told == ""
    assert wrong.startswith(f"127.0.0.1:{daemon.port}: connection refused; is maglevd there")
    assert process.returncode == 1
