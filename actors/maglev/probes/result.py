# SPDX-License-Identifier: Apache-2.0
"""What a probe can end with: passed, failed, or a fault of the checker itself.

A fault is no verdict: a checker without descriptors, ports, memory or permission knows nothing of
the backend.  There is no state; look at `connect_failed` for which errno counts as whose.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from errno import (
    EACCES,
    EADDRINUSE,
    EADDRNOTAVAIL,
    EAFNOSUPPORT,
    EAGAIN,
    EBADF,
    EINVAL,
    EMFILE,
    ENFILE,
    ENOBUFS,
    ENODEV,
    ENOMEM,
    ENOSPC,
    EPERM,
    ETIMEDOUT,
)
from functools import cache

FAULTS = frozenset(
    {
        EACCES,
        EADDRINUSE,
        EADDRNOTAVAIL,
        EAFNOSUPPORT,
        EAGAIN,
        EBADF,
        EINVAL,
        EMFILE,
        ENFILE,
        ENOBUFS,
        ENODEV,
        ENOMEM,
        ENOSPC,
        EPERM,
    }
)
"""What a send or connect reports about this machine, not about the backend or the way to it."""


@dataclass(frozen=True, slots=True)
class Result:
    """The end of one probe; `passed` is None for a fault of the checker, told by `detail`."""

    passed: bool | None
    code: str  # L4OK, L4TOUT, L4CON, L6OK, L6TOUT, L6RSP, L7OK, L7TOUT, L7RSP, L7STS; fault: empty
    detail: str  # for an operator: 'HTTP 503', 'connection refused'


def failed(code: str, detail: str) -> Result:
    """Return a failure of the backend."""
    return Result(False, code, detail)


def fault(doing: str, error: OSError | int) -> Result:
    """Return a fault of the checker: 'open a socket: too many open files'."""
    return Result(None, "", f"{doing}: {words(error)}")


def connect_failed(error: OSError | int) -> Result:
    """Return what an error of connect, or of the first packet sent, means."""
    return _connect_failed(error if isinstance(error, int) else error.errno or 0)


@cache
def _connect_failed(number: int) -> Result:
    if number in FAULTS:
        return fault("connect", number)
    if number == ETIMEDOUT:  # the kernel gave up before our deadline
        return failed("L4TOUT", words(number))
    return failed("L4CON", words(number))


def broken(code: str, error: OSError, when: str) -> Result:
    """Return what an error on a connection that was made means: `code`, but for our own trouble."""
    if error.errno in FAULTS:
        return fault(when, error)
    return failed(code, f"{words(error)} {when}")


def words(error: OSError | int) -> str:
    """Return the kernel's text for an error, in lower case: 'connection refused'."""
    number = error if isinstance(error, int) else error.errno
    return os.strerror(number).lower() if number else str(error).lower()


def duration_text(duration_s: float) -> str:
    """Return seconds as people write them: '200 ms', '1.5 s'."""
    return f"{duration_s:g} s" if duration_s >= 1 else f"{duration_s * 1000:g} ms"
