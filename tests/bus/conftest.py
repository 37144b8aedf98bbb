# SPDX-License-Identifier: Apache-2.0
"""A run directory whose path is short enough for sockets, and a ring of nodes in it."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bus.ring import Ring, ring_in


@pytest.fixture
def run_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="maglev-") as path:
        yield Path(path)


@pytest.fixture
def ring(run_dir: Path) -> Iterator[Ring]:
    with ring_in(run_dir) as ring:
        yield ring
