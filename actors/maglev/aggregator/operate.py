# SPDX-License-Identifier: Apache-2.0
"""What operators ask for: pause, resume, disable, enable, weights.

A wish, and its line in the audit file, is on disk before it is answered and before anything
changes, so an answered wish survives any crash and a refused one (disk full) changes nothing.
Wishes are written one after the other: the first of the queue is judged, written, carried out,
answered; then the next.  A reload, which writes the wishes too, waits for its turn among them.
"""

from __future__ import annotations

from maglev.actor import Caller, Effect, Instant, Log, Reply
from maglev.aggregator import assign
from maglev.aggregator.change import move
from maglev.aggregator.events import Audit, SaveWishes
from maglev.aggregator.state import OPERATIONS_WAITING_MAX, Backend, Frontend, Mode, State, Wish
from maglev.core import health
from maglev.messages import (
    AuditEntry,
    BackendStatus,
    Done,
    FrontendStatus,
    OperateBackend,
    Refusal,
    Refused,
    SetWeight,
)

Ask = OperateBackend | SetWeight
MODE_AFTER: dict[str, Mode] = {
    "pause": "paused",
    "resume": "run",
    "disable": "disabled",
    "enable": "run",
}


def asked(state: State, caller: Caller, request: Ask, now: Instant) -> list[Effect]:
    """Queue an operator's request; it is judged when its turn comes."""
    operations = state.operations
    if len(operations.queue) >= OPERATIONS_WAITING_MAX:
        text = f"{OPERATIONS_WAITING_MAX} operations are waiting for the disk; try again"
        return _refuse(caller, request, "unavailable", text, now)
    operations.queue.append((caller, request))
    return proceed(state, now)


def saved(state: State, error: str, now: Instant) -> list[Effect]:
    """The wish at the head of the queue is on disk, or not: carry it out or refuse it."""
    operations = state.operations
    assert operations.writing
    assert operations.queue
    caller, request = operations.queue.popleft()
    operations.writing = False
    if error:
        text = f"nothing was changed: the wish could not be written to disk: {error}"
        effects = _refuse(caller, request, "unavailable", text, now)
    else:
        effects = _carry_out(state, caller, request, now)
    return effects + proceed(state, now)


def proceed(state: State, now: Instant) -> list[Effect]:
    """Judge requests from the head of the queue until one has to be written."""
    operations = state.operations
    effects: list[Effect] = []
    while operations.queue and not operations.writing and state.reload.accepted is None:
        caller, request = operations.queue[0]
        judged = _judge(state, request)
        if isinstance(judged, tuple):
            operations.queue.popleft()
            effects += _refuse(caller, request, judged[0], judged[1], now)
        elif isinstance(judged, str):
            operations.queue.popleft()
            effects += _audit(request, judged, now)
            effects.append(Reply(caller, Done(text=judged, changed=False)))
        else:
            operations.writing = True
            wishes = tuple(_wishes_after(state, request, now).values())
            effects.append(SaveWishes(wishes, _accepted(state, request, now)))
    return effects


def _judge(state: State, request: Ask) -> tuple[Refusal, str] | str | None:
    """Return a refusal, or words why nothing is to be changed, or None: go ahead."""
    if isinstance(request, SetWeight):
        return _judge_weight(state, request)
    backend = state.backends.get(request.backend)
    if backend is None:
        return "not_found", f"no backend is called '{request.backend}'"
    name, operation = backend.name, request.operation
    if backend.mode == "disabled" and operation in ("pause", "resume"):
        return "failed_precondition", f"backend '{name}' is disabled: enable it first"
    if backend.is_set_aside() and operation in ("resume", "enable"):
        return None
    if backend.mode == MODE_AFTER[operation]:
        standing = {"run": "neither paused nor disabled"}.get(backend.mode, backend.mode)
        return f"backend '{name}' is {standing}: nothing changed"
    return None


def _judge_weight(state: State, request: SetWeight) -> tuple[Refusal, str] | str | None:
    frontend = state.frontends.get(request.frontend)
    if frontend is None:
        return "not_found", f"no frontend is called '{request.frontend}'"
    if request.pool not in {pool.name for pool in frontend.conf.pools}:
        return "not_found", f"frontend '{request.frontend}' has no pool '{request.pool}'"
    standing = frontend.weights.get((request.pool, request.backend))
    if standing is None:
        where = f"pool '{request.pool}' of frontend '{request.frontend}'"
        return "not_found", f"{where} has no backend '{request.backend}'"
    if not 0 <= request.weight <= 100:
        return "invalid_argument", f"weight must be 0..100, not {request.weight}"
    if standing == request.weight:
        return f"the weight is {standing} already: nothing changed"
    return None


def _wishes_after(state: State, request: Ask, now: Instant) -> dict[tuple[str, str, str], Wish]:
    """Return all wishes as they will be; one that says what the file says is none."""
    wishes = dict(state.wishes)
    value: str | int
    configured: str | int
    if isinstance(request, SetWeight):
        about = (request.frontend, request.pool, request.backend)
        pools = state.frontends[request.frontend].conf.pools
        configured = next(p for p in pools if p.name == request.pool).weights[request.backend]
        value = request.weight
    else:
        about = ("", "", request.backend)
        configured = "run" if state.backends[request.backend].conf.enabled else "disabled"
        value = MODE_AFTER[request.operation]
    wishes.pop(about, None)
    if value != configured:
        wishes[about] = Wish(*about, value, configured, request.who, request.origin, now.unix_ns)
    return wishes


def _carry_out(state: State, caller: Caller, request: Ask, now: Instant) -> list[Effect]:
    """Make an accepted and written wish true; a reload may have removed its object meanwhile."""
    refusal = _judge(state, request)
    if isinstance(refusal, tuple):
        return _refuse(caller, request, refusal[0], refusal[1], now)
    state.wishes = _wishes_after(state, request, now)
    effects: list[Effect] = [_logged(_accepted(state, request, now))]
    if isinstance(request, SetWeight):
        frontend = state.frontends[request.frontend]
        set_weight(state, frontend, request.pool, request.backend, request.weight)
        return [*effects, Reply(caller, Done(), FrontendStatus)]
    backend = state.backends[request.backend]
    effects += set_mode(state, backend, MODE_AFTER[request.operation], request.operation, now)
    return [*effects, Reply(caller, Done(), BackendStatus)]


def set_weight(state: State, frontend: Frontend, pool: str, backend: str, weight: int) -> None:
    """Put a weight (0..100) in force."""
    frontend.weights[pool, backend] = weight
    frontend.doubtful = False
    state.dirty_frontends.setdefault(frontend.conf.name, 0.0)


def set_mode(state: State, backend: Backend, mode: Mode, code: str, now: Instant) -> list[Effect]:
    """Put an operator's or the file's wish for a backend in force; code names the cause."""
    effects = assign.forgive(state, backend, now) if mode == "run" else []
    backend.mode = mode
    after = "unknown" if mode == "run" else mode
    if backend.state != after:
        effects += move(state, backend, after, code, now)
    rise = backend.conf.check.rise if backend.conf.check else 1
    backend.health = health.unknown(rise, backend.health.changes)
    backend.spoken_for = True  # unknown because somebody wants it so, not because of a start
    effects += assign.assign(state, backend, afresh=True)
    if mode == "run" and backend.conf.check is None:
        effects += move(state, backend, "up", "static", now)
    return effects


def _refuse(caller: Caller, request: Ask, code: Refusal, text: str, now: Instant) -> list[Effect]:
    effects = _audit(request, f"refused: {text}", now)
    return [*effects, Reply(caller, Refused(code=code, text=text))]


def _accepted(state: State, request: Ask, now: Instant) -> AuditEntry:
    """Return the audit entry of a request that is to be carried out."""
    if isinstance(request, SetWeight):
        before = str(state.frontends[request.frontend].weights[request.pool, request.backend])
        return _entry(request, before, str(request.weight), "done", now)
    backend = state.backends[request.backend]
    mode = MODE_AFTER[request.operation]
    return _entry(request, backend.state, "unknown" if mode == "run" else mode, "done", now)


def _entry(request: Ask, before: str, after: str, result: str, now: Instant) -> AuditEntry:
    if isinstance(request, SetWeight):
        action = f"weight {request.weight}"
        about = f"frontend {request.frontend} pool {request.pool} backend {request.backend}"
    else:
        action, about = request.operation, f"backend {request.backend}"
    return AuditEntry(
        now.unix_ns, request.who, request.origin, action, about, before, after, result
    )


def _audit(request: Ask, result: str, now: Instant) -> list[Effect]:
    """Log and audit a request that changed nothing."""
    return audited(_entry(request, "", "", result, now))


def audited(entry: AuditEntry) -> list[Effect]:
    """Return the log line and the audit entry of one mutation."""
    return [_logged(entry), Audit(entry)]


def _logged(entry: AuditEntry) -> Log:
    fields: dict[str, object] = {
        "who": entry.who,
        "origin": entry.origin,
        "action": entry.action,
        "about": entry.about,
        "before": entry.before,
        "after": entry.after,
        "result": entry.result,
    }
    return Log("info", "operator", fields)
