# SPDX-License-Identifier: Apache-2.0
"""Run a module as a program that ends when the demo does, however the demo ends.

`python -m maglev.clients.demo.leash <pid of the demo> <module> [arguments]`.  The state is the
kernel's; a kill -9 of the demo leaves nothing running.
"""

from __future__ import annotations

import os
import runpy
import sys

from maglev.privileges import die_with_parent

if __name__ == "__main__":
    die_with_parent()
    if os.getppid() != int(sys.argv[1]):
        sys.exit("the demo is gone")
    sys.argv = sys.argv[2:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
