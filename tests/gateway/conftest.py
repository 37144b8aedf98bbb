# SPDX-License-Identifier: Apache-2.0
"""What the tests of the gateway share."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.rig import Rig


@pytest.fixture
def place() -> Iterator[Path]:
    """Return a directory whose name is short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="maglev-", ignore_cleanup_errors=True) as path:
        yield Path(path)


@pytest.fixture
def rig(place: Path) -> Iterator[Rig]:
    """Return a gateway that knows two backends and a frontend."""
    rig = Rig(place)
    try:
        yield rig.begin()
    finally:
        rig.close()


@pytest.fixture(scope="module")
def shared() -> Iterator[Rig]:
    """Return one for all tests of a file that change nothing."""
    with tempfile.TemporaryDirectory(prefix="maglev-", ignore_cleanup_errors=True) as path:
        rig = Rig(Path(path))
        try:
            yield rig.begin()
        finally:
            rig.close()
