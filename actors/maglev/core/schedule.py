# SPDX-License-Identifier: Apache-2.0
"""When a backend is probed next, and by whom.

A verdict that is sure is looked at slowly, one in doubt fast (HAProxy: inter, fastinter,
downinter); who probes what is rendezvous hashing, so that a prober that comes or goes moves only
its own share.  There is no state, and chance is an argument; look at `pace_s` and `owner`.
"""

from __future__ import annotations

from collections.abc import Sequence

from xxhash import xxh64_intdigest

from maglev.core.health import Health, counter_max
from maglev.messages import Check


def pace_s(check: Check, health: Health) -> float:
    """Return the seconds between two probes, before chance.

    `interval_s` while surely up, `down_interval_s` while surely down, `fast_interval_s` between.
    """
    if health.state == "unknown":
        return check.fast_interval_s
    if health.counter == 0:
        return check.down_interval_s
    if health.counter == counter_max(check.rise, check.fall):
        return check.interval_s
    return check.fast_interval_s


def wait_s(check: Check, health: Health, chance: float) -> float:
    """Return the seconds until the next probe, 0.9 to 1.1 times the pace; chance in [0, 1)."""
    assert 0.0 <= chance < 1.0, f"{chance=}"
    return pace_s(check, health) * (0.9 + 0.2 * chance)


def first_wait_s(check: Check, health: Health, chance: float) -> float:
    """Return the seconds until the first probe, anywhere within the pace; chance in [0, 1).

    Thousands of backends that start together are so spread over an interval, not sent in a burst.
    """
    assert 0.0 <= chance < 1.0, f"{chance=}"
    return pace_s(check, health) * chance


def owner(backend: str, probers: Sequence[str]) -> str:
    """Return the prober with the highest hash for this backend, in whatever order; empty if none.

    Shares are even.  A prober that leaves gives away its own backends only; one that joins takes
    its share and moves nothing among the others (Thaler and Ravishankar, 1998).
    """
    return max(
        probers,
        key=lambda prober: (xxh64_intdigest(f"{prober}\0{backend}".encode()), prober),
        default="",
    )
