# SPDX-License-Identifier: Apache-2.0
"""The lb plugin without packets: VPP's errors in VPP's order, and how it forgets."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from maglev.core.buckets import SIZE
from maglev.vpp.sim.addresses import from_text
from maglev.vpp.sim.plane import Conf, Crashed, Plane, Pool, Vip

A, B, C = (from_text(f"10.0.0.{n}") for n in (1, 2, 3))
SIX = from_text("2001:db8::1")
PREFIX = (from_text("192.0.2.1"), 128)


def plane(collect_after_s=60.0):
    return Plane(collect_after_s=collect_after_s, weight_default=100, first_dpo=13)


def vip(protocol=6, port=80, encap="gre4", new_len=SIZE, prefix=PREFIX):
    return Vip(prefix, protocol, port, encap, new_len, src_ip_sticky=False)


def added(to, **wanted):
    one = vip(**wanted)
    assert to.vip_add(one) == 0
    return one


def addresses_in_use(one):
    return [each.address for each in one.ases if each.used]


def test_a_vip_that_exists_is_refused():
    vpp = plane()
    added(vpp)
    assert vpp.vip_add(vip()) == -81


@pytest.mark.parametrize(("first", "second"), [((6, 80), (255, 0)), ((255, 0), (6, 80))])
def test_all_ports_and_one_port_of_an_address_exclude_each_other(first, second):
    vpp = plane()
    added(vpp, protocol=first[0], port=first[1])
    assert vpp.vip_add(vip(protocol=second[0], port=second[1])) == -81


def test_two_vips_of_one_address_need_the_same_encapsulation():
    vpp = plane()
    added(vpp)
    assert vpp.vip_add(vip(port=443, encap="gre6")) == -73
    assert vpp.vip_add(vip(port=443)) == 0


def test_a_table_length_is_a_power_of_two_and_zero_kills():
    assert plane().vip_add(vip(new_len=1000)) == -70
    with pytest.raises(Crashed):
        plane().vip_add(vip(new_len=0))


def test_the_address_is_checked_before_the_table_length():
    vpp = plane()
    added(vpp)
    assert vpp.vip_add(vip(new_len=1000)) == -81


def test_a_prefix_is_cut_to_its_length():
    vpp = plane()
    one = added(vpp, prefix=(from_text("192.0.2.99"), 120))
    assert one.prefix == (from_text("192.0.2.0"), 120)
    assert vpp.find((from_text("192.0.2.7"), 120), 6, 80) is one


def test_sticky_buckets_are_a_power_of_two():
    vpp = plane()
    assert vpp.configure(Conf(sticky_buckets_per_core=1000)) == -70
    assert vpp.conf == Conf()


def test_ases_are_added_all_or_none():
    vpp = plane()
    one = added(vpp)
    assert vpp.as_add(one, [A], 100) == 0
    assert vpp.as_add(one, [B, A], 100) == -81
    assert vpp.as_add(one, [B, SIX], 100) == -97
    assert addresses_in_use(one) == [A]


def test_ases_of_gre6_are_ipv6():
    vpp = plane()
    one = added(vpp, encap="gre6")
    assert vpp.as_add(one, [A], 100) == -97
    assert vpp.as_add(one, [SIX], 100) == 0


def test_a_deleted_as_is_kept_until_it_is_collected():
    vpp = plane(collect_after_s=60)
    one = added(vpp)
    vpp.as_add(one, [A, B], 100)
    assert vpp.as_del(one, [A], now_s=10) == 0
    assert vpp.as_del(one, [A], now_s=20) == 0  # VPP does not mind
    vpp.collect(79)
    assert (len(one.ases), addresses_in_use(one)) == (2, [B])
    vpp.collect(80)
    assert (len(one.ases), vpp.as_count) == (1, 1)
    assert vpp.as_del(one, [A], now_s=90) == -6


def test_a_deleted_as_has_no_weight_to_set():
    vpp = plane()
    one = added(vpp)
    vpp.as_add(one, [A], 100)
    vpp.as_del(one, [A], now_s=1)
    assert vpp.as_set_weight(one, A, 10) == -6


def test_a_revived_as_is_not_collected():
    vpp = plane(collect_after_s=60)
    one = added(vpp)
    vpp.as_add(one, [A], 100)
    vpp.as_del(one, [A], now_s=10)
    assert vpp.as_add(one, [A], 50) == 0
    vpp.collect(1000)
    assert addresses_in_use(one) == [A]
    vpp.as_del(one, [A], now_s=1000)
    vpp.collect(1061)
    assert len(one.ases) == 0


def test_a_deleted_vip_leaves_its_ases_behind_and_can_be_made_again_beside_them():
    vpp = plane(collect_after_s=60)
    old = added(vpp)
    vpp.as_add(old, [A], 100)
    vpp.vip_del(old, now_s=10)
    new = added(vpp)
    assert [one.used for one in vpp.vips] == [False, True]
    assert addresses_in_use(old) == []
    vpp.collect(70)
    assert list(vpp.vips) == [new]


def test_the_index_freed_last_is_given_out_first():
    pool = Pool(first=1)
    assert [pool.put(name) for name in "abc"] == [1, 2, 3]
    pool.drop(1)
    pool.drop(3)
    assert [pool.put(name) for name in "def"] == [3, 1, 4]
    assert list(pool) == ["e", "b", "d", "f"]


def test_buckets_follow_the_weights_in_use():
    vpp = plane()
    one = added(vpp)
    vpp.as_add(one, [A], 100)
    vpp.as_add(one, [B], 0)
    assert one.bucket_counts() == [SIZE, 0]
    vpp.as_set_weight(one, B, 100)
    assert one.bucket_counts() == [SIZE // 2, SIZE // 2]
    vpp.as_del(one, [A], now_s=1)
    assert one.bucket_counts() == [0, SIZE]


class AnyOrder(RuleBasedStateMachine):
    """Whatever is done in whatever order, one AS has one entry, and what is in use is kept."""

    def __init__(self):
        super().__init__()
        self.plane = plane(collect_after_s=5)
        self.vip = added(self.plane)
        self.now_s = 0.0
        self.weights = {}

    @rule(address=st.sampled_from([A, B, C]), weight=st.sampled_from([0, 1, 100]))
    def add(self, address, weight):
        known = address in self.weights
        assert self.plane.as_add(self.vip, [address], weight) == (-81 if known else 0)
        self.weights.setdefault(address, weight)

    @rule(address=st.sampled_from([A, B, C]))
    def delete(self, address):
        retval = self.plane.as_del(self.vip, [address], self.now_s)
        assert retval == 0 or address not in self.weights
        self.weights.pop(address, None)

    @rule(address=st.sampled_from([A, B, C]), weight=st.sampled_from([0, 1, 100]))
    def weigh(self, address, weight):
        known = address in self.weights
        assert self.plane.as_set_weight(self.vip, address, weight) == (0 if known else -6)
        if known:
            self.weights[address] = weight

    @rule(passed_s=st.sampled_from([1.0, 5.0]))
    def wait(self, passed_s):
        self.now_s += passed_s
        self.plane.collect(self.now_s)

    @invariant()
    def what_is_in_use_is_there_once(self):
        listed = [(one.address, one.weight) for one in self.vip.ases if one.used]
        assert sorted(listed) == sorted(self.weights.items())
        assert len(self.vip.ases) == len(self.vip.by_address) == self.plane.as_count


AnyOrder.TestCase.settings = settings(max_examples=50)
TestAnyOrder = AnyOrder.TestCase
