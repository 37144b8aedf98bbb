# SPDX-License-Identifier: Apache-2.0
"""The counters of gRPC calls."""

import pytest

from maglev.gateway.calls import BUCKETS_S, CODES, Calls


def test_every_method_is_there_at_zero_with_every_code() -> None:
    calls = Calls([("maglev.Maglev", "GetVersion", "unary")])
    (count,) = calls.counts.values()
    assert (count.started, count.received, count.sent, count.seconds_sum) == (0, 0, 0, 0.0)
    assert count.handled == dict.fromkeys(CODES.values(), 0)
    assert len(CODES) == 17
    assert count.buckets == [0] * (len(BUCKETS_S) + 1)


@pytest.mark.parametrize(("seconds", "bucket"), [(0.0, 0), (0.005, 0), (0.0051, 1), (99.0, 11)])
def test_a_call_counts_in_the_first_bucket_that_holds_it(seconds: float, bucket: int) -> None:
    calls = Calls([("s", "M", "unary")])
    count = calls.begun("/s/M")
    calls.ended(count, "NOT_FOUND", seconds)
    assert count.started == 1
    assert count.handled["NotFound"] == 1
    assert sum(count.handled.values()) == 1
    assert count.buckets.index(1) == bucket
    assert count.seconds_sum == seconds
