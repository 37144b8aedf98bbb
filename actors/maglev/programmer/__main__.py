# SPDX-License-Identifier: Apache-2.0
"""The process of the programmer: the bus on one side, VPP on the other, the actor between them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from maglev import environment, version
from maglev.bus.node import Node
from maglev.log import Log
from maglev.process import begin
from maglev.programmer.actor import Programmer
from maglev.programmer.shell import Shell
from maglev.runtime import Runtime


def main() -> None:
    """Run the programmer until SIGTERM; the exit status is 1 after a failure."""
    settings = environment.read(os.environ)
    with begin(Programmer.name, settings):
        log = Log(Programmer.name, settings.log_level)
        found = version.current()
        log.started(found.version, found.commit, found.date)
        node = Node(
            settings.run_dir,
            Programmer.name,
            says=Programmer.says,
            answers=Programmer.answers,
            follows={"aggregator": Programmer.hears},
            timers=settings.timers,
        )
        actor = Programmer(settings.timers, off=not settings.vpp_api_addr)
        shell = Shell(Path(settings.vpp_api_addr), settings.timers, log)
        shell.runtime = Runtime(actor, node, log, settings.timers, perform=shell.perform)
        sys.exit(shell.runtime.run(shell.serve))


if __name__ == "__main__":
    main()
