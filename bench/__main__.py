# SPDX-License-Identifier: Apache-2.0
"""`python -m bench`: every benchmark one after the other, and one table of all that was measured.

Short by default, a few minutes in all; --long repeats as often as a release deserves.  The exit
status is 1 if a budget was not kept or a benchmark failed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.table import ROWS, Row, lines, rows

ROOT = Path(__file__).parents[1]
ALL = ("prober", "sync", "failover", "footprint", "metrics", "faults")
LONG = ("failover", "footprint", "faults")  # those that have --long


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(ALL)}; none: all")
    parser.add_argument("--long", action="store_true", help="repeat more often; half an hour")
    wanted = parser.parse_args()
    unknown = set(wanted.names) - set(ALL)
    if unknown:
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory(prefix="maglev-bench-") as directory:
        kept = Path(directory) / "rows"
        failed = [name for name in wanted.names or ALL if run(name, kept, wanted.long) != 0]
        told = [
            *rows(kept),
            *(Row(f"bench.{name}", "failed", "", "", "", False) for name in failed),
        ]
    print(f"\nload {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores at the end")
    print("\n".join(lines(told)))
    return 0 if all(row.ok for row in told) else 1


def run(name: str, kept: Path, long: bool) -> int:
    """Run one benchmark in a process of its own; return its exit status."""
    print(f"\n--- {name}", flush=True)
    more = ["--long"] if long and name in LONG else []
    path = os.pathsep.join((str(ROOT), str(ROOT / "actors")))
    environment = {**os.environ, ROWS: str(kept), "PYTHONPATH": path}
    return subprocess.run(
        [sys.executable, "-m", f"bench.{name}", *more], cwd=ROOT, env=environment
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
