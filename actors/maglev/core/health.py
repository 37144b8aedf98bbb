# SPDX-License-Identifier: Apache-2.0
"""The rise/fall counter of one backend: what a probe's result does to a verdict.

One integer tells both how good and how sure we are: 0 is surely down, `counter_max` surely up, at
or above `rise` means up (HAProxy: check.c, check_notify_success and check_notify_failure).  The
state is a Health value that a prober keeps per backend; look at `after`.
"""

from __future__ import annotations

from dataclasses import dataclass

from maglev.messages import VerdictState


@dataclass(frozen=True, slots=True)
class Health:
    """A verdict with its counter, 0..counter_max; `changes` counts changes of state."""

    state: VerdictState
    counter: int
    changes: int


def counter_max(rise: int, fall: int) -> int:
    """Return the highest value of the counter."""
    return rise + fall - 1


def unknown(rise: int, changes: int = 0) -> Health:
    """Return a backend nothing is known of: one pass makes it up, any failure makes it down."""
    return Health("unknown", rise - 1, changes)


def after(health: Health, passed: bool, rise: int, fall: int) -> Health:
    """Return the health after one more result; the same object if nothing changed."""
    counter = health.counter
    highest = rise + fall - 1
    assert 0 <= counter <= highest, f"{health=} {rise=} {fall=}"
    if passed:
        counter = counter + 1 if counter + 1 < rise else highest
    else:
        counter = counter - 1 if counter > rise else 0
    state: VerdictState = "up" if counter >= rise else "down"
    if state != health.state:
        return Health(state, counter, health.changes + 1)
    if counter != health.counter:
        return Health(state, counter, health.changes)
    return health


def adopted(state: VerdictState, rise: int, fall: int, changes: int) -> Health:
    """Return a verdict as sure as can be, under a rise and fall it was not reached with.

    A changed check keeps the verdict, but a counter means nothing under other limits.
    """
    if state == "unknown":
        return unknown(rise, changes)
    return Health(state, counter_max(rise, fall) if state == "up" else 0, changes)
