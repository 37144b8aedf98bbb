# SPDX-License-Identifier: Apache-2.0
"""The lb plugin as the core sees it: what is read, what is sent, and that the loop goes on."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from msgspec import structs

from maglev.core.buckets import buckets
from maglev.core.reconcile import ActualVip, AddAs, AddVip, DelAs, DelVip, SetWeight, Vip
from maglev.messages import LbConf
from maglev.vpp.lb import LbPlugin
from maglev.vpp.link import VppGone, VppUnavailable
from maglev.vpp.papi import VppApi
from tests.vpp.simulated import Simulated, simulated_vpp

WEB = Vip("192.0.2.1/32", 6, 80)
ALL = Vip("192.0.2.2/32", 255, 0)
SIX = Vip("2001:db8:1::1/128", 17, 53)
CONF = LbConf(
    ipv4_src_address="192.0.2.254",
    ipv6_src_address="2001:db8::fe",
    sticky_buckets_per_core=65536,
    flow_timeout_s=40,
)


def with_lb(vpp: Simulated, story: Callable[[LbPlugin, VppApi], Awaitable[None]]) -> None:
    """Run a story with the lb plugin of a connected VPP."""

    async def run() -> None:
        api = await VppApi.connect(vpp.socket, reply_s=5.0)
        try:
            async with asyncio.timeout(60):
                await story(LbPlugin(api), api)
        finally:
            api.close()

    asyncio.run(run())


def add_vip(vip, encap="gre4", sticky=False):
    return AddVip(vip, "web", encap, sticky)


def add_as(vip, address, weight=100):
    return AddAs(vip, "web", address, "b", weight, 0)


def set_weight(vip, address, weight, flush=False):
    return SetWeight(vip, "web", address, "b", weight, 100, flush, 0)


async def done(lb, *operations):
    """Send operations and return VPP's numbers."""
    return await asyncio.gather(*map(lb.send, operations))


def test_what_was_sent_is_read_back(vpp):
    async def story(lb: LbPlugin, api: VppApi) -> None:
        assert await lb.configure(CONF) == 0
        sent = await done(
            lb,
            add_vip(WEB, sticky=True),
            add_vip(ALL, "gre6"),
            add_vip(SIX, "gre6"),
            add_as(WEB, "10.0.0.1"),
            add_as(WEB, "10.0.0.2", 50),
            add_as(ALL, "2001:db8::1", 0),
            add_as(SIX, "2001:db8::1"),
            add_as(SIX, "2001:db8::ffff:1:1"),
            set_weight(WEB, "10.0.0.1", 10),
        )
        assert sent == [0] * 9
        picture = await lb.read()
        assert picture.conf == CONF
        assert picture.vips == {
            WEB: ActualVip(WEB, "gre4", True, {"10.0.0.1": 10, "10.0.0.2": 50}),
            ALL: ActualVip(ALL, "gre6", False, {"2001:db8::1": 0}),
            SIX: ActualVip(SIX, "gre6", False, {"2001:db8::1": 100, "2001:db8::ffff:1:1": 100}),
        }
        assert picture.indexes == {WEB: 1, ALL: 2, SIX: 3}
        counts = buckets([("10.0.0.1", 10), ("10.0.0.2", 50)]).counts
        assert list(picture.buckets[WEB].values()) == counts

    with_lb(vpp, story)


def test_an_empty_vpp_is_read_as_one(vpp):
    async def story(lb: LbPlugin, api: VppApi) -> None:
        picture = await lb.read()
        assert (picture.vips, picture.buckets, picture.indexes) == ({}, {}, {})
        assert picture.conf.sticky_buckets_per_core == 1024

    with_lb(vpp, story)


def test_what_is_deleted_is_not_read_though_vpp_still_tells_it(vpp):
    async def story(lb: LbPlugin, api: VppApi) -> None:
        sent = await done(
            lb,
            add_vip(WEB, sticky=True),
            add_as(WEB, "10.0.0.1"),
            add_as(WEB, "10.0.0.2"),
            DelAs(WEB, "web", "10.0.0.1", 100),
            add_vip(ALL),
            add_as(ALL, "10.0.0.1"),
            DelAs(ALL, "", "10.0.0.1", 100),
            DelVip(ALL, "", "stale"),
        )
        assert sent == [0] * 8
        assert (await lb.read()).vips == {WEB: ActualVip(WEB, "gre4", True, {"10.0.0.2": 100})}
        # Made again, it stands beside what is left of the old one.
        assert await done(lb, DelVip(WEB, "web", "src-ip-sticky"), add_vip(WEB)) == [0, 0]
        picture = await lb.read()
        assert picture.vips == {WEB: ActualVip(WEB, "gre4", False, {})}
        assert picture.indexes == {WEB: 3}

    with_lb(vpp, story)


def test_refusals_come_in_the_order_of_sending(vpp):
    async def story(lb: LbPlugin, api: VppApi) -> None:
        sent = await done(
            lb,
            add_as(WEB, "10.0.0.1"),
            add_vip(WEB),
            add_vip(WEB),
            add_as(WEB, "10.0.0.1"),
            add_as(WEB, "10.0.0.1"),
            add_as(WEB, "2001:db8::1"),
            set_weight(WEB, "10.0.0.9", 1),
            DelVip(ALL, "", "stale"),
        )
        assert sent == [-6, 0, -81, 0, -81, -97, -6, -6]
        bad = structs.replace(CONF, sticky_buckets_per_core=1000)
        assert await asyncio.gather(lb.configure(bad), lb.configure(CONF)) == [-70, 0]

    with_lb(vpp, story)


def test_only_what_is_asked_for_is_flushed(vpp):
    async def story(lb: LbPlugin, api: VppApi) -> None:
        await done(lb, add_vip(WEB), add_as(WEB, "10.0.0.1"))
        cursor = vpp.control.cursor()
        await done(
            lb,
            set_weight(WEB, "10.0.0.1", 0, flush=False),
            set_weight(WEB, "10.0.0.1", 0, flush=True),
            DelAs(WEB, "web", "10.0.0.1", 0),
        )
        assert [call["flush"] for call in vpp.control.changes(cursor)] == [False, True, True]

    with_lb(vpp, story)


def test_a_vip_of_somebody_else_is_read_whatever_it_is(vpp):
    vpp.control.cli("lb vip 192.0.2.9/32 encap l3dsr dscp 7")
    vpp.control.cli("lb vip 198.51.100.0/24 protocol udp port 53 encap gre4")

    async def story(lb: LbPlugin, api: VppApi) -> None:
        dsr, net = Vip("192.0.2.9/32", 255, 0), Vip("198.51.100.0/24", 17, 53)
        assert (await lb.read()).vips == {
            dsr: ActualVip(dsr, "l3dsr", False, {}),
            net: ActualVip(net, "gre4", False, {}),
        }
        assert await done(lb, DelVip(dsr, "", "stale"), DelVip(net, "", "stale")) == [0, 0]
        assert (await lb.read()).vips == {}

    with_lb(vpp, story)


def test_a_vpp_without_weights_is_refused_with_the_reason(tmp_path):
    async def story(lb: LbPlugin, api: VppApi) -> None:
        raise AssertionError("this VPP cannot be programmed")

    with simulated_vpp(tmp_path, "26.06") as vpp:
        with pytest.raises(VppUnavailable, match=r"26\.06-rc2 has no messages for AS weights"):
            with_lb(vpp, story)
        assert vpp.control.changes() == []


@pytest.mark.parametrize("nth", range(1, 5))
def test_a_read_that_is_cut_off_anywhere_ends(vpp, nth):
    message = ("lb_conf_get", "lb_vip_dump", "lb_as_v2_dump", "cli_inband")[nth - 1]
    vpp.control.add_vip("192.0.2.1/32 tcp 80")
    vpp.control.fail(message, action="close")

    async def story(lb: LbPlugin, api: VppApi) -> None:
        with pytest.raises(VppGone):
            await lb.read()
        assert await api.closed == "VPP closed the connection"

    with_lb(vpp, story)


def test_a_read_of_ten_thousand_ases_lets_others_run(vpp):
    vips = [Vip(f"192.0.{n // 250}.{n % 250}/32", 6, 80) for n in range(1000)]

    async def story(lb: LbPlugin, api: VppApi) -> None:
        sent = await done(lb, *map(add_vip, vips))
        for vip in vips:
            # Weight 1: what VPP computes is not what is tested here.
            sent += await done(lb, *(add_as(vip, f"10.0.0.{n}", 1) for n in range(10)))
        assert set(sent) == {0}
        turns = 0

        async def others() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        running = asyncio.ensure_future(others())
        await asyncio.sleep(0)
        reading = asyncio.ensure_future(lb.read())
        weights_set = 0
        while not reading.done():
            assert await lb.send(set_weight(vips[0], "10.0.0.1", 2)) == 0
            weights_set += 1
        running.cancel()
        assert sum(len(vip.ases) for vip in reading.result().vips.values()) == 10_000
        # A slice is a quarter of a millisecond, and the whole takes many of them.
        assert turns > 20
        assert weights_set > 5

    with_lb(vpp, story)
