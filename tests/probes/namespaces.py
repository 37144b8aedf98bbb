# SPDX-License-Identifier: Apache-2.0
"""Network namespaces for tests: made and removed with ip(8), for root only."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


def _may() -> bool:
    try:
        return subprocess.run(["unshare", "-n", "true"], capture_output=True).returncode == 0
    except OSError:
        return False


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="raw sockets: CAP_NET_RAW (root)")
needs_netns = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("ip") is None or not _may(),
    reason="network namespaces: root with CAP_SYS_ADMIN, and 'ip' of the package iproute2",
)


def ip(*words: str) -> None:
    """Run ip(8)."""
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=20)


def fresh_name() -> str:
    """Return a name for a namespace that no other test run uses."""
    return f"maglev-test-{uuid.uuid4().hex[:8]}"


def make(name: str) -> None:
    """Make a namespace with loopback and an interface whose neighbours do not answer."""
    ip("netns", "add", name)
    furnish(name)


def furnish(name: str) -> None:
    """Make what is in a namespace; until then nothing can be reached from it, not even itself."""
    ip("-n", name, "link", "set", "lo", "up")
    ip("-n", name, "link", "add", "quiet", "type", "veth", "peer", "name", "peer")
    ip("-n", name, "link", "set", "quiet", "up")
    ip("-n", name, "link", "set", "peer", "up")
    ip("-n", name, "address", "add", "192.0.2.1/24", "dev", "quiet")
    ip("-n", name, "address", "add", "2001:db8::1/64", "nodad", "dev", "quiet")
    ip("-n", name, "route", "add", "unreachable", "198.51.100.0/24")
    ip("-n", name, "route", "add", "prohibit", "203.0.113.0/24")
    ip("-n", name, "route", "add", "unreachable", "2001:db8:1::/48")


def remove(name: str) -> None:
    """Remove a namespace; whoever is in it stays there."""
    ip("netns", "delete", name)


@contextmanager
def namespace() -> Iterator[str]:
    """Make a namespace and yield its name."""
    name = fresh_name()
    make(name)
    try:
        yield name
    finally:
        if os.path.exists(f"/var/run/netns/{name}"):
            remove(name)
