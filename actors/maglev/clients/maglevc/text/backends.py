# SPDX-License-Identifier: Apache-2.0
"""How backends read; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maglev.clients.maglevc.text.common import (
    mark,
    standing,
    state_style,
    transitions,
    yes_or_no,
)
from maglev.clients.render import Column, Line, Page, Span, columns, fields, lasting

if TYPE_CHECKING:
    from maglev.rpc.maglev_pb2 import BackendInfo, ListBackendsResponse


def backends(answer: ListBackendsResponse, page: Page) -> list[Line]:
    """Return a table of all."""
    heads = [Column(name) for name in ("name", "address", "state", "for", "", "healthcheck")]
    heads.append(Column("result", wraps=True))
    rows = [
        [
            Span(one.name),
            Span(one.address),
            Span(one.state, state_style(one.state)),
            Span(page.age(one.last_transition_ns) if one.last_transition_ns else ""),
            mark("stale" if one.stale else ""),
            Span(one.healthcheck or "static"),
            Span(one.fault or _result(one)),
        ]
        for one in answer.backends
    ]
    return columns(heads, rows, page.width)


def backend(one: BackendInfo, page: Page) -> list[Line]:
    """Return all about one."""
    # The daemon tells of the last probe that changed anything; those after it said the same.
    took = f" in {lasting(one.duration_s)}" if one.duration_s else ""
    same = f", the same for {page.age(one.last_check_ns)}" if one.last_check_ns else ""
    lines = fields(
        [
            ("name", one.name),
            ("address", one.address),
            ("state", standing(one.state, one.last_transition_ns, page, stale=one.stale)),
            ("no verdict", Span(one.fault, "bad")),
            ("enabled", yes_or_no(one.enabled)),
            ("healthcheck", one.healthcheck or "none: static, always up"),
            ("result", f"{_result(one)}{took}{same}" if one.code else ""),
            ("counter", str(one.counter) if one.healthcheck else ""),
            ("prober", one.prober),
        ],
        page.width,
    )
    return [*lines, *transitions(one.transitions, page)]


def operated(one: BackendInfo, page: Page) -> list[Line]:
    """Return what an operation led to, or why it changed nothing."""
    if one.note:
        return [(Span(one.note),)]
    before = [getattr(record, "from") for record in one.transitions[:1]]
    text = " -> ".join([*before, one.state])
    return [(Span(f"backend {one.name}: "), Span(text, state_style(one.state)))]


def _result(one: BackendInfo) -> str:
    return " ".join(word for word in (one.code, one.detail) if word)
