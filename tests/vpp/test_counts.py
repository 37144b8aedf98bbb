# SPDX-License-Identifier: Apache-2.0
"""What went to a VPP and came from there, counted by message and result."""

import asyncio
from pathlib import Path

import pytest

from maglev.core.reconcile import SetWeight, Vip
from maglev.vpp.counts import Count, Counts
from maglev.vpp.lb import LbPlugin
from maglev.vpp.papi import VppApi


def told(counts: Counts) -> dict[tuple[str, str, bool], int]:
    return {(one.message, one.direction, one.ok): one.count for one in counts.tallies()}


@pytest.mark.parametrize(
    ("retval", "counted"), [(0, Count(0, 1, 0)), (-1, Count(0, 0, 1)), (7, Count(0, 0, 1))]
)
def test_only_zero_is_success(retval: int, counted: Count) -> None:
    count = Count()
    count.answered(retval)
    assert count == counted


def test_an_answer_goes_by_its_own_name() -> None:
    counts = Counts()
    counts.of("lb_conf").sent += 3
    counts.of("lb_conf").answered(0)
    counts.of("lb_conf").answered(-2)
    counts.of("lb_as_v2_dump").sent += 1
    assert told(counts) == {
        ("lb_conf", "send", True): 3,
        ("lb_conf_reply", "recv", True): 1,
        ("lb_conf_reply", "recv", False): 1,
        ("lb_as_v2_dump", "send", True): 1,
        ("lb_as_v2_details", "recv", True): 0,
        ("lb_as_v2_details", "recv", False): 0,
    }


def test_calls_prepared_calls_and_dumps_are_counted_over_connections(vpp) -> None:
    counts = Counts()

    async def run(path: Path) -> None:
        api = await VppApi.connect(path, counts=counts)
        try:
            plugin = LbPlugin(api)
            vip = Vip("192.0.2.1/32", 6, 80)
            unknown = SetWeight(vip, "www", "10.0.0.1", "web1", 100, 0, False, 0)
            assert await plugin.send(unknown) != 0
            await plugin.read()
            await api.ping()
        finally:
            api.close()

    for _ in range(2):
        asyncio.run(run(vpp.socket))
    found = told(counts)
    assert found["lb_as_set_weight", "send", True] == 2
    assert found["lb_as_set_weight_reply", "recv", False] == 2
    assert found["lb_as_set_weight_reply", "recv", True] == 0
    assert found["lb_as_v2_dump", "send", True] == 2
    assert found["lb_as_v2_details", "recv", True] == 2
    assert found["show_version", "send", True] == found["show_version_reply", "recv", True] == 2
    assert found["control_ping_reply", "recv", True] == found["control_ping", "send", True] == 6
    assert found["get_api_json", "send", True] == 1, "definitions are learnt once"
