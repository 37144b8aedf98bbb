# SPDX-License-Identifier: Apache-2.0
"""A reload that was asked for by SIGHUP: the question to the aggregator, and what the log says.

There is no state; the aggregator says more in lines of its own.
"""

from __future__ import annotations

from maglev.bus.client import ask
from maglev.bus.sockets import BusError
from maglev.bus.wire import Undecodable
from maglev.environment import Environment
from maglev.messages import Answer, ConfigAnswer, LogLevel, Refused, ReloadConfig

# So many times a request's deadline: an aggregator that is just being restarted comes back in it.
_DEADLINES = 6


def ask_reload(settings: Environment) -> Answer:
    """Return the aggregator's answer; Refused if there is none."""
    request = ReloadConfig(who="maglevd", origin="SIGHUP")
    deadline_s = _DEADLINES * settings.timers.request_s
    try:
        return ask(settings.run_dir, "aggregator", request, deadline_s)
    except (BusError, Undecodable) as error:
        return Refused(code="internal", text=str(error))


def describe(answer: Answer) -> tuple[LogLevel, str, dict[str, object]]:
    """Return level, msg and fields of the line for an answer to ReloadConfig."""
    match answer:
        case ConfigAnswer(parse_error="", semantic_error="", reload_error=""):
            return "info", "config-reload", {"ok": True}
        case ConfigAnswer():
            error = answer.parse_error or answer.semantic_error or answer.reload_error
        case Refused():
            error = f"{answer.code}: {answer.text}"
        case _:
            error = f"unexpected answer {type(answer).__name__}"
    return "error", "config-reload", {"ok": False, "error": error}
