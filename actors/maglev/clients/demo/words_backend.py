# SPDX-License-Identifier: Apache-2.0
"""A backend in plain words: how sure we are of it, what decided, what an operator made of it.

The counter tells how many probes in a row failed or passed (core/health.py).  There is no state;
look at `backend_changed`.
"""

from __future__ import annotations

from maglev.clients.demo.sentence import Rank, Sentence, Tone, lasting
from maglev.core.health import counter_max
from maglev.core.view import View
from maglev.messages import BackendStatus, Check, ConfigStatus

_OPERATED = {
    "paused": "is paused: not probed, and no new connections go there",
    "disabled": "is disabled: out of rotation, its connections are forgotten",
    "removed": "is removed from the configuration",
}


def backend_changed(before: BackendStatus | None, now: BackendStatus, view: View) -> list[Sentence]:
    """Return what happened to a backend; one that was not known before was unknown."""
    check = _check_of(now, view)
    said: list[Sentence] = []
    if now.fault and (before is None or before.fault != now.fault):
        said.append(_told(Tone.DOUBT, f"{now.name}: no verdict: {now.fault}"))
    if now.stale and before is not None and not before.stale:
        said.append(_told(Tone.DOUBT, f"{now.name} stays {now.state}: its prober is silent"))
    state_before = before.state if before is not None else "unknown"
    if now.state != state_before:
        return [*said, _moved(before, now, check)]
    if before is not None and check is not None and now.counter != before.counter:
        said += _counted(before, now, check)
    return said


def _moved(before: BackendStatus | None, now: BackendStatus, check: Check | None) -> Sentence:
    state_before = before.state if before is not None else "unknown"
    match now.state:
        case "up" if now.code == "static":
            return _told(Tone.GOOD, f"{now.name} is up: it is not checked")
        case "up" if state_before == "down" and check is not None and before is not None:
            away = lasting((now.since_ns - before.since_ns) / 1e9)
            text = f"{now.name} is up again, after {away}: {_in_a_row(check.rise, 'good answer')}"
            return _told(Tone.GOOD, text)
        case "up":
            return _told(Tone.GOOD, f"{now.name} is up: {_answer(now)}")
        case "down" if state_before == "up" and check is not None:
            times = f"{check.fall} of {check.fall}"
            text = f"{now.name} is down: {_why(now)} ({times})"
            return _told(Tone.BAD, text)
        case "down":
            return _told(Tone.BAD, f"{now.name} is down: {_why(now)}")
        case "unknown":
            return _told(Tone.DOUBT, f"{now.name} counts again: unknown until its first answer")
        case _:
            return _told(Tone.DOUBT, f"{now.name} {_OPERATED[now.state]}")


def _counted(before: BackendStatus, now: BackendStatus, check: Check) -> list[Sentence]:
    """Return how a verdict that stands is shaken, or is sure again."""
    highest = counter_max(check.rise, check.fall)
    if now.state == "up" and now.counter < before.counter:
        nth = f"{highest - now.counter} of {check.fall}"
        if before.counter == highest:
            text = f"{now.name} stopped answering well: {_why(now)} ({nth})"
            return [_told(Tone.DOUBT, text)]
        return [_told(Tone.DOUBT, f"{now.name}: {_why(now)} ({nth})")]
    if now.state == "up" and now.counter == highest:
        return [_told(Tone.GOOD, f"{now.name} answers well again; it never went down")]
    if now.state == "down" and now.counter > before.counter:
        text = f"{now.name} answers again: {_answer(now)} ({now.counter} of {check.rise})"
        return [_told(Tone.DOUBT, text)]
    if now.state == "down":
        return [_told(Tone.BAD, f"{now.name} fails again: {_why(now)}")]
    return []


def _check_of(backend: BackendStatus, view: View) -> Check | None:
    config = view.get(ConfigStatus)
    checks = config.healthchecks if config is not None else ()
    return next((check for check in checks if check.name == backend.healthcheck), None)


def _answer(backend: BackendStatus) -> str:
    answer = backend.detail or backend.code or "it answers"
    return f"{answer} in {lasting(backend.duration_s)}" if backend.duration_s else answer


def _why(backend: BackendStatus) -> str:
    return backend.detail or backend.code or "no reason given"


def _in_a_row(count: int, what: str) -> str:
    return f"{count} {what}s in a row" if count > 1 else f"1 {what}"


def _told(tone: Tone, text: str) -> Sentence:
    return Sentence(tone, Rank.BACKEND, text)
