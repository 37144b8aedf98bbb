# SPDX-License-Identifier: Apache-2.0
"""How VPP and what it has reads; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maglev.clients.maglevc.text.common import STALE, Pairs, mark, pairs, yes_or_no
from maglev.clients.maglevc.text.frontends import port
from maglev.clients.render import Line, Page, Span, fields, moment

if TYPE_CHECKING:
    from maglev.rpc.maglev_pb2 import (
        VPPLBAS,
        VPPLBVIP,
        SyncVPPLBStateResponse,
        VPPInfo,
        VPPLBState,
    )


def info(vpp: VPPInfo, page: Page) -> list[Line]:
    """Return what is known of VPP and of the connection to it."""
    lines = fields(
        [
            ("version", vpp.version),
            ("build date", vpp.build_date),
            ("build directory", vpp.build_directory),
            ("pid", str(vpp.pid or "")),
            ("booted", _since(vpp.boottime_ns, page)),
            ("connected", _since(vpp.connecttime_ns, page)),
            ("AS weights", yes_or_no(vpp.weights)),
            ("not programmed", Span(vpp.error, "bad")),
        ],
        page.width,
    )
    return [*lines, (Span(STALE, "doubt"),)] if vpp.stale else lines


def lb_state(state: VPPLBState, page: Page) -> list[Line]:
    """Return every VIP with its ASes, and what VPP should have but has not."""
    heads = [_vip(vip) for vip in state.vips]
    every = [_as(one) for vip in state.vips for one in vip.application_servers]
    lines: list[Line] = []
    for vip, head in zip(state.vips, heads, strict=True):
        lines += pairs([head], page, indent=0, like=heads)
        lines += fields([("error", Span(vip.error, "bad"))], page.width, indent=2)
        servers = [_as(one) for one in vip.application_servers]
        lines += pairs(servers, page, indent=2, like=every)
    if state.stale:
        lines.append((Span(STALE, "doubt"),))
    elif not state.in_sync and all(vip.in_sync for vip in state.vips):
        lines.append((Span("VPP does not have all that it should have", "doubt"),))
    return lines or [(Span("VPP has no VIPs"),)]


def synced(answer: SyncVPPLBStateResponse, page: Page) -> list[Line]:
    """Return what the sync did."""
    return [(Span(answer.text or "VPP has what it should have"),)]


def _vip(vip: VPPLBVIP) -> Pairs:
    return [
        ("vip", vip.prefix.removesuffix("/32").removesuffix("/128")),
        ("protocol", vip.protocol),
        ("port", port(vip.port)),
        ("frontend", vip.frontend),
        ("", mark("" if vip.in_sync else "not in sync")),
    ]


def _as(one: VPPLBAS) -> Pairs:
    return [
        ("address", one.address),
        ("weight", one.weight),
        ("flow-table-buckets", one.num_buckets),
    ]


def _since(at_ns: int, page: Page) -> str:
    return f"for {page.age(at_ns)}, since {moment(at_ns)}" if at_ns else ""
