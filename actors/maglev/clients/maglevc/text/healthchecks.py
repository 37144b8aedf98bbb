# SPDX-License-Identifier: Apache-2.0
"""How health checks read, by the names they have in the configuration file; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maglev.clients.maglevc.text.common import yes_or_no
from maglev.clients.render import Column, Line, Page, Span, columns, fields

if TYPE_CHECKING:
    from maglev.rpc.maglev_pb2 import HealthCheckInfo, ListHealthChecksResponse


def healthchecks(answer: ListHealthChecksResponse, page: Page) -> list[Line]:
    """Return a table of all."""
    left = ("name", "type")
    right = ("port", "interval", "timeout", "rise", "fall")
    heads = [*(Column(name) for name in left), *(Column(name, right=True) for name in right)]
    rows = [
        [
            Span(text)
            for text in (
                one.name,
                one.type,
                str(one.port or ""),
                duration(one.interval_ns),
                duration(one.timeout_ns),
                str(one.rise),
                str(one.fall),
            )
        ]
        for one in answer.healthchecks
    ]
    return columns(heads, rows, page.width)


def healthcheck(one: HealthCheckInfo, page: Page) -> list[Line]:
    """Return all about one: what its type has no use for is left out."""
    is_http = one.type in ("http", "https")
    is_tls = one.type == "https" or one.ssl
    return fields(
        [
            ("name", one.name),
            ("type", one.type),
            ("port", str(one.port or "")),
            ("interval", duration(one.interval_ns)),
            ("fast-interval", duration(one.fast_interval_ns)),
            ("down-interval", duration(one.down_interval_ns)),
            ("timeout", duration(one.timeout_ns)),
            ("rise", str(one.rise)),
            ("fall", str(one.fall)),
            ("probe-ipv4-src", one.probe_ipv4_src),
            ("probe-ipv6-src", one.probe_ipv6_src),
            ("path", one.path if is_http else ""),
            ("host", one.host if is_http else ""),
            ("response-code", one.response_code if is_http else ""),
            ("response-regexp", one.response_regexp if is_http else ""),
            ("ssl", yes_or_no(one.ssl) if one.type == "tcp" else ""),
            ("server-name", one.server_name if is_tls else ""),
            ("insecure-skip-verify", yes_or_no(one.insecure_skip_verify) if is_tls else ""),
        ],
        page.width,
    )


def duration(value_ns: int) -> str:
    """Return a duration as the configuration file has it: `500ms`, `2s`, `1m30s`."""
    if abs(value_ns) < 1_000_000_000:
        return f"{value_ns / 1e6:g}ms"
    minutes, rest_ns = divmod(value_ns, 60_000_000_000)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "m"), (rest_ns / 1e9, "s"))
    return "".join(f"{amount:g}{unit}" for amount, unit in parts if amount)
