# SPDX-License-Identifier: Apache-2.0
"""What the tests of clients share."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def run_dir() -> Iterator[Path]:
    """Return a directory whose name is short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="maglev-", ignore_cleanup_errors=True) as path:
        yield Path(path)
