# SPDX-License-Identifier: Apache-2.0
"""Sockets in the run directory: modes, paths, what a killed process leaves behind."""

import os
import socket
import stat
from pathlib import Path

import pytest

from maglev.bus.node import Node
from maglev.bus.sockets import BusError
from tests.bus.ring import FAST, Ring
from tests.bus.world import alarm


def node(run_dir: Path) -> Node:
    return Node(run_dir, "speaker", (), {}, FAST)


def test_sockets_are_for_owner_and_group_only(ring: Ring, run_dir: Path) -> None:
    ring.speaker()
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in run_dir.iterdir()}
    assert modes == {"speaker.pub": 0o660, "speaker.rpc": 0o660}


def test_the_file_of_a_killed_process_is_taken_over(ring: Ring, run_dir: Path) -> None:
    for name in ("speaker.pub", "speaker.rpc"):
        with socket.socket(socket.AF_UNIX) as left_behind:
            left_behind.bind(str(run_dir / name))
    reader = ring.reader()
    for _ in range(10):
        ring.turn()
    speaker = ring.speaker()
    speaker.node.publish(alarm("web1"))
    ring.until(lambda: reader.levels())


def test_a_file_that_is_no_socket_is_left_alone(run_dir: Path) -> None:
    (run_dir / "speaker.pub").write_text("precious")
    with pytest.raises(BusError, match=r"speaker\.pub: a socket wanted, but something else is"):
        node(run_dir)
    assert (run_dir / "speaker.pub").read_text() == "precious"


def test_a_path_that_is_too_long_is_refused_with_its_length(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    with pytest.raises(BusError, match="at most 107 bytes wanted for a socket, got"):
        node(deep)
    with pytest.raises(BusError, match="at most 107 bytes wanted for a socket, got"):
        Node(deep, "reader", (), {"speaker": ()}, FAST, binds=False)


def test_a_directory_that_is_not_there_is_named(run_dir: Path) -> None:
    with pytest.raises(BusError, match=r"/missing/speaker\.pub: cannot bind: No such file"):
        node(run_dir / "missing")


def test_nothing_stays_open_behind_a_node(run_dir: Path) -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    node(run_dir).close()
    before = descriptors()
    for _ in range(5):
        one = node(run_dir)
        one.follow("other", ())
        one.close()
    with pytest.raises(BusError):
        node(run_dir / "missing")
    assert descriptors() == before


def test_new_sockets_keep_the_descriptor_that_is_waited_on(ring: Ring) -> None:
    reader = ring.reader()
    before = reader.node.fileno()
    ring.until(lambda: "rebuild" in reader.kinds())
    assert reader.node.fileno() == before
    speaker = ring.speaker()
    speaker.node.publish(alarm("web1"))
    ring.until(lambda: reader.levels())
