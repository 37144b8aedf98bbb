# SPDX-License-Identifier: Apache-2.0
"""A thread for calls that block, one after the other, so that the loop does not.

The state is the queue of calls.  The thread is there from the start: when one is needed it may be
too late to get it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue


class Helper:
    """Runs calls; a result goes back by the call itself."""

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        # As a daemon: a call that lasts does not hold up the end of the process.
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def run(self, call: Callable[[], None]) -> None:
        """Have a call made after those that wait."""
        self._calls.put(call)

    def _run(self) -> None:
        while True:
            self._calls.get()()
