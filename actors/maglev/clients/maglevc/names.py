# SPDX-License-Identifier: Apache-2.0
"""The names the daemon knows, for whoever types one: each with a few words about what it is.

Asked anew each time, within a second; a daemon that does not answer knows no names.  There is no
state; look at `on_offer`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from maglev.clients.maglevc.daemon import Daemon
from maglev.clients.maglevc.parse import Candidate, candidates
from maglev.clients.maglevc.table import COMMANDS
from maglev.clients.maglevc.text.frontends import port
from maglev.clients.maglevc.trouble import Trouble

NAMES_S: Final = 1.0

Names = list[tuple[str, str]]
"""Names, each with what there is to say about it."""


def on_offer(daemon: Daemon, words: Sequence[str], partial: str) -> list[Candidate]:
    """Return what the word that begins with `partial` may be, with the names that are known.

    An argument nothing is known for stays as it is.  Raises BadLine.
    """
    offered: list[Candidate] = []
    for one in candidates(COMMANDS, words, partial):
        named: list[Candidate] = []
        if one.kind is not None and one.kind.is_live:
            names = known(daemon, one.argument, one.values)
            named = [Candidate(name, help) for name, help in names if name.startswith(partial)]
        offered += named or [one]
    return offered


def known(daemon: Daemon, argument: str, values: Mapping[str, str]) -> Names:
    """Return what may stand for an argument, after the values of those before it."""

    def ask(rpc: str, **fields: str) -> Any:
        return daemon.call(rpc, fields, NAMES_S, quick=True).message

    try:
        if argument == "frontend":
            return [(one.name, _frontend(one)) for one in ask("ListFrontends").frontends]
        if argument == "healthcheck":
            checks = ask("ListHealthChecks").healthchecks
            return [(one.name, f"{one.type} {one.port or ''}".rstrip()) for one in checks]
        if argument == "backend" and "pool" not in values:
            every = ask("ListBackends").backends
            return [(one.name, f"{one.address}, {one.state}") for one in every]
        pools = ask("GetFrontend", name=values["frontend"]).pools
    except Trouble:
        return []
    if argument == "pool":
        return [(pool.name, _pool(pool)) for pool in pools]
    return [
        (one.name, f"weight {one.weight}, {one.state}")
        for pool in pools
        if pool.name == values["pool"]
        for one in pool.backends
    ]


def _frontend(one: Any) -> str:
    return f"{one.address} {one.protocol} {port(one.port)}, {one.state}"


def _pool(one: Any) -> str:
    backends = "1 backend" if len(one.backends) == 1 else f"{len(one.backends)} backends"
    return f"{backends}, active" if one.active else backends
