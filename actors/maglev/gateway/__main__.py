# SPDX-License-Identifier: Apache-2.0
"""The process of the gateway: the bus on one side, clients on the other, the actor between them."""

from __future__ import annotations

import os
import sys

from maglev import environment, version
from maglev.bus.node import Node
from maglev.gateway.actor import Gateway, follows
from maglev.gateway.shell import Shell
from maglev.log import Log
from maglev.process import begin
from maglev.runtime import Runtime


def main() -> None:
    """Run the gateway until SIGTERM; the exit status is 1 after a failure."""
    settings = environment.read(os.environ)
    with begin(Gateway.name, settings):
        log = Log(Gateway.name, settings.log_level)
        found = version.current()
        log.started(found.version, found.commit, found.date)
        node = Node(
            settings.run_dir,
            Gateway.name,
            says=Gateway.says,
            answers=Gateway.answers,
            follows=follows(settings.actor_names),
            timers=settings.timers,
        )
        actor = Gateway()
        shell = Shell(actor, settings, log)
        shell.runtime = Runtime(actor, node, log, settings.timers, perform=shell.perform)
        sys.exit(shell.runtime.run(shell.serve))


if __name__ == "__main__":
    main()
