# SPDX-License-Identifier: Apache-2.0
"""A fresh simulated VPP 26.10 for a test, and a process that has not met any VPP yet."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from maglev.vpp import papi
from tests.vpp.raw import Raw
from tests.vpp.simulated import Simulated, simulated_vpp


@pytest.fixture
def vpp(tmp_path: Path) -> Iterator[Simulated]:
    with simulated_vpp(tmp_path) as simulated:
        yield simulated


@pytest.fixture
def call(vpp: Simulated) -> Iterator[Callable[[str], Raw]]:
    """What makes a caller of a name; all hang up at the end."""
    with ExitStack() as callers:
        yield lambda name: callers.enter_context(Raw(vpp.socket, name))


@pytest.fixture
def raw(call: Callable[[str], Raw]) -> Raw:
    return call("raw")


@pytest.fixture(autouse=True)
def _nothing_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each test meet its first VPP; 26.06 and 26.10 share all types that both have."""
    monkeypatch.setattr(papi, "_learnt", None)
