# SPDX-License-Identifier: Apache-2.0
"""What Linux lets a process do, taken from it: capabilities, new privileges, outliving its parent.

The state is the kernel's, kept per thread, so all of this comes before the first thread starts.
Look at `keep_only` (capabilities(7)) and `die_with_parent` (PR_SET_PDEATHSIG in prctl(2)).
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Collection
from enum import IntEnum
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_CAPBSET_DROP = 24
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_CAPABILITY_VERSION_3 = 0x20080522


class Capability(IntEnum):
    """The capabilities that any of our processes has a use for (linux/capability.h)."""

    NET_RAW = 13
    SYS_ADMIN = 21


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    """Three sets of 64 capabilities, as two 32-bit halves each, low half first."""

    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


_libc = ctypes.CDLL(None, use_errno=True)


def keep_only(kept: Collection[Capability]) -> None:
    """Drop every capability that is not in `kept`, for this thread and all it will start.

    One that the process does not have is not an error: whoever needs it will say so.  Nothing that
    is executed later can gain privileges (no_new_privs), not even root's.
    """
    permitted = _permitted() & sum(1 << capability for capability in kept)
    for number in range(_capability_last() + 1):
        # Needs CAP_SETPCAP; without it there is no_new_privs, which closes the same door.
        if not permitted >> number & 1:
            _libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0)
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    low, high = permitted & 0xFFFFFFFF, permitted >> 32
    halves = (_Sets * 2)(_Sets(low, low, 0), _Sets(high, high, 0))
    if _libc.capset(ctypes.byref(_Header(_CAPABILITY_VERSION_3, 0)), halves) != 0:
        raise _error("capset")


def die_with_parent() -> None:
    """Have the kernel kill this process when the thread that started it ends.

    SIGKILL, because a process that is stopped or wedged acts on nothing else.  Whoever is called
    too late for that has to look at its parent itself.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _permitted() -> int:
    halves = (_Sets * 2)()
    if _libc.capget(ctypes.byref(_Header(_CAPABILITY_VERSION_3, 0)), halves) != 0:
        raise _error("capget")
    return int(halves[0].permitted) | int(halves[1].permitted) << 32


def _capability_last() -> int:
    return int(Path("/proc/sys/kernel/cap_last_cap").read_text(encoding="ascii"))


def _prctl(option: int, argument: int) -> None:
    if _libc.prctl(option, argument, 0, 0, 0) != 0:
        raise _error(f"prctl({option}, {argument})")


def _error(call: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, f"{call}: {os.strerror(number)}")
