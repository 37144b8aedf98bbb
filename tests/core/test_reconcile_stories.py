# SPDX-License-Identifier: Apache-2.0
"""Plans one can read: what happens to www and its servers, line by line."""

import pytest

from maglev.core.reconcile import (
    ActualVip,
    AddAs,
    AddVip,
    DelAs,
    DelVip,
    SetWeight,
    Vip,
    in_sync,
    plan,
    recalled,
    settled,
    vip_after,
)
from maglev.messages import DesiredAs, DesiredVip

WWW = Vip("192.0.2.1/32", 6, 80)
TLS = Vip("192.0.2.1/32", 6, 443)
ALL = Vip("192.0.2.1/32", 255, 0)
SIX = Vip("2001:db8::1/128", 6, 80)


def server(address, weight, **more):
    return DesiredAs(address=address, backend=f"web-{address}", weight=weight, **more)


def wanted(vip, *ases, encap="gre4", src_ip_sticky=False):
    return DesiredVip(
        frontend="www",
        prefix=vip.prefix,
        protocol=vip.protocol,
        port=vip.port,
        encap=encap,
        src_ip_sticky=src_ip_sticky,
        ases=ases,
    )


def there(vip, encap="gre4", src_ip_sticky=False, **ases):
    weights = {name.replace("_", ".").removeprefix("a"): weight for name, weight in ases.items()}
    return {vip: ActualVip(vip, encap, src_ip_sticky, weights)}


def lines(operations):
    """Return operations as an operator would tell them."""
    said = []
    for one in operations:
        vip = f"{one.vip.prefix.split('/')[0]}:{one.vip.port}"
        match one:
            case AddVip():
                said.append(f"{vip} add {one.encap}{' sticky' if one.src_ip_sticky else ''}")
            case DelVip():
                said.append(f"{vip} delete ({one.why})")
            case AddAs():
                said.append(f"{vip} add {one.address} {one.weight}")
            case DelAs():
                said.append(f"{vip} delete {one.address}")
            case SetWeight():
                flush = " flush" if one.flush else ""
                said.append(f"{vip} {one.address} {one.weight_before}->{one.weight}{flush}")
    return said


def whole(desired, actual, flushed=None):
    return lines(plan(desired, actual, flushed or {}, whole=True))


def single(desired, actual, flushed=None):
    return lines(plan([desired], actual, flushed or {}, whole=False))


def test_failover_raises_the_standby_before_it_drains_the_primary():
    actual = there(WWW, a10_0_0_1=100, a10_0_0_9=0)
    desired = wanted(
        WWW, server("10.0.0.1", 0, drain=True, flush=1), server("10.0.0.9", 100, flush=0)
    )
    assert single(desired, actual, {(WWW, "10.0.0.1"): 0}) == [
        "192.0.2.1:80 10.0.0.9 0->100",
        "192.0.2.1:80 10.0.0.1 100->0 flush",
    ]


def test_a_fresh_vpp_gets_everything_in_numeric_order_ipv4_first():
    desired = [
        wanted(SIX, server("2001:db8::10", 1), server("2001:db8::9", 1), encap="gre6"),
        wanted(TLS, server("10.0.0.10", 100), server("9.0.0.1", None, weight_absent=7)),
        wanted(WWW, src_ip_sticky=True),
    ]
    assert whole(desired, {}) == [
        "192.0.2.1:80 add gre4 sticky",
        "192.0.2.1:443 add gre4",
        "192.0.2.1:443 add 9.0.0.1 7",
        "192.0.2.1:443 add 10.0.0.10 100",
        "2001:db8::1:80 add gre6",
        "2001:db8::1:80 add 2001:db8::9 1",
        "2001:db8::1:80 add 2001:db8::10 1",
    ]


def test_stale_servers_and_vips_go_last_servers_first():
    actual = there(WWW, a10_0_0_1=100, a10_0_0_2=100) | there(TLS, a10_0_0_1=0, a9_0_0_1=50)
    desired = wanted(WWW, server("10.0.0.3", 100), server("10.0.0.1", 50))
    expected = [
        "192.0.2.1:80 add 10.0.0.3 100",
        "192.0.2.1:80 10.0.0.1 100->50",
        "192.0.2.1:80 delete 10.0.0.2",
    ]
    assert single(desired, actual) == expected
    assert whole([desired], actual) == [
        *expected,
        "192.0.2.1:443 delete 9.0.0.1",
        "192.0.2.1:443 delete 10.0.0.1",
        "192.0.2.1:443 delete (stale)",
    ]


def test_other_stickiness_makes_each_vip_anew_in_one_go_and_keeps_what_is_held():
    actual = there(WWW, a10_0_0_1=100, a10_0_0_2=30) | there(TLS, a10_0_0_1=100)
    desired = [
        wanted(TLS, server("10.0.0.1", 100), src_ip_sticky=True),
        wanted(WWW, server("10.0.0.2", None), server("10.0.0.1", 100), src_ip_sticky=True),
    ]
    www = [
        "192.0.2.1:80 delete 10.0.0.1",
        "192.0.2.1:80 delete 10.0.0.2",
        "192.0.2.1:80 delete (src-ip-sticky)",
        "192.0.2.1:80 add gre4 sticky",
        "192.0.2.1:80 add 10.0.0.1 100",
        "192.0.2.1:80 add 10.0.0.2 30",
    ]
    assert single(desired[1], actual) == www
    assert whole(desired, actual) == [
        *www,
        "192.0.2.1:443 delete 10.0.0.1",
        "192.0.2.1:443 delete (src-ip-sticky)",
        "192.0.2.1:443 add gre4 sticky",
        "192.0.2.1:443 add 10.0.0.1 100",
    ]


def test_other_encapsulation_clears_the_address_first():
    actual = there(WWW, a10_0_0_1=100) | there(TLS)
    desired = [wanted(vip, server("2001:db8::1", 100), encap="gre6") for vip in (WWW, TLS)]
    assert whole(desired, actual) == [
        "192.0.2.1:80 delete 10.0.0.1",
        "192.0.2.1:80 delete (encap)",
        "192.0.2.1:443 delete (encap)",
        "192.0.2.1:80 add gre6",
        "192.0.2.1:80 add 2001:db8::1 100",
        "192.0.2.1:443 add gre6",
        "192.0.2.1:443 add 2001:db8::1 100",
    ]
    assert single(desired[0], actual) == [], "the other VIP is not this sync's to remove"


def test_ports_replace_a_vip_for_all_ports_only_in_a_whole_sync():
    actual = there(ALL, a10_0_0_1=100)
    desired = [wanted(WWW, server("10.0.0.1", 100)), wanted(TLS)]
    assert single(desired[0], actual) == []
    assert whole(desired, actual) == [
        "192.0.2.1:0 delete 10.0.0.1",
        "192.0.2.1:0 delete (stale)",
        "192.0.2.1:80 add gre4",
        "192.0.2.1:80 add 10.0.0.1 100",
        "192.0.2.1:443 add gre4",
    ]


def test_a_new_port_next_to_others_interrupts_nobody():
    actual = there(WWW, a10_0_0_1=0)
    desired = [wanted(TLS), wanted(WWW, server("10.0.0.1", 100))]
    assert whole(desired, actual) == ["192.0.2.1:80 10.0.0.1 0->100", "192.0.2.1:443 add gre4"]


def test_a_vip_of_a_kind_that_is_not_ours_is_made_anew():
    assert whole([wanted(WWW)], there(WWW, encap="nat4")) == [
        "192.0.2.1:80 delete (encap)",
        "192.0.2.1:80 add gre4",
    ]


def test_stickiness_that_is_not_known_is_no_reason_to_interrupt_anybody():
    actual = there(WWW, src_ip_sticky=None, a10_0_0_1=100)
    desired = wanted(WWW, server("10.0.0.1", 100), src_ip_sticky=True)
    assert whole([desired], actual) == []
    assert in_sync(desired, actual[WWW])


def test_a_weight_somebody_set_above_what_weights_mean_comes_down():
    assert whole([wanted(WWW, server("10.0.0.1", 100))], there(WWW, a10_0_0_1=101)) == [
        "192.0.2.1:80 10.0.0.1 101->100"
    ]


def test_a_held_server_stays_as_it_is_whatever_its_weight_would_be_elsewhere():
    desired = wanted(WWW, server("10.0.0.1", None, weight_absent=100))
    assert whole([desired], there(WWW, a10_0_0_1=42)) == []
    assert whole([desired], there(WWW)) == ["192.0.2.1:80 add 10.0.0.1 100"]


@pytest.mark.parametrize(
    ("weight", "before", "expected"),
    [
        (100, 100, "100->100 flush"),  # went down and came up between two looks
        (100, 0, "0->100 flush"),
        (0, 0, "0->0 flush"),  # was disabled in standby
        (0, 100, "100->0 flush"),
        (None, 30, "30->30 flush"),  # went down, was paused and resumed
    ],
)
@pytest.mark.parametrize("missed", [1, 3])
def test_a_flush_that_is_due_is_done_once_at_any_weight(weight, before, expected, missed):
    desired = [wanted(WWW, server("10.0.0.1", weight, flush=4 + missed))]
    actual, flushed = there(WWW, a10_0_0_1=before), {(WWW, "10.0.0.1"): 4}
    operations = plan(desired, actual, flushed, whole=True)
    assert lines(operations) == [f"192.0.2.1:80 10.0.0.1 {expected}"]
    [operation] = operations
    after = {WWW: vip_after(actual[WWW], operation)}
    assert whole(desired, after, flushed | settled(operation)) == []
    assert whole(desired, actual, flushed) == lines(operations), "refused by VPP, so still due"


@pytest.mark.parametrize("flushed", [{}, {(WWW, "10.0.0.1"): 9}])
def test_without_a_memory_only_flows_of_a_draining_server_with_weight_are_flushed(flushed):
    draining = [wanted(WWW, server("10.0.0.1", 0, drain=True, flush=3))]
    standby = [wanted(WWW, server("10.0.0.1", 0, drain=False, flush=3))]
    held = [wanted(WWW, server("10.0.0.1", None, drain=True, flush=3))]
    loaded, idle = there(WWW, a10_0_0_1=100), there(WWW, a10_0_0_1=0)
    assert whole(draining, loaded, flushed) == ["192.0.2.1:80 10.0.0.1 100->0 flush"]
    assert whole(draining, idle, flushed) == []
    assert whole(standby, loaded, flushed) == ["192.0.2.1:80 10.0.0.1 100->0"]
    assert whole(held, loaded, flushed) == []
    assert recalled(draining, loaded, flushed) == {(WWW, "10.0.0.1"): 2}, "one is still owed"
    assert recalled(draining, idle, flushed) == {(WWW, "10.0.0.1"): 3}


def test_a_memory_begun_by_looking_notices_the_next_flush():
    actual = there(WWW, a10_0_0_1=100)
    flushed = recalled([wanted(WWW, server("10.0.0.1", 100, flush=7))], actual, {})
    assert whole([wanted(WWW, server("10.0.0.1", 100, flush=8))], actual, flushed) == [
        "192.0.2.1:80 10.0.0.1 100->100 flush"
    ]


def test_a_server_that_vpp_lacked_has_nothing_to_flush():
    desired = [wanted(WWW, server("10.0.0.1", 0, drain=True, flush=5))]
    [operation] = plan(desired, there(WWW), {(WWW, "10.0.0.1"): 1}, whole=True)
    assert lines([operation]) == ["192.0.2.1:80 add 10.0.0.1 0"]
    assert settled(operation) == {(WWW, "10.0.0.1"): 5}
    assert recalled(desired, there(WWW), {(WWW, "10.0.0.1"): 1}) == {}


def test_operations_name_the_frontend_and_the_backend_they_are_about():
    actual = there(WWW, a10_0_0_1=1, a10_0_0_2=1) | there(SIX)
    operations = plan([wanted(WWW, server("10.0.0.1", 2))], actual, {}, whole=True)
    assert [one.frontend for one in operations] == ["www", "www", ""]
    assert [one.backend for one in operations if isinstance(one, SetWeight)] == ["web-10.0.0.1"]


def test_a_picture_without_the_vip_takes_no_operation_on_its_servers():
    with pytest.raises(AssertionError, match="no such VIP"):
        vip_after(None, DelAs(WWW, "www", "10.0.0.1", 100))
