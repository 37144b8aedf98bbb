# SPDX-License-Identifier: Apache-2.0
"""How the daemon itself reads: its version, processes, configuration and what was changed in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maglev.clients.render import TOGETHER, Column, Line, Page, Span, aged, columns, lasting, moment

if TYPE_CHECKING:
    from maglev.rpc.maglev_pb2 import (
        CheckConfigResponse,
        ListActorsResponse,
        ListAuditResponse,
        ReloadConfigResponse,
        VersionInfo,
    )


def version(daemon: VersionInfo, page: Page) -> list[Line]:
    """Return which software this is, and which one answers."""
    from maglev import version as this  # its metadata takes time to load

    theirs = this.Version(daemon.version, daemon.commit, daemon.build_date)
    texts = (this.current().text("maglevc"), theirs.text("maglevd"))
    rows = [[Span(name), Span(text)] for name, _, text in (one.partition(" ") for one in texts)]
    return columns([Column(), Column(gap=TOGETHER, wraps=True)], rows, page.width)


def actors(answer: ListActorsResponse, page: Page) -> list[Line]:
    """Return a table of the processes; counts of troubles only where there are any."""
    heads = [Column("name"), Column("state"), Column("pid", right=True)]
    heads += [Column(name, right=True) for name in ("up", "restarts", "heartbeat", "lag")]
    heads += [Column(name, right=True) for name in ("resyncs", "dropped")]
    rows = [
        [
            Span(one.name),
            Span(one.state, "good" if one.state == "RUNNING" else "bad"),
            Span(str(one.pid or "")),
            Span(aged(one.uptime_s) if one.pid else ""),
            Span(str(one.restarts)),
            Span(lasting(one.heartbeat_age_s) if one.pid else ""),
            Span(lasting(one.lag_ms_max / 1000) if one.pid else ""),
            Span(str(one.resyncs or "")),
            Span(str(one.dropped or "")),
        ]
        for one in answer.actors
    ]
    return columns(heads, rows, page.width)


def audit(answer: ListAuditResponse, page: Page) -> list[Line]:
    """Return what was changed, newest first."""
    heads = [Column(name) for name in ("time", "who", "from", "what", "about", "change")]
    heads.append(Column("result", wraps=True))
    rows = [
        [
            Span(moment(entry.at_ns)),
            Span(entry.who),
            Span(entry.origin),
            Span(entry.action),
            Span(entry.about),
            Span(f"{entry.before} -> {entry.after}" if entry.before or entry.after else ""),
            Span(entry.result),
        ]
        for entry in answer.entries
    ]
    return columns(heads, rows, page.width) or [(Span("nothing was changed so far"),)]


def config_ok(answer: CheckConfigResponse, page: Page) -> list[Line]:
    """Return that the file is good."""
    return [(Span("config ok"),)]


def config_reloaded(answer: ReloadConfigResponse, page: Page) -> list[Line]:
    """Return that the file is in force."""
    return [(Span("config reloaded"),)]


def check_problem(answer: CheckConfigResponse) -> str:
    """Return what is wrong with the file; empty: nothing."""
    return answer.parse_error or answer.semantic_error or _unless(answer.ok)


def reload_problem(answer: ReloadConfigResponse) -> str:
    """Return why the file is not in force; empty: it is."""
    text = answer.parse_error or answer.semantic_error or answer.reload_error
    return text or _unless(answer.ok)


def _unless(ok: bool) -> str:
    return "" if ok else "the daemon refused the configuration and does not say why"
