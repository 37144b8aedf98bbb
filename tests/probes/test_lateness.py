# SPDX-License-Identifier: Apache-2.0
"""How late probes start, in numbers."""

from maglev.probes.lateness import SAMPLES_MAX, Lateness


def test_lateness_is_summed_up_and_begun_anew() -> None:
    lateness = Lateness()
    for late_ms in range(100):
        lateness.add(late_ms / 1000)
    summary = lateness.summary()
    assert (round(summary.ms_p50), round(summary.ms_p99), round(summary.ms_max)) == (50, 99, 99)
    assert (summary.starts_total, round(summary.s_total, 6)) == (100, 4.95)
    assert lateness.summary() == (0.0, 0.0, 0.0, 100, summary.s_total)


def test_samples_that_nobody_asks_for_are_bounded() -> None:
    lateness = Lateness()
    for late_ms in range(SAMPLES_MAX + 10):
        lateness.add(late_ms)
    assert lateness.summary().ms_p50 == (10 + SAMPLES_MAX // 2) * 1000
