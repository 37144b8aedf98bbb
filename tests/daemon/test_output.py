# SPDX-License-Identifier: Apache-2.0
"""What supervisord's pipe holds, made into lines."""

import json
import os

import pytest

from maglev.daemon.output import LINE_BYTES_MAX, LineJoiner, foreign, is_json
from maglev.log import Log


@pytest.mark.parametrize("size", range(1, 12))
def test_lines_are_the_same_however_they_are_cut(size: int) -> None:
    text = b'{"msg": "a"}\n\n  \nplain\n{"msg": "b"}\n'
    joiner, lines = LineJoiner(), []
    for start in range(0, len(text), size):
        lines += joiner.feed(text[start : start + size])
    assert lines == [b'{"msg": "a"}', b"plain", b'{"msg": "b"}']
    assert joiner.end() == []


def test_what_has_no_end_is_told_at_the_end() -> None:
    joiner = LineJoiner()
    assert joiner.feed(b"Segmentation fault") == []
    assert joiner.end() == [b"Segmentation fault"]


def test_a_line_that_does_not_end_is_cut_and_not_kept_for_ever() -> None:
    joiner = LineJoiner()
    lines = joiner.feed(b"x" * (3 * LINE_BYTES_MAX + 7))
    assert [len(line) for line in lines] == [LINE_BYTES_MAX] * 3
    assert joiner.end() == [b"x" * 7]


def test_only_whole_objects_pass_as_they_are() -> None:
    assert is_json(b'{"msg": "a"}')
    for line in (b'{"msg": "a', b'sg": "a"}', b"{'a': 1}", b"plain", b"{}"):
        assert not is_json(line)


@pytest.mark.parametrize(
    ("said", "level"),
    [
        ("INFO spawned: 'watchdog' with pid 7", "debug"),
        ("INFO spawnerr: can't find command 'pyton'", "error"),
        ("INFO gave up: watchdog entered FATAL state, too many start retries", "error"),
        ("WARN exited: watchdog (exit status 1; not expected)", "warn"),
        ("CRIT could not write pidfile", "error"),
    ],
)
def test_supervisord_is_quoted_as_loudly_as_it_matters(said: str, level: str) -> None:
    line = f"2025-11-20 18:46:00,123 {said}".encode()
    assert foreign(line) == (level, "supervisord", {"text": said[5:]})


def test_supervisords_alarm_about_its_socket_is_none() -> None:
    line = (
        b"2025-11-20 18:46:00,123 CRIT Server 'unix_http_server' running without any HTTP "
        b"authentication checking"
    )
    assert foreign(line)[0] == "debug"


def test_any_other_text_is_told_as_a_warning_whatever_its_bytes() -> None:
    assert foreign(b"Fatal Python error: \xff") == (
        "warn",
        "output",
        {"text": "Fatal Python error: \N{REPLACEMENT CHARACTER}"},
    )


def test_a_line_of_another_process_is_written_as_it_is() -> None:
    reader, writer = os.pipe()
    log = Log("maglevd", fd=writer)
    log.forward(b'{"actor": "prober-0"}\n')
    log.write("info", "own", {})
    log.close(10)
    os.close(writer)
    with open(reader, "rb") as out:
        other, own = out.read().splitlines()
    assert other == b'{"actor": "prober-0"}'
    assert json.loads(own)["actor"] == "maglevd"


def test_whoever_reads_a_full_pipe_by_the_chunk_never_gets_half_a_line() -> None:
    reader, writer = os.pipe()
    log = Log("prober-0", fd=writer)
    for number in range(5000):  # ten times what a pipe holds
        log.write("info", "tick", {"number": number})
    lines = 0
    while lines < 5000:
        chunk = os.read(reader, 1 << 17)  # as supervisord reads
        assert chunk.endswith(b"}\n")
        lines += chunk.count(b"\n")
    log.close(10)
    os.close(writer)
    os.close(reader)
