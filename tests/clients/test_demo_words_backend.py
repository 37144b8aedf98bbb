# SPDX-License-Identifier: Apache-2.0
"""A backend in plain words."""

import pytest

from maglev.clients.demo.words import (
    moved,
    of_moves,
)
from maglev.core.view import Change
from maglev.messages import (
    BackendGone,
)
from tests.clients.said import backend, told


def test_a_backend_that_was_not_known_before_was_unknown() -> None:
    assert told(backend(state="unknown")) == []
    up = backend(detail="HTTP 200", duration_s=0.0021)
    assert told(up) == ["web1 is up: HTTP 200 in 2.1 ms"]
    assert told(backend(state="down", detail="connection refused")) == [
        "web1 is down: connection refused"
    ]


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        (4, 3, "web1 stopped answering well: HTTP 503 (1 of 3)"),
        (3, 2, "web1: HTTP 503 (2 of 3)"),
        (3, 4, "web1 answers well again; it never went down"),
    ],
)
def test_doubts_about_a_backend_that_is_up_are_counted(before: int, after: int, text: str) -> None:
    assert told(backend(counter=before), backend(counter=after, detail="HTTP 503")) == [text]


def test_a_backend_goes_down_for_a_reason() -> None:
    down = backend(state="down", counter=0, code="L4CON", detail="connection refused")
    assert told(backend(counter=2), down) == ["web1 is down: connection refused (3 of 3)"]


def test_a_code_stands_for_a_detail_that_is_missing() -> None:
    assert told(backend(counter=2), backend(state="down", counter=0, code="L4CON")) == [
        "web1 is down: L4CON (3 of 3)"
    ]


def test_a_backend_on_its_way_up_is_counted_too() -> None:
    down = backend(state="down", counter=0, since_ns=1_000_000_000)
    assert told(down, backend(state="down", counter=1, detail="HTTP 200")) == [
        "web1 answers again: HTTP 200 (1 of 2)"
    ]
    assert told(backend(state="down", counter=1), backend(state="down", counter=0)) == [
        "web1 fails again: no reason given"
    ]
    assert told(down, backend(since_ns=6_200_000_000)) == [
        "web1 is up again, after 5.2 s: 2 good answers in a row"
    ]


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ("paused", "web1 is paused: not probed, and no new connections go there"),
        ("disabled", "web1 is disabled: out of rotation, its connections are forgotten"),
        ("unknown", "web1 counts again: unknown until its first answer"),
        ("removed", "web1 is removed from the configuration"),
    ],
)
def test_what_an_operator_makes_of_a_backend_is_told(state: str, text: str) -> None:
    assert told(backend(), backend(state=state, counter=1)) == [text]


def test_a_backend_that_is_not_checked_is_up_without_an_answer() -> None:
    assert told(backend(healthcheck="", code="static")) == ["web1 is up: it is not checked"]


def test_a_silent_prober_and_a_fault_of_the_checker_are_doubts() -> None:
    assert told(backend(), backend(stale=True)) == ["web1 stays up: its prober is silent"]
    assert told(backend(), backend(fault="no descriptor")) == ["web1: no verdict: no descriptor"]
    assert told(backend(fault="x"), backend(fault="x", stale=False, counter=4)) == []


def test_other_news_of_a_backend_are_none() -> None:
    assert told(backend(), backend(duration_s=0.5)) == []


def test_a_backend_that_is_gone_leaves() -> None:
    assert told(backend(), BackendGone(name="web1")) == ["web1 left the configuration"]


def test_the_move_of_a_share_is_one_sentence() -> None:
    before, after = backend(prober="prober-0"), backend(prober="prober-1")
    assert moved(Change("aggregator", before, after)) == ("web1", "prober-1")
    assert moved(Change("aggregator", None, after)) is None
    assert moved(Change("aggregator", before, backend(prober=""))) is None
    moves = [("web1", "prober-1"), ("web2", "prober-1"), ("web3", "prober-0")]
    assert [sentence.text for sentence in of_moves(moves)] == [
        "prober-1 probes web1 and web2 from now on",
        "prober-0 probes web3 from now on",
    ]
