# SPDX-License-Identifier: Apache-2.0
"""The check of the configuration file that maglevd makes before it starts anything.

There is no state.  `check_config_apart` does it in a process of its own, so that the parser and
the memory for 10,000 backends do not stay in a process that lives for months.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

from maglev.privileges import keep_only


def check_config(path: Path) -> int:
    """Say on stderr what is wrong with a file; return 0 good, 1 structure, 2 meaning."""
    from maglev import config  # only for as long as the check lasts

    try:
        loaded = config.load(path)
    except config.ConfigError as error:
        print(error, file=sys.stderr)
        return 1 if error.stage == "structure" else 2
    for warning in loaded.warnings:
        print(f"{warning} (warning)", file=sys.stderr)
    return 0


def check_config_apart(path: Path) -> int:
    """Do the same in a child process, with no more rights than the aggregator will have."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        return abs(os.waitstatus_to_exitcode(status))
    status = 1
    try:
        keep_only(())
        status = check_config(path)
    except Exception:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)
