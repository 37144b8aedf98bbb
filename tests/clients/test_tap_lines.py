# SPDX-License-Identifier: Apache-2.0
"""How one message reads as a line."""

import json
from datetime import datetime

import pytest
from msgspec.structs import replace

from maglev.clients.tap.differ import MISSING
from maglev.clients.tap.lines import Line, as_json, as_text, value_text
from maglev.messages import (
    Alarm,
    AlarmCleared,
    BackendStatus,
    LogLine,
    SyncFinished,
    VppStatus,
)

AT_NS = int(datetime(2026, 3, 1, 12, 30, 5, 250_000).timestamp()) * 10**9 + 250_000_000
WEB1 = BackendStatus(
    name="web1",
    address="192.0.2.11",
    healthcheck="web",
    enabled=True,
    state="up",
    number=3,
    since_ns=AT_NS - 5 * 10**9,
    counter=4,
    code="L7OK",
    detail="HTTP 200",
)


def text(line: Line) -> str:
    return as_text(line, color=False)


def test_a_new_level_shows_its_key_and_every_field_that_is_not_as_by_default() -> None:
    assert text(Line(AT_NS, "aggregator", WEB1)) == (
        "12:30:05.250 aggregator BackendStatus    web1         address=192.0.2.11 healthcheck=web "
        'enabled=true state=up number=3 since_ns=12:30:00.250 counter=4 code=L7OK detail="HTTP 200"'
    )


def test_a_changed_level_shows_only_what_changed() -> None:
    down = replace(WEB1, state="down", counter=0, detail="connection refused")
    assert text(Line(AT_NS, "aggregator", down, WEB1)).endswith(
        'web1         state=up->down counter=4->0 detail="HTTP 200"->"connection refused"'
    )


def test_an_edge_has_no_key() -> None:
    sync = SyncFinished(scope="all", as_added=7, duration_s=0.0125)
    expected = "12:30:05.250 programmer SyncFinished"
    assert text(Line(AT_NS, "programmer", sync)).startswith(expected)
    assert text(Line(AT_NS, "programmer", sync)).endswith("scope=all as_added=7 duration_s=0.0125")


def test_what_a_snapshot_does_not_contain_is_gone() -> None:
    assert text(Line(AT_NS, "aggregator", WEB1, WEB1, gone=True)).endswith(" web1         gone")


def test_a_key_of_several_parts_is_joined() -> None:
    line = text(Line(AT_NS, "aggregator", AlarmCleared(kind="silent", about="prober-0")))
    assert line.endswith(" silent/prober-0")


def test_a_log_line_reads_as_it_was_logged() -> None:
    told = LogLine(actor="a", at_ns=0, level="warn", msg="vpp-lost", fields={"why": "two words"})
    assert text(Line(AT_NS, "a", told)).endswith(' vpp-lost     warn why="two words"')


def test_lines_of_one_kind_are_aligned() -> None:
    lines = [
        text(Line(AT_NS, "aggregator", AlarmCleared(kind="k", about="a"))),
        text(Line(AT_NS, "prober-0", Alarm(kind="k", about="a", text="t", since_ns=0))),
    ]
    assert {line.index("k/a") for line in lines} == {41}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        (MISSING, "-"),
        (True, "true"),
        (7, "7"),
        (0.1 + 0.2, "0.3"),
        (2.1e-05, "2.1e-05"),
        ("web1", "web1"),
        ("", '""'),
        ("a b", '"a b"'),
        ('"', '"\\""'),
        ("a=b", '"a=b"'),
        (("a", 1), "[a 1]"),
        ({"a": 1, "b": "x y"}, '{a=1 b="x y"}'),
        (VppStatus(connected=True, pid=7), "{connected=true pid=7}"),
        ("\x1b[31m", '"\\u001b[31m"'),
        ("\x1bc", '"\\u001bc"'),
        ("\x9b31m", '"\\u009b31m"'),
        ("größer", "größer"),
        ("two\nlines", '"two\\nlines"'),
    ],
)
def test_a_value_has_no_blank_or_control_character_outside_of_quotes(
    value: object, shown: str
) -> None:
    assert value_text(value) == shown


@pytest.mark.parametrize(
    ("at_ns", "shown"),
    [
        (0, "-"),
        (AT_NS, "12:30:05.250"),
        (AT_NS - 24 * 3600 * 10**9, "2026-02-28T12:30:05.250"),
    ],
)
def test_a_moment_shows_its_date_unless_it_is_today(at_ns: int, shown: str) -> None:
    assert value_text(at_ns, moment="2026-03-01") == shown


def test_json_has_every_field_and_the_time_in_utc() -> None:
    told = json.loads(as_json(Line(1_000_000_000, "programmer", VppStatus(connected=False))))
    assert told == {
        "time": "1970-01-01T00:00:01.000000Z",
        "actor": "programmer",
        "message": "VppStatus",
        "fields": {
            "connected": False,
            "weights": False,
            "version": "",
            "build_date": "",
            "build_directory": "",
            "pid": 0,
            "connected_at_ns": 0,
            "connected_at_s": 0.0,
            "error": "",
        },
    }


def test_json_says_of_a_level_that_it_is_gone() -> None:
    assert json.loads(as_json(Line(0, "a", WEB1, WEB1, gone=True)))["gone"] is True


def test_colour_adds_nothing_but_colour() -> None:
    line = Line(AT_NS, "aggregator", replace(WEB1, state="down"), WEB1)
    colored = as_text(line, color=True)
    assert "\x1b[31mdown\x1b[0m" in colored
    for code in ("0", "1", "2", "31", "32", "33", "35", "36"):
        colored = colored.replace(f"\x1b[{code}m", "")
    assert colored == text(line)
