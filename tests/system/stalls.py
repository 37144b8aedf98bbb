# SPDX-License-Identifier: Apache-2.0
"""How long the machine let nobody run who wanted to: what a promise of time cannot cover.

A thread that asks to be woken every few milliseconds notes by how much it was late.  On an idle
machine that is next to nothing; on a busy one it grows as the waits of everybody else do.
"""

from __future__ import annotations

import threading
import time
from types import TracebackType

NAP_S = 0.002


class Stalls:
    """Measures from `with` to its end; `seconds` is the sum of all lateness."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._measure, daemon=True)

    def _measure(self) -> None:
        due_s = time.monotonic() + NAP_S
        while not self._over.wait(NAP_S):
            now_s = time.monotonic()
            self.seconds += max(0.0, now_s - due_s)
            due_s = now_s + NAP_S

    def __enter__(self) -> Stalls:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()
