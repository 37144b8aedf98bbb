# SPDX-License-Identifier: Apache-2.0
"""What one process leaves in its marker and the next one finds."""

import os
import signal
from pathlib import Path

import pytest

from maglev.prober.marker import Marker
from maglev.probes.probe import MARK_BYTES, mark_of


def test_a_first_process_finds_nothing(tmp_path: Path) -> None:
    marker = Marker(tmp_path / "m", 5)
    assert (marker.suspect, marker.suspect_at_ns) == ("", 0)
    marker.close()


def test_what_was_being_handled_is_found_with_the_last_sign_of_life(tmp_path: Path) -> None:
    first = Marker(tmp_path / "m", 5)
    first.name[:] = mark_of("web1")
    first.alive(17)
    second = Marker(tmp_path / "m", 20)
    assert (second.suspect, second.suspect_at_ns) == ("web1", 17)
    third = Marker(tmp_path / "m", 30)
    assert (third.suspect, third.suspect_at_ns) == ("", 20)
    for marker in (first, second, third):
        marker.close()


def test_it_survives_any_death_of_the_process(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        marker = Marker(tmp_path / "m", 5)
        marker.name[:] = mark_of("web1")
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    marker = Marker(tmp_path / "m", 6)
    assert marker.suspect == "web1"
    marker.close()


@pytest.mark.parametrize("content", [b"", b"\xff" * 10, b"x" * 5000])
def test_a_file_that_is_anything_is_survived(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m").write_bytes(content)
    marker = Marker(tmp_path / "m", 5)
    assert isinstance(marker.suspect, str)
    marker.close()


def test_a_name_of_any_length_fits(tmp_path: Path) -> None:
    assert len(mark_of("ü" * 500)) == MARK_BYTES
    assert mark_of("web1") == b"web1" + bytes(MARK_BYTES - 4)
