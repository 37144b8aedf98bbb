# SPDX-License-Identifier: Apache-2.0
"""VPP's lb plugin in the words of the core: read all of it, send one operation after another.

There is no state but the messages prepared for one connection.  Look at `LbPlugin.read` for where
each fact comes from: VPP's dumps do not tell whether a VIP is sticky, its command line does.
"""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass
from ipaddress import IPv6Address
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton

from maglev.core.buckets import SIZE
from maglev.core.reconcile import ActualVip, AddAs, AddVip, DelAs, DelVip, Operation, SetWeight, Vip
from maglev.messages import LbConf
from maglev.vpp.link import VppUnavailable
from maglev.vpp.papi import VppApi

ENCAPS = ("gre4", "gre6", "l3dsr", "nat4", "nat6")  # by VPP's numbers; only gre is made here
IN_USE = 1  # bit 0 of an AS's flags; VPP tells of deleted ones until it collects them

SLICE_S = 0.00025

_VIP_FIELDS = ("pfx.address.af", "pfx.address.un", "pfx.len", "protocol", "port")
_AS_FIELDS = ("as_address.af", "as_address.un")
_VIP_TOLD = tuple(f"vip.{name}" for name in _VIP_FIELDS)

_VERBOSE_VIP = re.compile(
    r"^ ip[46]-\S+ \[(?P<index>\d+)\] (?P<prefix>\S+)(?P<sticky> src_ip_sticky)?(?P<gone> removed)?"
    r"\n  new_size:\d+\n(?:  protocol:(?P<protocol>\d+) port:(?P<port>\d+)\n)?",
    re.MULTILINE,
)
"""A VIP in `show lb vips verbose` (VPP: src/plugins/lb/lb.c, format_lb_vip_detailed)."""


@dataclass(frozen=True, slots=True)
class Picture:
    """All of the lb plugin at about one moment, without what is deleted.

    `buckets` are by VIP and address of the AS; `indexes` are the VIPs' places in VPP's pool, which
    the vectors of the stats segment have too.
    """

    conf: LbConf
    vips: dict[Vip, ActualVip]
    buckets: dict[Vip, dict[str, int]]
    indexes: dict[Vip, int]


class LbPlugin:
    """The lb plugin of one VPP.  Raises VppUnavailable if it lacks what is needed here."""

    def __init__(self, api: VppApi) -> None:
        if not api.weights_supported:
            raise VppUnavailable(
                f"VPP {api.version} has no messages for AS weights; 26.10 is the first that has"
                if api.lb_plugin
                else f"VPP {api.version} runs without the lb plugin"
            )
        self._api = api
        self._conf = api.prepare(
            "lb_conf",
            ("ip4_src_address", "ip6_src_address", "sticky_buckets_per_core", "flow_timeout"),
        )
        self._add_del_as = api.prepare(
            "lb_add_del_as_v2", (*_VIP_FIELDS, *_AS_FIELDS, "weight", "is_del", "is_flush")
        )
        self._set_weight = api.prepare(
            "lb_as_set_weight", (*_VIP_FIELDS, *_AS_FIELDS, "weight", "is_flush")
        )
        self._add_del_vip = api.prepare(
            "lb_add_del_vip_v2",
            (*_VIP_FIELDS, "encap", "new_flows_table_length", "src_ip_sticky", "is_del"),
        )

    def send(self, operation: Operation) -> asyncio.Future[int]:
        """Send an operation and return at once; the future gets VPP's number, 0 is success.

        Answers come in the order of sending; all futures fail with VppGone if VPP does.
        """
        vip = _vip_values(operation.vip)
        match operation:
            case AddVip():
                sticky, encap = operation.src_ip_sticky, ENCAPS.index(operation.encap)
                # The length must be said: 0 kills VPP.
                return self._add_del_vip(*vip, encap, SIZE, sticky, False)
            case DelVip():
                return self._add_del_vip(*vip, 0, SIZE, False, True)
            case AddAs(address=address, weight=weight):
                return self._add_del_as(*vip, *_address_values(address), weight, False, False)
            case DelAs(address=address):
                return self._add_del_as(*vip, *_address_values(address), 0, True, True)
            case SetWeight(address=address, weight=weight, flush=flush):
                return self._set_weight(*vip, *_address_values(address), weight, flush)

    def configure(self, conf: LbConf) -> asyncio.Future[int]:
        """Send the global parameters and return at once, as `send` does."""
        return self._conf(
            inet_pton(AF_INET, conf.ipv4_src_address),
            inet_pton(AF_INET6, conf.ipv6_src_address),
            conf.sticky_buckets_per_core,
            conf.flow_timeout_s,
        )

    async def read(self) -> Picture:
        """Read everything on the connection for bulk reads, without holding up the loop."""
        api = self._api
        encaps: dict[Vip, str] = {}
        reader = _AsReader()

        def each_vip(told: tuple[int, bytes, int, int, int, int]) -> None:
            number = told[5]
            encap = ENCAPS[number] if number < len(ENCAPS) else str(number)
            encaps[_vip(*told[:5])] = encap

        # One after the other: an operation that comes meanwhile waits for one of them, not for all.
        conf = await api.call("lb_conf_get", {}, bulk=True)
        await api.dump("lb_vip", (*_VIP_TOLD, "encap"), each_vip)
        await api.dump(
            "lb_as_v2",
            (*_VIP_TOLD, "app_srv.af", "app_srv.un", "flags", "weight", "num_buckets"),
            reader.each,
        )
        text = await api.call("cli_inband", {"cmd": "show lb vips verbose"}, bulk=True)
        sticky, indexes = await _verbose(text.reply)
        return Picture(
            conf=LbConf(
                ipv4_src_address=str(conf.ip4_src_address),
                ipv6_src_address=str(conf.ip6_src_address),
                sticky_buckets_per_core=conf.sticky_buckets_per_core,
                flow_timeout_s=conf.flow_timeout,
            ),
            vips={
                vip: ActualVip(vip, encap, sticky.get(vip), reader.weights.get(vip, {}))
                for vip, encap in encaps.items()
            },
            buckets=reader.buckets,
            indexes=indexes,
        )


class _AsReader:
    """Gathers the ASes in use from a dump, which tells them VIP by VIP."""

    def __init__(self) -> None:
        self.weights: dict[Vip, dict[str, int]] = {}
        self.buckets: dict[Vip, dict[str, int]] = {}
        self._last: tuple[int, bytes, int, int, int] | None = None
        self._last_weights: dict[str, int] = {}
        self._last_buckets: dict[str, int] = {}

    def each(self, told: tuple[int, bytes, int, int, int, int, bytes, int, int, int]) -> None:
        af, un, length, protocol, port, as_af, as_un, flags, weight, count = told
        if not flags & IN_USE:
            return
        if self._last != (af, un, length, protocol, port):
            self._last = af, un, length, protocol, port
            vip = _vip(*self._last)
            self._last_weights = self.weights.setdefault(vip, {})
            self._last_buckets = self.buckets.setdefault(vip, {})
        address = _address(as_af, as_un)
        self._last_weights[address] = weight
        self._last_buckets[address] = count


async def _verbose(text: str) -> tuple[dict[Vip, bool], dict[Vip, int]]:
    """Return stickiness and pool index of each VIP in use in `show lb vips verbose`."""
    sticky: dict[Vip, bool] = {}
    indexes: dict[Vip, int] = {}
    until_s = time.monotonic() + SLICE_S
    for match in _VERBOSE_VIP.finditer(text):
        if time.monotonic() > until_s:
            await asyncio.sleep(0)
            until_s = time.monotonic() + SLICE_S
        if match["gone"]:
            continue
        port = int(match["port"] or 0)
        address, _, length = match["prefix"].partition("/")
        told = *_address_values(address), int(length)
        vip = _vip(*told, int(match["protocol"]) if port else 255, port)
        sticky[vip] = match["sticky"] is not None
        indexes[vip] = int(match["index"])
    return sticky, indexes


def _vip_values(vip: Vip) -> tuple[int, bytes, int, int, int]:
    address, _, length = vip.prefix.partition("/")
    return *_address_values(address), int(length), vip.protocol, vip.port


def _address_values(address: str) -> tuple[int, bytes]:
    """Return family and packed address as VPP's messages carry them."""
    return (1, inet_pton(AF_INET6, address)) if ":" in address else (0, inet_pton(AF_INET, address))


def _vip(af: int, un: bytes, length: int, protocol: int, port: int) -> Vip:
    return Vip(f"{_address(af, un)}/{length}", protocol, port)


def _address(af: int, un: bytes) -> str:
    if not af:
        return inet_ntop(AF_INET, un[:4])
    text = inet_ntop(AF_INET6, un)
    # inet_ntop writes the end of some addresses as IPv4, ipaddress never does.
    return str(IPv6Address(un)) if "." in text else text
