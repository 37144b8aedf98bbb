# SPDX-License-Identifier: Apache-2.0
"""Whether somebody speaks in a run directory, and if not, why not, in words for an operator.

ZeroMQ connects to anything and waits for ever, so the sockets are tried first.  There is no state;
look at `attached`.
"""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path


class NotAttached(Exception):
    """There is nobody to listen to; the text says where, and what to do about it."""


def attached(run_dir: Path) -> list[str]:
    """Return the names of the actors that run here; raise NotAttached if there is none."""
    try:
        files = sorted(name for name in os.listdir(run_dir) if name.endswith(".pub"))
    except FileNotFoundError:
        raise NotAttached(
            f"{run_dir}: no such directory; is maglevd running, and with this run directory "
            "(--run-dir, MAGLEV_RUN_DIR)?"
        ) from None
    except OSError as error:
        raise NotAttached(f"{run_dir}: {error.strerror}{_who_may(error)}") from error
    if not files:
        raise NotAttached(
            f"{run_dir}: no maglevd has its sockets here; is this its run directory "
            "(--run-dir, MAGLEV_RUN_DIR)?"
        )
    answers = {name.removesuffix(".pub"): _try(run_dir / name) for name in files}
    there = [actor for actor, error in answers.items() if error is None]
    if not there:
        denied = next((one for one in answers.values() if isinstance(one, PermissionError)), None)
        if denied is not None:
            raise NotAttached(f"{run_dir}: {denied.strerror}{_who_may(denied)}")
        raise NotAttached(f"{run_dir}: maglevd is not running: nobody listens on its sockets")
    return there


def _try(path: Path) -> OSError | None:
    """Return why nobody can be reached at a socket; None if somebody can."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
        trial.setblocking(False)
        try:
            trial.connect(str(path))
        except BlockingIOError:
            return None  # somebody listens and is busy
        except OSError as error:
            return error
    return None


def _who_may(error: OSError) -> str:
    if error.errno in (errno.EACCES, errno.EPERM):
        return "; root and the group of this directory may listen"
    return ""
