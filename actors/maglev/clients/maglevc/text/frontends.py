# SPDX-License-Identifier: Apache-2.0
"""How frontends read; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maglev.clients.maglevc.text.common import (
    Pairs,
    mark,
    pairs,
    standing,
    state_style,
    transitions,
    yes_or_no,
)
from maglev.clients.render import Column, Line, Page, Span, columns, fields, label

if TYPE_CHECKING:
    from maglev.rpc.maglev_pb2 import (
        FrontendInfo,
        ListFrontendsResponse,
        PoolBackendInfo,
    )


def frontends(answer: ListFrontendsResponse, page: Page) -> list[Line]:
    """Return a table of all."""
    heads = [
        *(Column(name) for name in ("name", "address", "protocol")),
        Column("port", right=True),
        *(Column(name) for name in ("state", "for", "active pool", "")),
    ]
    rows = [
        [
            Span(one.name),
            Span(one.address),
            Span(one.protocol),
            Span(port(one.port)),
            Span(one.state, state_style(one.state)),
            Span(page.age(one.last_transition_ns) if one.last_transition_ns else ""),
            Span(next((pool.name for pool in one.pools if pool.active), "")),
            mark("stale" if one.stale else ""),
        ]
        for one in answer.frontends
    ]
    return columns(heads, rows, page.width)


def frontend(one: FrontendInfo, page: Page) -> list[Line]:
    """Return all about one."""
    lines = fields(
        [
            ("name", one.name),
            ("description", one.description),
            ("address", one.address),
            ("protocol", one.protocol),
            ("port", port(one.port)),
            ("state", standing(one.state, one.last_transition_ns, page, stale=one.stale)),
            ("src-ip-sticky", yes_or_no(one.src_ip_sticky)),
            ("flush-on-down", yes_or_no(one.flush_on_down)),
        ],
        page.width,
    )
    return [*lines, *pools(one, page), *transitions(one.transitions, page)]


def weighed(one: FrontendInfo, page: Page) -> list[Line]:
    """Return the pools after a weight was set, or why nothing changed."""
    note: list[Line] = [(Span(one.note),)] if one.note else []
    return [*note, (label("frontend"), Span(f" {one.name}")), *pools(one, page)]


def pools(one: FrontendInfo, page: Page) -> list[Line]:
    """Return every pool with its backends, aligned over all pools."""
    every = [_member(member) for pool in one.pools for member in pool.backends]
    lines: list[Line] = []
    for pool in one.pools:
        active = " (active)" if pool.active else ""
        lines.append((label("pool"), Span(f" {pool.name}{active}")))
        members = [_member(member) for member in pool.backends]
        lines += pairs(members, page, indent=2, like=every)
    return lines


def port(number: int) -> str:
    """Return a port in words; 0 stands for all."""
    return str(number) if number else "all"


def _member(member: PoolBackendInfo) -> Pairs:
    state = "" if member.state == "up" else member.state
    held = "held" if member.held else ""
    return [
        ("", member.name),
        ("weight", member.weight),
        ("effective", member.effective_weight),
        ("", mark(", ".join(word for word in (state, held) if word))),
    ]
