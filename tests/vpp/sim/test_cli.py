# SPDX-License-Identifier: Apache-2.0
"""VPP's command line beyond what the recordings hold."""

import pytest

from maglev.vpp.sim import cli
from maglev.vpp.sim.plane import Plane

VIP = "192.0.2.1/32 protocol tcp port 80"


@pytest.fixture
def run():
    plane = Plane(collect_after_s=60, weight_default=100, first_dpo=13)
    return lambda line, version="26.10": cli.run(line, plane, version, now_s=1.0)


def test_weights_are_added_or_changed_by_one_command(run):
    assert run(f"lb vip {VIP} encap gre4") == (0, "lb_vip_add ok 1\n")
    assert run(f"lb as {VIP} 10.0.0.1 weight 30") == (0, "")
    assert run(f"lb as {VIP} 10.0.0.1 weight 40") == (0, "")
    assert "10.0.0.1 weight:40 buckets:1024 flows:0" in run("show lb vips verbose")[1]


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("lb", "lb: unknown input `'"),
        ("lb wip", "lb: unknown input `wip'"),
        ("show nothing", "show: unknown input `nothing'"),
        ("lb vip nonsense", "lb vip: invalid vip prefix: 'nonsense'"),
        ("lb vip 1.2.3.4/32 encap gre4 colour red", "lb vip: parse error: 'colour red'"),
        ("lb vip 1.2.3.4/32 new_len 3", "lb vip: lb_vip_add error -70"),
        ("lb as nonsense", "lb as: invalid as address: 'nonsense'"),
        (f"lb as {VIP} 10.0.0.1 weight 101", "lb as: weight must be between 0 and 100"),
        (f"lb as {VIP} 10.0.0.1 weight 1 del", "lb as: weight and del are mutually exclusive"),
        (f"lb as {VIP} 10.0.0.1", "lb as: lb_vip_find_index error -6"),
        ("lb conf buckets 3", "lb conf: lb_conf error -70"),
        ("lb conf colour red", "lb conf: parse error: 'colour red'"),
        ("lb flush vip nonsense", "lb flush vip: invalid vip prefix: 'nonsense'"),
        ("lb " + "x" * 40, "lb: unknown input `" + "x" * 30 + "'"),
    ],
)
def test_what_is_wrong_is_told_in_the_words_of_vpp(run, line, error):
    assert run(line) == (-1, error + "\n")


def test_an_as_command_without_address_is_refused(run):
    run(f"lb vip {VIP}")
    assert run(f"lb as {VIP}") == (-1, "lb as: No AS address provided\n")
    assert run(f"lb as {VIP} 10.0.0.1 del") == (-1, "lb as: lb_vip_del_ass error -6\n")
    assert run(f"lb flush vip {VIP}") == (0, "lb_flush_vip ok 1\n")


def test_the_global_parameters_are_set_one_by_one(run):
    assert run("lb conf ip4-src-address 192.0.2.9 buckets 64 timeout 10") == (0, "")
    assert run("lb conf ip6-src-address 2001:db8::9") == (0, "")
    assert run("show lb")[1].startswith(
        "lb_main ip4-src-address: 192.0.2.9 \n ip6-src-address: 2001:db8::9 \n"
    )


def test_a_vip_of_another_encapsulation_shows_its_dscp(run):
    assert run("lb vip 192.0.2.1/32 encap l3dsr dscp 7")[0] == 0
    assert run("show lb vips")[1] == "ip4-l3dsr 192.0.2.1/32 new_size:1024 #as:0  dscp:7\n"
    assert "  new_size:1024\n  dscp:7\n  counters:" in run("show lb vips verbose")[1]


def test_an_empty_line_does_nothing(run):
    assert run("  ") == (0, "")
