# SPDX-License-Identifier: Apache-2.0
"""Putting another configuration in force, by difference: what did not change is not touched.

One reload runs, one may wait, and everybody who asks meanwhile shares the result of the one that
waits.  The new text is on disk before it is in force, so a restarted aggregator never goes back.
"""

from __future__ import annotations

from dataclasses import replace

from maglev.actor import Caller, Effect, Instant, Log, Publish, Reply
from maglev.aggregator import assign, operate
from maglev.aggregator.change import move
from maglev.aggregator.events import ConfigRead, ReadConfig, SaveConfig
from maglev.aggregator.new import configured_mode, enter, new_backend, new_frontend, wish_holds
from maglev.aggregator.say import backend_status
from maglev.aggregator.state import RELOADS_SHARING_MAX, Accepted, Backend, State, users
from maglev.aggregator.verdicts import fault_said
from maglev.core import health
from maglev.core.settings import BackendConf, Settings
from maglev.core.warmup import reloaded
from maglev.messages import (
    AssignmentEnded,
    AuditEntry,
    BackendGone,
    ConfigAnswer,
    ConfigStatus,
    FrontendGone,
    ReloadConfig,
    VerdictState,
    VipWithdrawn,
)


def asked(state: State, caller: Caller, request: ReloadConfig) -> list[Effect]:
    """Start a reload, or share the one that waits."""
    reload = state.reload
    if len(reload.waiting) >= RELOADS_SHARING_MAX:
        text = f"{RELOADS_SHARING_MAX} callers wait for a reload already"
        return [Reply(caller, ConfigAnswer(reload_error=text))]
    if reload.running:
        reload.waiting.append(caller)
        return []
    reload.who, reload.origin = request.who, request.origin
    reload.running = [caller]
    return [_read(state)]


def check_asked(state: State, caller: Caller) -> list[Effect]:
    """Read and judge the file for somebody; nothing is put in force."""
    reload = state.reload
    if len(reload.checking) >= RELOADS_SHARING_MAX:
        text = f"{RELOADS_SHARING_MAX} callers wait for a check already"
        return [Reply(caller, ConfigAnswer(reload_error=text))]
    effect = _read(state)
    reload.checking[effect.read_id] = caller
    return [effect]


def _read(state: State) -> ReadConfig:
    state.reload.read_id += 1
    return ReadConfig(state.reload.read_id)


def config_read(state: State, event: ConfigRead, now: Instant) -> list[Effect]:
    """The file was judged: refuse it and leave what runs, or write it down first."""
    answer = ConfigAnswer(parse_error=event.parse_error, semantic_error=event.semantic_error)
    checking = state.reload.checking.pop(event.read_id, None)
    if checking is not None:
        return [Reply(checking, answer)]
    if event.accepted is None:
        return _finish(state, answer, now)
    state.reload.accepted = event.accepted
    return save_if_idle(state)


def save_if_idle(state: State) -> list[Effect]:
    """Write down the configuration that waits, unless a wish is being written just now."""
    reload = state.reload
    if reload.accepted is None or reload.writing or state.operations.writing:
        return []
    reload.writing = True
    settings = reload.accepted.settings
    kept = tuple(wish for wish in state.wishes.values() if wish_holds(wish, settings))
    return [SaveConfig(reload.accepted, kept)]


def config_saved(state: State, accepted: Accepted, error: str, now: Instant) -> list[Effect]:
    """The new configuration is on disk, or not: put it in force, or leave what runs."""
    state.reload.accepted, state.reload.writing = None, False
    if error:
        text = f"the configuration could not be written to the state directory: {error}"
        return _finish(state, ConfigAnswer(reload_error=text), now)
    effects = put_in_force(state, accepted.settings, now)
    return effects + _finish(state, ConfigAnswer(), now)


def _finish(state: State, answer: ConfigAnswer, now: Instant) -> list[Effect]:
    """Answer everybody who shares this reload, and begin the one that waits."""
    reload = state.reload
    error = answer.parse_error or answer.semantic_error or answer.reload_error
    fields: dict[str, object] = {"ok": not error, "path": state.path, "who": reload.who}
    if error:
        fields["error"] = error
    effects: list[Effect] = [Log("error" if error else "info", "config-reload", fields)]
    result = "refused: the configuration in force stays" if error else "done"
    effects += operate.audited(
        AuditEntry(now.unix_ns, reload.who, reload.origin, "reload", state.path, "", "", result)
    )
    effects += [Reply(caller, answer, ConfigStatus) for caller in reload.running]
    reload.running, reload.waiting = reload.waiting, []
    if reload.running:
        effects.append(_read(state))
    return effects


# --- the difference -------------------------------------------------------------------------------


def put_in_force(state: State, settings: Settings, now: Instant) -> list[Effect]:
    """Make another configuration the one in force; the phase of a warm-up stays as it is."""
    before = state.settings
    effects = _drop_frontends(state, settings)
    state.settings = settings
    state.used_by = users(settings)
    state.wishes = {k: wish for k, wish in state.wishes.items() if wish_holds(wish, settings)}
    _change_frontends(state, settings)
    for name in [name for name in state.backends if name not in settings.backends]:
        effects += _remove_backend(state, state.backends[name], now)
    for name, conf in settings.backends.items():
        backend = state.backends.get(name)
        if backend is None:
            backend = new_backend(conf, state.wishes.get(("", "", name)))
            enter(state, backend)
            effects += _start_backend(state, backend, now)
        else:
            effects += _change_backend(state, backend, conf, now)
    if before.netns != settings.netns:
        effects += [
            effect
            for backend in state.backends.values()
            for effect in assign.assign(state, backend, afresh=True)
        ]
    state.backends = {name: state.backends[name] for name in settings.backends}
    state.order()
    state.dirty_backends = dict.fromkeys([*state.dirty_backends, *settings.backends])
    lb = settings.lb
    state.warmup = reloaded(state.warmup, lb.startup_delay_min_s, lb.startup_delay_max_s)
    state.revision += 1
    state.reloads += 1
    state.accepted_at_ns = now.unix_ns
    state.verdicts_changed = True
    return effects


def _start_backend(state: State, backend: Backend, now: Instant) -> list[Effect]:
    """Begin with a backend that came with a reload: assign it, or say that it is static."""
    state.touch(backend)
    if backend.conf.check is None:
        return move(state, backend, "up", "static", now) if backend.mode == "run" else []
    return assign.reassign(state, [backend])


def _remove_backend(state: State, backend: Backend, now: Instant) -> list[Effect]:
    """A backend left the file: one last transition, then nobody speaks of it."""
    effects = [*fault_said(state, backend, "", now), *assign.forgive(state, backend, now)]
    effects += move(state, backend, "removed", "reload", now)
    effects.append(Publish(backend_status(backend)))
    effects.append(Publish(AssignmentEnded(backend=backend.name)))
    effects.append(Publish(BackendGone(name=backend.name)))
    state.totals.forget(backend.name)
    del state.backends[backend.name]
    del state.believed[backend.name]
    state.dirty_backends.pop(backend.name, None)
    return effects


def _change_backend(
    state: State, backend: Backend, conf: BackendConf, now: Instant
) -> list[Effect]:
    """Apply what changed of one backend; a changed `enabled` in the file wins over a wish."""
    old, backend.conf = backend.conf, conf
    effects: list[Effect] = []
    mode = configured_mode(conf)
    if old.enabled != conf.enabled and backend.mode != mode:
        effects += operate.set_mode(state, backend, mode, "reload", now)
    if (old.address, old.check) == (conf.address, conf.check):
        return effects
    state.touch(backend)
    state.touch_frontends_of(backend)
    effects += assign.forgive(state, backend, now)
    effects += fault_said(state, backend, "", now)
    if backend.mode != "run":
        return effects
    if conf.check is None:
        state.unconfirmed.discard(backend.name)
        backend.code, backend.detail = "static", ""
        if backend.state != "up":
            effects += move(state, backend, "up", "static", now)
    elif old.address != conf.address:
        if backend.state != "unknown":
            effects += move(state, backend, "unknown", "reload", now)
        backend.health = health.unknown(conf.check.rise, backend.health.changes)
    elif old.check is None:
        verdict: VerdictState = "up" if backend.state == "up" else "unknown"
        changes = backend.health.changes
        backend.health = health.adopted(verdict, conf.check.rise, conf.check.fall, changes)
    elif (old.check.rise, old.check.fall) != (conf.check.rise, conf.check.fall):
        backend.health = health.adopted(
            backend.health.state, conf.check.rise, conf.check.fall, backend.health.changes
        )
    return effects + assign.assign(state, backend, afresh=True)


def _identity(settings: Settings, name: str) -> tuple[str, str, int]:
    conf = settings.frontends[name]
    return conf.address, conf.protocol, conf.port


def _drop_frontends(state: State, settings: Settings) -> list[Effect]:
    """Forget frontends that are gone, or whose VIP is another one now."""
    effects: list[Effect] = []
    for name in list(state.frontends):
        gone = name not in settings.frontends
        if gone or _identity(settings, name) != _identity(state.settings, name):
            effects.append(Publish(VipWithdrawn(frontend=name)))
            if gone:
                effects.append(Publish(FrontendGone(name=name)))
            del state.frontends[name]
            state.dirty_frontends.pop(name, None)
    return effects


def _change_frontends(state: State, settings: Settings) -> None:
    """Take in new frontends and changed ones; weights the file did not change stay as they are."""
    for name, conf in settings.frontends.items():
        frontend = state.frontends.get(name)
        if frontend is None:
            fresh = new_frontend(conf, state.wishes)
            fresh.released = state.phase == "full"
            state.frontends[name] = fresh
        else:
            fresh = new_frontend(conf, state.wishes)
            state.frontends[name] = replace(
                frontend, conf=conf, weights=fresh.weights, doubtful=False
            )
        state.dirty_frontends[name] = 0.0
