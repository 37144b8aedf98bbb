# SPDX-License-Identifier: Apache-2.0
"""Whose answer is being handled, written where the next process finds it if this one dies of it.

The state is `<run-dir>/<prober>.marker`, mapped into memory: a name (empty: nobody's answer) and
when this process last said that it lives.  A store into the map costs a tenth of a microsecond and
survives anything but the machine.  Look at `Marker.open`.
"""

from __future__ import annotations

import mmap
import os
import struct
from pathlib import Path

from maglev.probes.probe import MARK_BYTES

_ALIVE = struct.Struct("=q")  # unix nanoseconds
_FILE_BYTES = MARK_BYTES + _ALIVE.size


class Marker:
    """The marker of this process, and what the last process left in it."""

    def __init__(self, path: Path, now_ns: int) -> None:
        """Read what the last process left, and begin with a clean marker; OSError."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            os.ftruncate(descriptor, _FILE_BYTES)
            self._map = mmap.mmap(descriptor, _FILE_BYTES)
        finally:
            os.close(descriptor)
        self.suspect = self._map[:MARK_BYTES].rstrip(b"\0").decode(errors="replace")
        self.suspect_at_ns: int = _ALIVE.unpack_from(self._map, MARK_BYTES)[0]
        self.name = memoryview(self._map)[:MARK_BYTES]
        self.clear()
        self.alive(now_ns)

    def alive(self, now_ns: int) -> None:
        """Note that this process still lives, for the time of its death."""
        _ALIVE.pack_into(self._map, MARK_BYTES, now_ns)

    def clear(self) -> None:
        """Note that nobody's answer is being handled."""
        self.name[:] = bytes(MARK_BYTES)

    def close(self) -> None:
        """Unmap the file; its content stays."""
        self.name.release()
        self._map.close()
