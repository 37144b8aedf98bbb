# SPDX-License-Identifier: Apache-2.0
"""The network namespace in which this process makes its sockets.

Sockets stay where they were made, so entering concerns later ones only.  A namespace deleted and
made anew has the same name and another inode; whoever entered the old one sits in a place without
a way out, and its failures say nothing of the backends.  The state is what was entered; look at
`intact`.
"""

from __future__ import annotations

import ctypes
import os

from maglev.probes.result import words

DIRECTORY = "/var/run/netns"  # where ip-netns(8) keeps them

_CLONE_NEWNET = 0x40000000  # linux/sched.h; os.setns comes with Python 3.12
_libc = ctypes.CDLL(None, use_errno=True)


class Netns:
    """Where the thread that made this object makes its sockets; use it from that thread only."""

    def __init__(self) -> None:
        """Begin in the namespace the process was started in, which has no name here: ''."""
        self._home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self._here = _identity(os.fstat(self._home))  # where the thread really is
        self._entered: tuple[int, int] | None = self._here  # where it is meant to be
        self.name = ""

    def close(self) -> None:
        """Give the descriptor back; the thread stays where it is."""
        os.close(self._home)

    def enter(self, name: str) -> str:
        """Enter a namespace, '' for the one we came from; return what went wrong, or ''.

        After an error the thread is still where it was, but for `intact` it is nowhere.
        """
        self.name = name
        self._entered = None
        try:
            descriptor = os.open(_path(name), os.O_RDONLY | os.O_CLOEXEC) if name else self._home
            try:
                self._enter(descriptor)
            finally:
                if name:
                    os.close(descriptor)
        except OSError as error:
            return f'enter netns "{name}": {words(error)}'
        return ""

    def intact(self) -> bool:
        """Whether the name still stands for the namespace that was entered."""
        if not self.name:
            return self._entered is not None
        try:
            found = os.stat(_path(self.name))
        except OSError:
            return False
        return _identity(found) == self._entered

    def _enter(self, descriptor: int) -> None:
        """Enter the namespace of a descriptor; needs no permission if we are in it."""
        identity = _identity(os.fstat(descriptor))
        if identity != self._here and _libc.setns(descriptor, _CLONE_NEWNET) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        self._here = self._entered = identity


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _path(name: str) -> str:
    return f"{DIRECTORY}/{name}"
