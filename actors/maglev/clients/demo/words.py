# SPDX-License-Identifier: Apache-2.0
"""What happens, in plain words: a changed level or an edge becomes sentences.

A sentence says what happened to whom and why, as one would tell it to somebody who looks over one's
shoulder; what is no news to such a person becomes none.  There is no state; look at `of_change` and
`of_edge`, and at words_backend and words_frontend for the two that say most.
"""

from __future__ import annotations

from collections.abc import Iterable

from maglev.clients.demo.sentence import Rank, Sentence, Tone, counted, lasting, listed, weighed
from maglev.clients.demo.words_backend import backend_changed
from maglev.clients.demo.words_frontend import frontend_changed
from maglev.core.view import Change, View
from maglev.messages import (
    ActualAs,
    Alarm,
    BackendStatus,
    DesiredSettings,
    Edge,
    FrontendStatus,
    Heartbeat,
    SyncFinished,
    VipProgrammed,
    VppStatus,
)

_SILENCES = {
    "aggregator": "nobody decides for now, and VPP keeps the weights it has",
    "programmer": "nobody changes VPP for now, and it keeps the weights it has",
    "watchdog": "nobody would notice a process that hangs",
}


def of_change(change: Change, view: View) -> list[Sentence]:
    """Return what a change means; `view` is everything as it is after it."""
    match change.before, change.after:
        case BackendStatus() | None as before, BackendStatus() as after:
            return backend_changed(before, after, view)
        case FrontendStatus() | None as before, FrontendStatus() as after:
            settings = view.get(DesiredSettings)
            warming_up = settings is None or settings.phase == "wait"
            return frontend_changed(before, after, warming_up=warming_up)
        case VipProgrammed() | None as before, VipProgrammed() as after:
            return _vip_programmed(before, after, view)
        case VppStatus() | None as before, VppStatus() as after:
            return _vpp_changed(before, after)
        case DesiredSettings() | None as before, DesiredSettings() as after:
            return _phase_changed(before, after)
        case None, Alarm(text=text):
            return [Sentence(Tone.BAD, Rank.DAEMON, f"Alarm: {text}")]
        case Alarm(text=text), None:
            return [Sentence(Tone.GOOD, Rank.DAEMON, f"Alarm over: {text}")]
        case BackendStatus() | FrontendStatus() as before, None:
            return [Sentence(Tone.PLAIN, Rank.BACKEND, f"{before.name} left the configuration")]
        case _:
            return []


def of_edge(edge: Edge) -> list[Sentence]:
    """Return what an edge means."""
    match edge:
        case SyncFinished(scope="all"):
            return _synced(edge)
        case _:
            return []


def of_heartbeat(before: Heartbeat | None, beat: Heartbeat) -> list[Sentence]:
    """Return what it means that an actor is heard; `before` is what was heard of it last."""
    if before is None or before.pid == beat.pid:
        return []
    text = f"{beat.actor} is back, as process {beat.pid}; what it forgot it heard from the others"
    return [Sentence(Tone.GOOD, Rank.DAEMON, text)]


def of_silence(actor: str) -> list[Sentence]:
    """Return what it means that an actor is not heard any more."""
    meaning = _SILENCES.get(actor, "the other probers take over its backends")
    return [Sentence(Tone.DOUBT, Rank.DAEMON, f"{actor} is silent: {meaning}")]


def of_moves(moves: Iterable[tuple[str, str]]) -> list[Sentence]:
    """Return who probes whom from now on, from pairs of backend and prober."""
    shares: dict[str, list[str]] = {}
    for backend, prober in moves:
        shares.setdefault(prober, []).append(backend)
    return [
        Sentence(Tone.PLAIN, Rank.BACKEND, f"{prober} probes {listed(backends)} from now on")
        for prober, backends in shares.items()
    ]


def moved(change: Change) -> tuple[str, str] | None:
    """Return backend and prober if a change gives a backend to another prober."""
    match change.before, change.after:
        case BackendStatus() as before, BackendStatus() as after:
            given = before.prober and after.prober and before.prober != after.prober
            return (after.name, after.prober) if given else None
        case _:
            return None


def _vip_programmed(before: VipProgrammed | None, vip: VipProgrammed, view: View) -> list[Sentence]:
    said: list[Sentence] = []
    if vip.error and (before is None or before.error != vip.error):
        text = f"{vip.frontend}: VPP refused something: {vip.error}"
        said.append(Sentence(Tone.BAD, Rank.VPP, text))
    weights = _weights(vip.frontend, vip.ases, view)
    old = _weights(vip.frontend, before.ases if before is not None else (), view)
    if weights == old:
        return said
    late = ""
    if vip.failover_s and (before is None or before.failover_s != vip.failover_s):
        late = f", {lasting(vip.failover_s)} after the verdict"
    if not weights:
        text = f"{vip.frontend}: VPP has lost all its servers"
        return [*said, Sentence(Tone.BAD, Rank.VPP, text)]
    text = f"{vip.frontend}: VPP has {weighed(weights)}{late}"
    return [*said, Sentence(Tone.VPP, Rank.VPP, text)]


def _weights(frontend: str, ases: Iterable[ActualAs], view: View) -> dict[str, int]:
    """Return weights by the backend's name, in the order of the frontend's pools."""
    left = {one.address: one.weight for one in ases}
    status = view.get(FrontendStatus, frontend)
    members = [one.name for pool in status.pools for one in pool.backends] if status else []
    backends = [view.get(BackendStatus, name) for name in members]
    named = {
        backend.name: left.pop(backend.address)
        for backend in backends
        if backend is not None and backend.address in left
    }
    return named | left


def _vpp_changed(before: VppStatus | None, status: VppStatus) -> list[Sentence]:
    was_there = before is not None and before.connected
    if was_there and not status.connected:
        why = f": {status.error}" if status.error else ""
        return [Sentence(Tone.BAD, Rank.DAEMON, f"VPP is gone{why}; trying again")]
    said: list[Sentence] = []
    if status.connected and not was_there:
        said.append(Sentence(Tone.GOOD, Rank.DAEMON, f"VPP {status.version} is connected"))
    if status.error and (before is None or before.error != status.error):
        said.append(Sentence(Tone.BAD, Rank.DAEMON, f"VPP is not programmed: {status.error}"))
    return said


def _phase_changed(before: DesiredSettings | None, after: DesiredSettings) -> list[Sentence]:
    if before is not None and before.phase == after.phase:
        return []
    if before is None and after.phase != "wait":
        return []
    texts = {
        "wait": "nothing goes to VPP before the backends have been probed",
        "release": "a VIP whose backends have all been probed goes to VPP now",
        "full": "the warm-up is over: VPP gets all of it",
    }
    return [Sentence(Tone.PLAIN, Rank.DAEMON, texts[after.phase])]


def _synced(sync: SyncFinished) -> list[Sentence]:
    done = [
        f"{counted(count, what)} {how}"
        for count, what, how in (
            (sync.vip_added, "VIP", "added"),
            (sync.vip_removed, "VIP", "removed"),
            (sync.as_added, "server", "added"),
            (sync.as_removed, "server", "removed"),
            (sync.as_weight_updated, "weight", "set"),
        )
        if count
    ]
    told = [f"put right: {', '.join(done)}"] if done else []
    told += [f"refused: {counted(sync.failed, 'change')}"] if sync.failed else []
    if not told:
        return []
    text = f"VPP compared with what it should have; {'; '.join(told)}"
    tone = Tone.BAD if sync.failed else Tone.VPP
    return [Sentence(tone, Rank.SYNC, f"{text} ({lasting(sync.duration_s)})")]
