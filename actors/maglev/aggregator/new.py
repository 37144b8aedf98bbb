# SPDX-License-Identifier: Apache-2.0
"""Making backends and frontends from the file, the wishes, and what was remembered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from maglev.actor import Instant
from maglev.aggregator.state import Backend, Frontend, Mode, Prober, State, Wish, users
from maglev.core import health
from maglev.core.settings import BackendConf, FrontendConf, Settings
from maglev.core.timers import Timers
from maglev.core.warmup import Warmup

Wishes = dict[tuple[str, str, str], Wish]


def wish_holds(wish: Wish, settings: Settings) -> bool:
    """Return whether its object still exists and the file still says what the wish replaced."""
    if not wish.frontend:
        backend = settings.backends.get(wish.backend)
        return backend is not None and wish.configured == configured_mode(backend)
    frontend = settings.frontends.get(wish.frontend)
    pools = frontend.pools if frontend is not None else ()
    return any(
        pool.name == wish.pool and pool.weights.get(wish.backend) == wish.configured
        for pool in pools
    )


def configured_mode(conf: BackendConf) -> Mode:
    """Return what the file wants of a backend."""
    return "run" if conf.enabled else "disabled"


def new_backend(conf: BackendConf, wish: Wish | None) -> Backend:
    """Return a backend nobody has looked at yet."""
    mode: Mode = configured_mode(conf)
    if wish is not None:
        assert wish.value in ("run", "paused", "disabled"), f"{wish=}"
        mode = wish.value  # type: ignore[assignment]
    return Backend(
        conf=conf,
        mode=mode,
        state="unknown" if mode == "run" else mode,
        health=health.unknown(conf.check.rise if conf.check else 1),
    )


def new_frontend(conf: FrontendConf, wishes: Wishes) -> Frontend:
    """Return a frontend with the weights of the file, replaced where an operator wished so."""
    weights: dict[tuple[str, str], int] = {}
    for pool in conf.pools:
        for backend, configured in pool.weights.items():
            wish = wishes.get((conf.name, pool.name, backend))
            weights[pool.name, backend] = int(wish.value) if wish is not None else configured
    return Frontend(conf=conf, weights=weights)


def enter(state: State, backend: Backend) -> None:
    """Put a backend in its place among the others, in the state it has."""
    state.backends[backend.name] = backend
    state.believed[backend.name] = backend.state
    state.unknown.discard(backend.name)
    if backend.state == "unknown":
        state.unknown.add(backend.name)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What does not change while an aggregator runs."""

    path: str  # of the configuration file
    timers: Timers
    probers: tuple[str, ...]
    vpp_wanted: bool
    generation: int  # boot-time microseconds at the start: larger than any given out before
    accepted_at_ns: int  # when the configuration in force was accepted, unix time


def new_state(
    settings: Settings, wishes: Iterable[Wish], around: Surroundings, now: Instant
) -> State:
    """Return what an aggregator knows at its start: the file, and the wishes that still hold."""
    held = {wish.about: wish for wish in wishes if wish_holds(wish, settings)}
    lb = settings.lb
    state = State(
        settings=settings,
        path=around.path,
        timers=around.timers,
        generation=around.generation,
        accepted_at_ns=around.accepted_at_ns,
        backends={},
        frontends={name: new_frontend(conf, held) for name, conf in settings.frontends.items()},
        believed={},
        unknown=set(),
        used_by=users(settings),
        probers={name: Prober() for name in around.probers},
        wishes=held,
        warmup=Warmup(now.mono_s, lb.startup_delay_min_s, lb.startup_delay_max_s),
        inherit_until_s=now.mono_s + around.timers.silent_s,
        vpp_wanted=around.vpp_wanted,
        verdicts_saved_at_s=now.mono_s,
    )
    for name, conf in settings.backends.items():
        enter(state, new_backend(conf, held.get(("", "", name))))
    state.order()
    return state
