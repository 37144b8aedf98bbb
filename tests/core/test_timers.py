# SPDX-License-Identifier: Apache-2.0
"""One number scales every timer, and nothing else."""

from dataclasses import fields

import pytest

from maglev.core.timers import Timers


@pytest.mark.parametrize("scale", [0.01, 0.5, 1.0, 3.0])
def test_every_timer_is_scaled(scale: float) -> None:
    plain, scaled = Timers(), Timers.scaled(scale)
    for field in fields(Timers):
        assert getattr(scaled, field.name) == pytest.approx(getattr(plain, field.name) * scale)


@pytest.mark.parametrize("scale", [0.0, -1.0])
def test_a_scale_that_stops_time_is_refused(scale: float) -> None:
    with pytest.raises(AssertionError, match="scale"):
        Timers.scaled(scale)


def test_a_speaker_is_lost_before_its_sockets_are_made_anew_and_a_wedged_one_is_replaced() -> None:
    timers = Timers()
    assert timers.heartbeat_s < timers.silent_s < timers.rebuild_s < timers.wedged_s
