# SPDX-License-Identifier: Apache-2.0
"""All commands, in one table: how they are typed, what they do, in words and in calls.

Parsing, prefixes, completion, `?`, `help` and the manual page read this table and nothing else.
There is no state; look at TABLE.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from maglev.clients.maglevc.actions import LONG_S, Action, Call, Help, Quit, Watch
from maglev.clients.maglevc.grammar import Kind, compiled, number
from maglev.clients.maglevc.parse import Command
from maglev.clients.maglevc.text import backends, daemon, frontends, healthchecks, vpp


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the table; without an action it is the help of a word that several begin with."""

    pattern: str
    help: str
    action: Action | None = None


KINDS: Final[Mapping[str, Kind]] = {
    "frontend": Kind("frontend", "name of a frontend", is_live=True),
    "pool": Kind("pool", "name of a pool of this frontend", is_live=True),
    "backend": Kind("backend", "name of a backend", is_live=True),
    "healthcheck": Kind("healthcheck", "name of a health check", is_live=True),
    "weight": number("0-100", "share of new flows, 0 for none", 0, 100),
    "num": number("n", "how many, from 1 on", 1, 2**31 - 1),
    "level": Kind(
        "level",
        "lowest level of log lines",
        (
            ("debug", "everything, calls of VPP's API among it"),
            ("info", "what changes, and warnings and errors"),
            ("warn", "warnings and errors"),
            ("error", "errors"),
        ),
    ),
}

TABLE: Final = (
    Entry("show", "show how things are"),
    Entry(
        "show version",
        "version of this client and of the daemon",
        Call("GetVersion", daemon.version),
    ),
    Entry(
        "show frontends",
        "all frontends, or all about one",
        Call("ListFrontends", frontends.frontends),
    ),
    Entry(
        "show frontends <frontend>",
        "all about one frontend: pools, weights, transitions",
        Call("GetFrontend", frontends.frontend, {"name": "frontend"}),
    ),
    Entry(
        "show backends", "all backends, or all about one", Call("ListBackends", backends.backends)
    ),
    Entry(
        "show backends <backend>",
        "all about one backend: state, last result, transitions",
        Call("GetBackend", backends.backend, {"name": "backend"}),
    ),
    Entry(
        "show healthchecks",
        "all health checks, or all about one",
        Call("ListHealthChecks", healthchecks.healthchecks),
    ),
    Entry(
        "show healthchecks <healthcheck>",
        "all about one health check",
        Call("GetHealthCheck", healthchecks.healthcheck, {"name": "healthcheck"}),
    ),
    Entry("show vpp", "VPP, and what is in it"),
    Entry("show vpp info", "version, process and connection of VPP", Call("GetVPPInfo", vpp.info)),
    Entry("show vpp lb", "VPP's load balancer"),
    Entry(
        "show vpp lb state",
        "VIPs and application servers as VPP has them",
        Call("GetVPPLBState", vpp.lb_state),
    ),
    Entry("show actors", "the processes of the daemon", Call("ListActors", daemon.actors)),
    Entry(
        "show audit [num <num>]",
        "what was changed, by whom and from where, newest first",
        Call("ListAudit", daemon.audit, {"num": "num"}),
    ),
    Entry("show audit num", "at most so many; without it 100"),
    Entry("sync", "make VPP have what it should have"),
    Entry("sync vpp", "make VPP have what it should have"),
    Entry("sync vpp lb", "VPP's load balancer"),
    Entry(
        "sync vpp lb state",
        "compare all of VPP's VIPs with what it should have, and mend them",
        Call("SyncVPPLBState", vpp.synced, deadline_s=LONG_S),
    ),
    Entry(
        "sync vpp lb state <frontend>",
        "the same for one frontend; removes no VIP",
        Call("SyncVPPLBState", vpp.synced, {"frontend_name": "frontend"}, deadline_s=LONG_S),
    ),
    Entry("set", "change how things are"),
    Entry("set backend", "pause, resume, disable or enable a backend"),
    Entry(
        "set backend <backend> pause",
        "stop probing; no new flows, those it has stay",
        Call("PauseBackend", backends.operated, {"name": "backend"}),
    ),
    Entry(
        "set backend <backend> resume",
        "end a pause: probe again",
        Call("ResumeBackend", backends.operated, {"name": "backend"}),
    ),
    Entry(
        "set backend <backend> disable",
        "stop probing; no flows at all, those it has are flushed",
        Call("DisableBackend", backends.operated, {"name": "backend"}),
    ),
    Entry(
        "set backend <backend> enable",
        "back into rotation: probe again",
        Call("EnableBackend", backends.operated, {"name": "backend"}),
    ),
    Entry("set frontend", "set the weight of a backend in a pool"),
    Entry("set frontend pool", "which of its pools"),
    Entry("set frontend pool backend", "which backend of the pool"),
    Entry(
        "set frontend pool backend weight", "its share of new flows, until the file says another"
    ),
    Entry(
        "set frontend <frontend> pool <pool> backend <backend> weight <weight>",
        "set a weight, until the file says another one",
        Call(
            "SetFrontendPoolBackendWeight",
            frontends.weighed,
            {"frontend": "frontend", "pool": "pool", "backend": "backend", "weight": "weight"},
        ),
    ),
    Entry("watch", "print what happens, until a key is pressed"),
    Entry(
        "watch events [num <num>] [log [level <level>]] [backend] [frontend]",
        "print events, one a line as JSON, until a key is pressed",
        Watch(),
    ),
    Entry("watch events num", "stop after so many"),
    Entry("watch events log", "log lines, from info on"),
    Entry("watch events log level", "from which level on"),
    Entry("watch events backend", "transitions of backends"),
    Entry("watch events frontend", "transitions of frontends"),
    Entry("config", "the configuration file of the daemon"),
    Entry(
        "config check",
        "say what is wrong with the file; nothing is put in force",
        Call("CheckConfig", daemon.config_ok, problem=daemon.check_problem, deadline_s=LONG_S),
    ),
    Entry(
        "config reload",
        "put the file in force, if nothing is wrong with it",
        Call(
            "ReloadConfig", daemon.config_reloaded, problem=daemon.reload_problem, deadline_s=LONG_S
        ),
    ),
    Entry("help [<word>]", "the commands, or those that begin with a word", Help()),
    Entry("quit", "leave", Quit()),
    Entry("exit", "leave", Quit()),
)

_HELPS: Final = {entry.pattern: entry.help for entry in TABLE}

_FIRST: Final = tuple((entry.pattern, entry.help) for entry in TABLE if " " not in entry.pattern)
_KINDS: Final = {**KINDS, "word": Kind("word", "first word of commands", _FIRST)}

COMMANDS: Final = tuple(
    Command(compiled(entry.pattern, _KINDS, _HELPS), entry.help, entry.action)
    for entry in TABLE
    if entry.action is not None
)
