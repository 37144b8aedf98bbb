# SPDX-License-Identifier: Apache-2.0
"""What is to be looked at when: probes by the quarter millisecond, so that a booking costs no sift.

A probe has one live entry.  A time that moves later keeps its entry, which is moved when it comes
up, so a round needs no more than two.  The state is the slots, the heap of their numbers, and in
each probe the slot of its live entry; look at `put` and `take`.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Final

from maglev.probes.probe import NEVER, NEVER_S, Probe

SLOTS_PER_S: Final = 4000

_LITTER_MIN: Final = 256


class Calendar:
    """Slots of 1 / SLOTS_PER_S seconds; a probe comes up at the end of its slot, never early."""

    __slots__ = ("_entries", "_litter", "_order", "_slots")

    def __init__(self) -> None:
        """Begin empty."""
        self._slots: dict[int, list[Probe]] = {}
        self._order: list[int] = []  # a heap of the numbers of all slots
        self._entries = 0
        self._litter = 0  # entries that are not the live one of their probe

    def put(self, probe: Probe, when_s: float) -> None:
        """Have a probe come up at when_s at the latest; it may come up earlier than that."""
        slot = int(when_s * SLOTS_PER_S) + 1
        if slot >= probe.slot:
            return
        if probe.slot != NEVER:
            self._litter += 1
            self._sweep()
        probe.slot = slot
        self._entries += 1
        found = self._slots.get(slot)
        if found is None:
            self._slots[slot] = [probe]
            heappush(self._order, slot)
        else:
            found.append(probe)

    def drop(self, probe: Probe) -> None:
        """Have a probe come up no more."""
        if probe.slot != NEVER:
            probe.slot = NEVER
            self._litter += 1
            self._sweep()

    def take(self, until_s: float) -> list[Probe]:
        """Return the probes of the next slot that is over by until_s, to be popped from the end.

        They have no entry then.
        """
        order = self._order
        while order and order[0] <= until_s * SLOTS_PER_S:
            slot = heappop(order)
            found = self._slots.pop(slot)
            live = [probe for probe in reversed(found) if probe.slot == slot]
            for probe in live:
                probe.slot = NEVER
            self._entries -= len(found)
            self._litter -= len(found) - len(live)
            if live:
                return live
        return []

    def next_s(self) -> float:
        """Return when `take` has something to give."""
        return self._order[0] / SLOTS_PER_S if self._order else NEVER_S

    def __len__(self) -> int:
        """Return the number of entries, dead ones among them."""
        return self._entries

    def _sweep(self) -> None:
        """Take dead entries out once there are as many of them as live ones."""
        if self._litter < max(_LITTER_MIN, self._entries // 2):
            return
        self._entries = 0
        for slot, found in self._slots.items():
            # An empty slot stays: its number is in the heap.
            found[:] = dict.fromkeys(probe for probe in found if probe.slot == slot)
            self._entries += len(found)
        self._litter = 0
