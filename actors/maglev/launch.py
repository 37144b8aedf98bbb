# SPDX-License-Identifier: Apache-2.0
"""`python -m maglev.launch NAME MODULE [ARGUMENTS]`: an actor's program, and not too often.

The same as `python -m MODULE [ARGUMENTS]`, but the place of the actor NAME is taken before its
program is even loaded, so that one which cannot be loaded is slowed down like one that crashes.
There is no state; look at process.py for what a place is.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys

from maglev import environment
from maglev.environment import BadEnvironment
from maglev.process import take_place

# Where no run directory can be used there is none to count crashes in.
_UNUSABLE_S = 10.0


def main() -> None:
    """Become the program on the command line; does not return unless it does."""
    if len(sys.argv) < 3:
        sys.exit("usage: python -m maglev.launch NAME MODULE [ARGUMENTS]")
    name, module = sys.argv[1:3]
    try:
        take_place(name, environment.read(os.environ))
    except (BadEnvironment, OSError) as error:
        print(f"{name}: {error}", file=sys.stderr, flush=True)
        signal.sigtimedwait((signal.SIGTERM, signal.SIGINT), _UNUSABLE_S)
        sys.exit(1)
    sys.argv[:] = [module, *sys.argv[3:]]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
