# SPDX-License-Identifier: Apache-2.0
"""supervisord as maglevd starts it: it ends with maglevd.

Run as `python -m maglev.daemon.supervisord <pid of maglevd> <arguments of supervisord>`.  maglevd
has started it in a session of its own and with SIGHUP blocked, which it keeps, as do its children:
supervisord would restart everything on SIGHUP.
"""

from __future__ import annotations

import os
import sys

from supervisor.supervisord import main  # type: ignore[import-untyped]

from maglev.privileges import die_with_parent

if __name__ == "__main__":
    die_with_parent()
    if os.getppid() != int(sys.argv[1]):
        sys.exit("maglevd is gone")
    main(sys.argv[2:])
