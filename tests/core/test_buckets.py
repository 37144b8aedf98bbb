# SPDX-License-Identifier: Apache-2.0
"""VPP's table: equal to what a real VPP counted, and to a literal reading of its source."""

import json
from collections import defaultdict
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xxhash import xxh64_intdigest

from maglev.core.buckets import NOBODY, SIZE, buckets

RECORDING = Path(__file__).parent.parent / "vpp" / "golden" / "26.10.jsonl"

ADDRESSES = st.sampled_from(
    [f"10.0.{n}.{n * 7}" for n in range(1, 6)] + [f"2001:db8::{n:x}" for n in range(1, 6)]
)
ASES = st.dictionaries(ADDRESSES, st.sampled_from([0, 1, 2, 50, 100, 255]), max_size=6).map(
    lambda weights: list(weights.items())
)
SIZES = st.sampled_from([1, 2, 8, 64, 1024])


def recorded_vips():
    """Yield (addresses with weights, bucket counts) of every VIP in every recorded dump."""
    for line in RECORDING.read_text().splitlines():
        step = json.loads(line)
        if step["call"] != "lb_as_v2_dump":
            continue
        vips = defaultdict(list)
        for details in step["reply"]:
            if details["flags"] & 1:
                vips[json.dumps(details["vip"])].append(details)
        for ases in vips.values():
            yield (
                [(one["app_srv"], one["weight"]) for one in ases],
                [one["num_buckets"] for one in ases],
            )


def read_literally(ases, size):
    """Return the owner of each bucket, in the words of VPP's source and without its speed."""
    entries = []
    for index, (address, weight) in enumerate(ases):
        raw = ip_address(address).packed.rjust(16, b"\0")
        for replica in range(weight):
            value = int.from_bytes(raw[:8], "little") ^ int.from_bytes(raw[8:], "little") ^ replica
            seed = xxh64_intdigest(value.to_bytes(8, "little"), 0x9E3779B97F4A7C13)
            skip = ((seed & 0xFFFFFFFF) | 1) & (size - 1)
            entries.append([replica, raw, index, (seed >> 32) & (size - 1), skip])
    entries.sort(key=lambda entry: entry[:2])
    table = {}
    while entries and len(table) < size:
        for entry in entries:
            while entry[3] in table:
                entry[3] = (entry[3] + entry[4]) % size
            table[entry[3]] = entry[2]
            if len(table) == size:
                break
    return [table.get(bucket, NOBODY) for bucket in range(size)]


@pytest.mark.parametrize(("ases", "counts"), list(recorded_vips()))
def test_every_vip_that_vpp_counted_comes_out_with_equal_counts(ases, counts):
    assert buckets(ases).counts == counts


@given(ASES, SIZES)
def test_every_bucket_has_the_owner_that_the_source_of_vpp_gives_it(ases, size):
    assert buckets(ases, size).table == read_literally(ases, size)


@given(ASES, SIZES)
def test_counts_are_those_of_the_table(ases, size):
    table, counts = buckets(ases, size)
    assert counts == [table.count(index) for index in range(len(ases))]
    assert sum(counts) == (size if any(weight for _, weight in ases) else 0)


@given(ASES, st.randoms(use_true_random=False))
def test_the_order_of_the_ases_does_not_matter(ases, random):
    shuffled = random.sample(ases, len(ases))
    before, after = buckets(ases), buckets(shuffled)
    owners = [ases[index] if index >= 0 else None for index in before.table]
    assert [shuffled[index] if index >= 0 else None for index in after.table] == owners


def test_packed_addresses_mean_the_same_as_text():
    text = [("10.0.0.1", 3), ("2001:db8::1", 5)]
    packed = [(bytes(12) + bytes([10, 0, 0, 1]), 3), (ip_address("2001:db8::1").packed, 5)]
    assert buckets(text) == buckets(packed)


def test_nobody_owns_a_bucket_while_all_weights_are_zero():
    assert buckets([("10.0.0.1", 0), ("10.0.0.2", 0)]) == ([NOBODY] * SIZE, [0, 0])


def test_a_thousand_ases_and_more_get_one_bucket_each_at_most():
    ases = [(str(ip_address("10.0.0.0") + n), 100) for n in range(2000)]
    counts = buckets(ases).counts
    assert sorted(counts, reverse=True) == [1] * SIZE + [0] * (2000 - SIZE)


def test_a_size_that_is_no_power_of_two_is_refused():
    with pytest.raises(AssertionError, match="size=1000"):
        buckets([("10.0.0.1", 1)], 1000)
