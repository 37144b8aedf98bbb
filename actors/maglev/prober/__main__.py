# SPDX-License-Identifier: Apache-2.0
"""The process of a prober: the only one with capabilities, for raw sockets and namespaces."""

from __future__ import annotations

import argparse
import os
import sys
import time

from maglev import environment, version
from maglev.bus.node import Node
from maglev.log import Log
from maglev.privileges import Capability
from maglev.prober.actor import Prober
from maglev.prober.marker import Marker
from maglev.prober.shell import Shell
from maglev.process import begin
from maglev.runtime import Runtime, log_failure

_CLOSE_S = 1.0


def main() -> None:
    """Run a prober until SIGTERM; the exit status is 1 after a failure."""
    parser = argparse.ArgumentParser(prog="python -m maglev.prober")
    parser.add_argument("--index", type=int, required=True, help="0 for prober-0, and so on")
    name = f"prober-{parser.parse_args().index}"
    settings = environment.read(os.environ)
    with begin(name, settings, keep=(Capability.NET_RAW, Capability.SYS_ADMIN)):
        log = Log(name, settings.log_level)
        found = version.current()
        log.started(found.version, found.commit, found.date)
        sys.exit(serve(name, settings, log))


def serve(name: str, settings: environment.Environment, log: Log) -> int:
    """Run the actor in its shell; return the exit status."""
    marker = Marker(settings.run_dir / f"{name}.marker", time.time_ns())
    if marker.suspect:
        log.write("warn", "prober-died", {"handling": marker.suspect})
    timers = settings.timers
    actor = Prober(name, timers, marker.suspect, marker.suspect_at_ns if marker.suspect else 0)
    node = Node(
        settings.run_dir,
        name,
        says=Prober.says,
        answers=Prober.answers,
        follows={"aggregator": Prober.hears},
        timers=timers,
    )
    shell = Shell(actor, timers, marker, log)
    shell.runtime = Runtime(actor, node, log, timers, perform=shell.perform)
    try:
        shell.run()
    except Exception as failure:
        # The marker stays as it is: the next process tells what this one died of.
        log_failure(log, failure)
        return 1
    else:
        shell.close()
        log.write("info", "stopped")
        return 0
    finally:
        node.close()
        log.close(_CLOSE_S)


if __name__ == "__main__":
    main()
