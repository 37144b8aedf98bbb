# SPDX-License-Identifier: Apache-2.0
"""Warm-ups by the clock: 5 s of nothing, 30 s at most, from a start at 1000 s."""

from itertools import product

import pytest

from maglev.core.warmup import Warmup, advanced, look_again_s, releases, reloaded, skipped

START = Warmup(started_s=1000.0, delay_min_s=5.0, delay_max_s=30.0)


@pytest.mark.parametrize(
    ("now_s", "unknown", "phase"),
    [
        (1000.0, True, "wait"),
        (1000.0, False, "wait"),
        (1004.999, True, "wait"),
        (1004.999, False, "wait"),
        (1005.0, True, "release"),
        (1005.0, False, "full"),
        (1029.999, True, "release"),
        (1030.0, True, "full"),
        (5000.0, True, "full"),
    ],
)
def test_the_phase_follows_the_clock_and_the_unknown(now_s, unknown, phase):
    assert advanced(START, now_s, unknown).phase == phase
    waited = advanced(START, 1000.0, True)
    assert advanced(waited, now_s, unknown).phase == phase


def test_a_warm_up_ends_as_soon_as_nothing_is_unknown():
    releasing = advanced(START, 1005.0, True)
    assert advanced(releasing, 1006.0, True) is releasing
    assert advanced(releasing, 1007.0, False).phase == "full"


def test_a_warm_up_that_is_over_does_not_come_back_for_an_unknown_backend():
    over = advanced(START, 1005.0, False)
    assert advanced(over, 1006.0, True) is over
    assert advanced(START, 1001.0, True) is START


@pytest.mark.parametrize("unknown", [True, False])
def test_without_delays_everything_is_sent_at_once(unknown):
    assert advanced(Warmup(1000.0, 0.0, 0.0), 1000.0, unknown).phase == "full"


def test_without_a_first_delay_known_frontends_are_released_at_once():
    assert advanced(Warmup(1000.0, 0.0, 30.0), 1000.0, True).phase == "release"


def test_equal_delays_leave_no_time_for_releases():
    warmup = Warmup(1000.0, 5.0, 5.0)
    assert advanced(warmup, 1004.0, True).phase == "wait"
    assert advanced(warmup, 1005.0, True).phase == "full"


def test_inherited_verdicts_leave_no_warm_up_at_all():
    assert skipped(START).phase == "full"
    assert look_again_s(skipped(START)) is None


@pytest.mark.parametrize("states", [*product(("unknown", "up", "down", "paused"), repeat=2), ()])
def test_a_frontend_is_released_when_all_its_backends_have_left_unknown(states):
    releasing, over = advanced(START, 1005.0, True), advanced(START, 1030.0, True)
    assert not releases(START, states)
    assert releases(releasing, states) == all(state != "unknown" for state in states)
    assert releases(over, states)


def test_looking_at_the_moments_told_and_no_other_ends_every_warm_up():
    for delay_min_s, delay_max_s in [(0.0, 0.0), (0.0, 30.0), (5.0, 5.0), (5.0, 30.0)]:
        warmup = advanced(Warmup(1000.0, delay_min_s, delay_max_s), 1000.0, True)
        moments = []
        for _ in range(3):
            moment_s = look_again_s(warmup)
            if moment_s is not None:
                moments.append(moment_s)
                warmup = advanced(warmup, moment_s, True)
        assert moments == sorted({1000.0 + delay_min_s, 1000.0 + delay_max_s} - {1000.0})


def test_a_reload_does_not_restart_the_clock():
    releasing = advanced(START, 1006.0, True)
    assert look_again_s(reloaded(releasing, 1.0, 60.0)) == 1060.0
    assert advanced(reloaded(releasing, 1.0, 8.0), 1009.0, True).phase == "full"
    assert look_again_s(reloaded(START, 10.0, 60.0)) == 1010.0


def test_a_reload_does_not_take_back_what_was_released():
    later = reloaded(advanced(START, 1006.0, True), 20.0, 60.0)
    assert advanced(later, 1007.0, True).phase == "release"
    assert advanced(later, 1007.0, False).phase == "full"
    assert reloaded(skipped(START), 20.0, 60.0).phase == "full"
