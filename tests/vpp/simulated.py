# SPDX-License-Identifier: Apache-2.0
"""A simulated VPP as a process of its own, for every test that needs one."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from maglev.privileges import die_with_parent
from maglev.vpp.sim.control import Control
from maglev.vpp.sim.definitions import Version
from tests.support import eventually

ACTORS = Path(__file__).parents[2] / "actors"


@dataclass(frozen=True)
class Simulated:
    """A running simulated VPP: its API socket, its control socket, its process."""

    socket: Path
    control_path: Path
    control: Control
    process: subprocess.Popen[bytes]


@contextmanager
def simulated_vpp(
    directory: Path,
    version: Version = "26.10",
    collect_after_s: float = 60.0,
    as_call_us: float = 0.0,
) -> Iterator[Simulated]:
    """Run a simulated VPP with its sockets in a directory; it ends with the block."""
    socket, control_path = directory / "api.sock", directory / "control.sock"
    told = ["--version", version, "--collect-after-s", str(collect_after_s)]
    told += ["--as-call-us", str(as_call_us)]
    sockets = ["--socket", str(socket), "--control", str(control_path)]
    with subprocess.Popen(
        [sys.executable, "-m", "maglev.vpp.sim", *sockets, *told],
        env={**os.environ, "PYTHONPATH": str(ACTORS)},
        preexec_fn=die_with_parent,  # whatever becomes of the tests
    ) as process:
        try:
            control = eventually(lambda: _control(process, control_path), what="simulated VPP")
            with control:
                yield Simulated(socket, control_path, control, process)
        finally:
            process.kill()


def _control(process: subprocess.Popen[bytes], path: Path) -> Control | None:
    assert process.poll() is None, f"the simulated VPP exited with {process.returncode}"
    try:
        return Control(path)
    except OSError:
        return None
