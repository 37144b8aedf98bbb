# SPDX-License-Identifier: Apache-2.0
"""What the log says of a reload that was asked for by SIGHUP.

There is no state; the aggregator answers, and says more in lines of its own.
"""

from __future__ import annotations

from maglev.messages import Answer, ConfigAnswer, LogLevel, Refused


def describe(answer: Answer) -> tuple[LogLevel, str, dict[str, object]]:
    """Return level, msg and fields of the line for an answer to ReloadConfig."""
    match answer:
        case ConfigAnswer(parse_error="", semantic_error="", reload_error=""):
            return "info", "config-reload", {"ok": True}
        case ConfigAnswer():
            texts = (answer.parse_error, answer.semantic_error, answer.reload_error)
            error = next(text for text in texts if text)
        case Refused():
            error = f"{answer.code}: {answer.text}"
        case _:
            error = f"unexpected answer {type(answer).__name__}"
    return "error", "config-reload", {"ok": False, "error": error}
