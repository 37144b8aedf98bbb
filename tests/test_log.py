# SPDX-License-Identifier: Apache-2.0
"""Log lines: their form, and that no reader of them can stop the process."""

import fcntl
import json
import os
import select
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from maglev.log import QUEUE_BYTES_MAX, Log, rfc3339
from maglev.messages import LogLevel
from tests.support import eventually

AT_NS = 1_770_000_000_123_456_789


class Pipe:
    """Somebody's standard output, and its reader."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)
        self.got = b""

    def read(self) -> list[dict[str, Any]]:
        try:
            while chunk := os.read(self.reader, 1 << 16):
                self.got += chunk
        except BlockingIOError:
            pass
        whole = self.got[: self.got.rfind(b"\n") + 1]
        return [json.loads(line) for line in whole.splitlines()]


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    if pipe.reader >= 0:
        os.close(pipe.reader)
    os.close(pipe.writer)


def test_a_line_is_an_object_with_time_level_msg_and_actor_first(pipe: Pipe) -> None:
    log = Log("prober-0", fd=pipe.writer)
    log.write("warn", "netns-missing", {"netns": "blue", "tries": 3}, AT_NS)
    log.close(20.0)
    assert [list(line.items()) for line in pipe.read()] == [
        [
            ("time", "2026-02-02T02:40:00.123456Z"),
            ("level", "warn"),
            ("msg", "netns-missing"),
            ("actor", "prober-0"),
            ("netns", "blue"),
            ("tries", 3),
        ]
    ]


def test_the_first_line_of_a_process_tells_what_runs(pipe: Pipe) -> None:
    log = Log("programmer", fd=pipe.writer)
    log.started("1.2.3", "abcdef0", "2026-01-31")
    log.close(20.0)
    (line,) = pipe.read()
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "info",
        "msg": "starting",
        "actor": "programmer",
        "version": "1.2.3",
        "commit": "abcdef0",
        "date": "2026-01-31",
    }


@pytest.mark.parametrize("threshold", ["debug", "info", "warn", "error"])
def test_only_lines_of_the_level_and_above_are_written(threshold: LogLevel, pipe: Pipe) -> None:
    levels: list[LogLevel] = ["debug", "info", "warn", "error"]
    log = Log("a", threshold, fd=pipe.writer)
    for level in levels:
        log.write(level, "m")
        assert log.passes(level) == (levels.index(level) >= levels.index(threshold))
    log.close(20.0)
    assert [line["level"] for line in pipe.read()] == levels[levels.index(threshold) :]


def test_a_field_cannot_take_the_place_of_the_first_four(pipe: Pipe) -> None:
    log = Log("watchdog", fd=pipe.writer)
    log.write("info", "replaced", {"actor": "prober-0", "level": 9})
    log.close(20.0)
    (line,) = pipe.read()
    assert (line["actor"], line["actor_"]) == ("watchdog", "prober-0")
    assert (line["level"], line["level_"]) == ("info", 9)


def test_what_json_does_not_know_is_written_as_text_on_one_line(pipe: Pipe) -> None:
    log = Log("a", fd=pipe.writer)
    log.write("info", "odd", {"error": ValueError("a\nb"), "half": "\ud800", "umlaut": "ü"})
    log.close(20.0)
    (line,) = pipe.read()
    assert line["error"] == "a\nb"
    assert line["half"] == "\ud800"
    assert line["umlaut"] == "ü"


def test_a_pipe_nobody_reads_stalls_nothing_and_the_loss_is_told_when_it_flows(
    pipe: Pipe,
) -> None:
    log = Log("a", fd=pipe.writer)
    started_s = time.monotonic()
    count = 2 * QUEUE_BYTES_MAX // 500
    for number in range(count):
        log.write("info", "m", {"number": number, "filler": "x" * 500})
    assert time.monotonic() - started_s < 10.0
    assert log.dropped > 0
    dropped = log.dropped

    def told() -> int:
        return sum(line["lines"] for line in pipe.read() if line["msg"] == "log-dropped")

    eventually(lambda: told() == dropped)
    log.close(20.0)
    numbers = [line["number"] for line in pipe.read() if line["msg"] == "m"]
    assert len(numbers) == count - dropped
    assert numbers == sorted(set(numbers))


def test_closing_with_a_pipe_nobody_reads_takes_no_longer_than_its_deadline(pipe: Pipe) -> None:
    log = Log("a", fd=pipe.writer)
    for _ in range(1000):
        log.write("info", "m", {"filler": "x" * 500})
    started_s = time.monotonic()
    log.close(0.2)
    assert 0.2 <= time.monotonic() - started_s < 10.0
    eventually(lambda: len(pipe.read()) == 1000)


def test_the_output_is_not_made_non_blocking_for_those_who_share_it(pipe: Pipe) -> None:
    log = Log("a", fd=pipe.writer)
    log.write("info", "m")
    log.close(20.0)
    assert not fcntl.fcntl(pipe.writer, fcntl.F_GETFL) & os.O_NONBLOCK


def test_an_output_that_somebody_made_non_blocking_loses_nothing(pipe: Pipe) -> None:
    os.set_blocking(pipe.writer, False)
    log = Log("a", fd=pipe.writer)
    for number in range(1000):
        log.write("info", "m", {"number": number, "filler": "x" * 500})
    eventually(lambda: len(pipe.read()) == 1000)
    log.close(20.0)
    assert log.dropped == 0


def test_a_reader_that_is_gone_costs_lines_and_nothing_else(pipe: Pipe) -> None:
    os.close(pipe.reader)
    pipe.reader = -1
    log = Log("a", fd=pipe.writer)
    log.write("info", "m")
    eventually(lambda: log.dropped == 1)
    log.write("info", "m")
    eventually(lambda: log.dropped >= 2)
    log.close(20.0)


def test_a_log_without_lines_closes_at_once(pipe: Pipe) -> None:
    Log("a", fd=pipe.writer).close(20.0)
    assert pipe.read() == []


def test_the_end_of_a_second_is_not_rounded_into_the_next() -> None:
    assert rfc3339(1_769_904_000_999_999_999) == "2026-02-01T00:00:00.999999Z"


def test_lines_are_written_in_pieces_that_a_pipe_takes_whole() -> None:
    # A socket of packets keeps each write apart.
    reader, writer = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with reader, writer:
        log = Log("a", fd=writer.fileno())
        for number in range(500):
            log.write("info", "m", {"number": number, "filler": "x" * (number % 300)})
        pieces, lines = [], 0
        while lines < 500:
            pieces.append(reader.recv(1 << 20))
            lines += pieces[-1].count(b"\n")
        log.close(20.0)
    assert all(len(piece) <= select.PIPE_BUF and piece.endswith(b"\n") for piece in pieces)


def test_a_line_made_elsewhere_is_passed_on_as_it_is(pipe: Pipe) -> None:
    log = Log("a", "error", fd=pipe.writer)
    log.forward(b'{"msg": "from a child"}\n')
    log.close(20.0)
    assert pipe.read() == [{"msg": "from a child"}]
