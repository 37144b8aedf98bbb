# SPDX-License-Identifier: Apache-2.0
"""What maglevd needs of the host before it starts anything: directories, locks, open files.

One maglevd for a run directory (flock on its pid file), and one for a VPP (a name in the abstract
socket namespace).  The state is the kernel's: both locks end with this process, however it ends.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import resource
import socket
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from maglev.environment import Environment

FILES_WANTED = 1 << 18  # four sockets for each of 10,000 backends in every prober, and room


class Occupied(Exception):
    """Another maglevd is there already; the text says which."""


def make_dirs(settings: Environment) -> None:
    """Make run and state directory (0750) where they are missing; OSError says what is wrong."""
    for path in (settings.run_dir, settings.state_dir):
        path.mkdir(mode=0o750, parents=True, exist_ok=True)
        found = path.stat()
        if found.st_mode & stat.S_IWOTH:
            raise PermissionError(f"{path}: wanted a directory of our own, anybody may write here")
        if not _is_usable(found):
            raise PermissionError(
                f"{path}: wanted a directory of our own, got one of {_who(found)}"
            )


def _is_usable(found: os.stat_result) -> bool:
    """Say if actors may write into a directory, which they do without root's powers."""
    if found.st_uid == os.geteuid():
        return found.st_mode & 0o300 == 0o300
    ours = found.st_gid in {os.getegid(), *os.getgroups()}
    return ours and found.st_mode & 0o030 == 0o030


def _who(found: os.stat_result) -> str:
    return f"uid {found.st_uid}, gid {found.st_gid}, mode {stat.S_IMODE(found.st_mode):o}"


@contextmanager
def lock_run_dir(run_dir: Path) -> Iterator[None]:
    """Hold the run directory; its `maglevd.pid` names the holder.  Raises Occupied."""
    path = run_dir / "maglevd.pid"
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(lock, 20, 0).decode("ascii", "replace").strip() or "unknown"
            raise Occupied(
                f"run directory {run_dir} is in use by another maglevd, pid {holder}"
            ) from None
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode("ascii"), 0)
        yield
        os.ftruncate(lock, 0)
    finally:
        os.close(lock)


@contextmanager
def lock_vpp(api_addr: str) -> Iterator[None]:
    """Hold the VPP behind an API socket; nothing to hold if the address is empty.

    A name in the abstract namespace, because VPP's directory may be missing or closed to us, and
    because the kernel knows the pid of its holder.  Raises Occupied.
    """
    if not api_addr:
        yield
        return
    path = os.path.realpath(api_addr)
    name = f"\0vpp-maglev-{hashlib.sha256(os.fsencode(path)).hexdigest()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as lock:
        try:
            lock.bind(name)
        except OSError:
            raise Occupied(
                f"VPP at {path} is programmed by another maglevd, pid {_listener(name)}"
            ) from None
        lock.listen()
        yield


def _listener(name: str) -> str:
    """Return the pid of the process that listens on a Unix socket (SO_PEERCRED in unix(7))."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.setblocking(False)
        try:
            asking.connect(name)
            credentials = asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        except OSError:
            return "unknown"
        pid, _, _ = struct.unpack("iII", credentials)
        return str(pid)


def raise_file_limit() -> None:
    """Let this process and its children open FILES_WANTED files, or as many as the host grants."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= FILES_WANTED:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES_WANTED, max(hard, FILES_WANTED)))
    except (ValueError, PermissionError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, FILES_WANTED), hard))
