# SPDX-License-Identifier: Apache-2.0
"""The control socket of the simulated VPP: one JSON object a line in, one a line out.

A request is `{"op": name, ...}`, an answer `{"ok": true, ...}` or `{"ok": false, "error": text}`.
There is no state here; look at the functions behind `_OPERATIONS` for what can be asked.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, get_args

from maglev.vpp.sim import addresses, cli
from maglev.vpp.sim.calls import vip_name
from maglev.vpp.sim.definitions import Version
from maglev.vpp.sim.faults import Rule
from maglev.vpp.sim.plane import Vip
from maglev.vpp.sim.server import Vpp

LINE_MAX = 1 << 20  # bytes of a request
CALLS_MAX = 10_000  # in one answer

Request = dict[str, Any]
Answer = dict[str, object]


class ControlConnection(asyncio.Protocol):
    """One who looks or tampers."""

    def __init__(self, vpp: Vpp) -> None:
        self._vpp = vpp
        self._input = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport), f"{transport=}"
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        *lines, self._input = (self._input + data).split(b"\n")
        for line in lines:
            self._transport.write(json.dumps(answer(self._vpp, line)).encode() + b"\n")
        if len(self._input) > LINE_MAX:
            self._transport.abort()


def answer(vpp: Vpp, line: bytes) -> Answer:
    """Carry out one request; what is wrong with it is part of the answer."""
    try:
        request = json.loads(line)
        operation = _OPERATIONS[request.pop("op")]
        return {"ok": True, **operation(vpp, request)}
    except (ValueError, KeyError, TypeError, AttributeError) as why:
        return {"ok": False, "error": f"{line.decode(errors='replace')}: {why!r}"}


def _state(vpp: Vpp, request: Request) -> Answer:
    conf = vpp.plane.conf
    return {
        "version": vpp.version,
        "pid": vpp.pid,
        "boots": vpp.boots,
        "uptime_s": vpp.now_s(),
        "callers": sorted(caller.name for caller in vpp.callers.values()),
        "hung": vpp.hung,
        "delay_ms": vpp.delay_s * 1000,
        "rules": [asdict(rule) for rule in vpp.faults.rules],
        "conf": {
            "ip4_src_address": addresses.text(bytes(12) + conf.ip4_src_address),
            "ip6_src_address": addresses.text(conf.ip6_src_address),
            "sticky_buckets_per_core": conf.sticky_buckets_per_core,
            "flow_timeout_s": conf.flow_timeout_s,
        },
        "vips": [_vip_state(vip) for vip in vpp.plane.vips],
        "calls": vpp.calls.next,
    }


def _vip_state(vip: Vip) -> Answer:
    return {
        "vip": vip_name(vip.prefix, vip.protocol, vip.port),
        "index": vip.index,
        "used": vip.used,
        "encap": vip.encap,
        "src_ip_sticky": vip.src_ip_sticky,
        "ases": [
            {
                "address": addresses.text(one.address),
                "used": one.used,
                "weight": one.weight,
                "buckets": count,
            }
            for one, count in zip(vip.ases, vip.bucket_counts(), strict=True)
        ],
    }


def _calls(vpp: Vpp, request: Request) -> Answer:
    first, told = vpp.calls.since(int(request.get("since", 0)), CALLS_MAX)
    return {"calls": told, "next": first + len(told)}


def _cli(vpp: Vpp, request: Request) -> Answer:
    retval, text = cli.run(request["line"], vpp.plane, vpp.version, vpp.now_s())
    return {"retval": retval, "text": text}


def _fail(vpp: Vpp, request: Request) -> Answer:
    vpp.faults.rules.append(Rule(**request))
    return {}


def _clear(vpp: Vpp, request: Request) -> Answer:
    vpp.faults.rules.clear()
    vpp.delay_s = 0.0
    vpp.resume()
    return {}


def _delay(vpp: Vpp, request: Request) -> Answer:
    vpp.delay_s = float(request["ms"]) / 1000
    return {}


def _hang(vpp: Vpp, request: Request) -> Answer:
    vpp.hang()
    return {}


def _resume(vpp: Vpp, request: Request) -> Answer:
    vpp.resume()
    return {}


def _close(vpp: Vpp, request: Request) -> Answer:
    vpp.cut_off_all()
    return {}


def _restart(vpp: Vpp, request: Request) -> Answer:
    version = request.get("version", vpp.version)
    if version not in get_args(Version):
        raise ValueError(f"version {version!r} is none of {get_args(Version)}")
    vpp.restart(
        version,
        forget=bool(request.get("forget", True)),
        away_s=float(request.get("away_s", 0.0)),
    )
    return {"pid": vpp.pid}


_OPERATIONS: dict[str, Callable[[Vpp, Request], Answer]] = {
    "state": _state,
    "calls": _calls,
    "cli": _cli,
    "fail": _fail,
    "clear": _clear,
    "delay": _delay,
    "hang": _hang,
    "resume": _resume,
    "close": _close,
    "restart": _restart,
}
