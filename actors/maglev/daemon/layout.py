# SPDX-License-Identifier: Apache-2.0
"""Where the files that tell supervisord what to run are: in a source tree or installed.

There is no state.  /etc/vpp-maglev/supervisor.d takes the place of the actors' files that came with
the package, once there is a file in it.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

ETC = Path("/etc/vpp-maglev/supervisor.d")


def shipped() -> Path:
    """Return the directory that holds conf/ and supervisor.d/; FileNotFoundError if none does."""
    places = (
        Path(__file__).parents[3],  # a source tree
        Path(sysconfig.get_path("data")) / "share" / "vpp-maglev",
        Path(sys.prefix) / "share" / "vpp-maglev",
    )
    for place in places:
        if (place / "conf" / "supervisord.conf").is_file():
            return place
    looked = ", ".join(map(str, places))
    raise FileNotFoundError(f"conf/supervisord.conf: not found in any of {looked}")


def supervisor_d(variables: Mapping[str, str] = os.environ, etc: Path = ETC) -> str:
    """Return where the actors' files are, fit for [include] in supervisord.conf."""
    place = Path(variables.get("MAGLEV_SUPERVISOR_D") or etc)
    if not any(place.glob("*.conf")):
        place = shipped() / "supervisor.d"
    # supervisord splits at spaces, and then globs.
    return str(place).replace(" ", "?")


def supervisord_conf() -> Path:
    """Return the path of supervisord's configuration."""
    return shipped() / "conf" / "supervisord.conf"
