# SPDX-License-Identifier: Apache-2.0
"""What all tests share: waiting for a condition with a deadline instead of sleeping."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(condition: Callable[[], T], deadline_s: float = 20.0, what: str = "") -> T:
    """Return the first true value of condition(); fail loudly after deadline_s seconds."""
    give_up_s = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > give_up_s:
            raise AssertionError(f"not within {deadline_s} s: {what or condition}")
        time.sleep(0.005)
