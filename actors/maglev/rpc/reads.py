# SPDX-License-Identifier: Apache-2.0
"""The calls that only look: each answered from what is known, without asking anybody.

READS is the table of them.  What is known stands in a Picture, which belongs to whoever serves the
calls; what cannot be answered is a Failed, with the code of gRPC and words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final, TypeVar

from google.protobuf.message import Message

from maglev import version
from maglev.actor import Instant
from maglev.core.view import Beat, View
from maglev.messages import (
    ActorStatus,
    BackendStatus,
    Check,
    ConfigStatus,
    FrontendStatus,
    VipProgrammed,
    VppStatus,
)
from maglev.rpc import convert
from maglev.rpc.failed import Failed
from maglev.rpc.service import pb

S = TypeVar("S", BackendStatus, FrontendStatus)


@dataclass(frozen=True, slots=True)
class Picture:
    """What is known at a moment; `speaker` in texts is the process that a call depends on."""

    view: View
    beats: Mapping[str, Beat]
    now: Instant

    def is_stale(self, speaker: str) -> bool:
        """Return whether a speaker is silent, so that what it said may be old."""
        return speaker in self.view.silent

    def age_s(self, actor: str) -> float:
        """Return the seconds since an actor's last heartbeat; 0 if none was heard."""
        beat = self.beats.get(actor)
        return 0.0 if beat is None else max(0.0, self.now.mono_s - beat.heard_s)

    def staleness(self, speaker: str) -> str:
        """Return that a speaker is silent, and for how long, in words; empty if it is not."""
        if not self.is_stale(speaker):
            return ""
        return f"{speaker} silent for {self.age_s(speaker):.1f} s"

    def need(self, speaker: str) -> None:
        """Raise Failed as long as nothing was heard of a speaker."""
        if not self.view.knows(speaker):
            raise Failed("UNAVAILABLE", f"nothing was heard of the {speaker} yet: try again")


def frontend(picture: Picture, name: str, note: str = "") -> pb.FrontendInfo:
    """Return a frontend; raises Failed."""
    picture.need("aggregator")
    status = picture.view.get(FrontendStatus, name)
    if status is None:
        names = [one.name for one in picture.view.all(FrontendStatus)]
        raise Failed("NOT_FOUND", _unknown("frontend", name, names))
    return _frontend(picture, status, note)


def backend(picture: Picture, name: str, note: str = "") -> pb.BackendInfo:
    """Return a backend; raises Failed."""
    picture.need("aggregator")
    status = picture.view.get(BackendStatus, name)
    if status is None:
        names = [one.name for one in picture.view.all(BackendStatus)]
        raise Failed("NOT_FOUND", _unknown("backend", name, names))
    return convert.backend(status, stale=picture.is_stale("aggregator"), note=note)


def in_order(statuses: list[S]) -> list[S]:
    """Return backends or frontends in the order of the file."""
    return sorted(statuses, key=lambda one: one.place)


def _frontend(picture: Picture, status: FrontendStatus, note: str = "") -> pb.FrontendInfo:
    weights: dict[str, int] = {}
    programmed = picture.view.get(VipProgrammed, status.name)
    if programmed is not None:
        by_address = {one.address: one.weight for one in programmed.ases}
        for pool in status.pools:
            for held in (one.name for one in pool.backends if one.weight_effective is None):
                found = picture.view.get(BackendStatus, held)
                if found is not None and found.address in by_address:
                    weights[held] = by_address[found.address]
    stale = picture.is_stale("aggregator")
    return convert.frontend(status, weights, stale=stale, note=note)


def _unknown(kind: str, name: str, names: list[str]) -> str:
    # Comparing takes some 20 us a name, and this may be asked of us in a loop.
    few = len(name) <= 100 and len(names) <= 500
    close = get_close_matches(name, names, n=1) if few else []
    offer = f"; did you mean '{close[0]}'?" if close else ""
    return f"no {kind} is called '{name[:100]}'{offer}"


def _get_frontend(picture: Picture, request: Any) -> Message:
    return frontend(picture, request.name)


def _list_frontends(picture: Picture, request: Any) -> Message:
    picture.need("aggregator")
    found = in_order(picture.view.all(FrontendStatus))
    return pb.ListFrontendsResponse(frontends=[_frontend(picture, one) for one in found])


def _get_backend(picture: Picture, request: Any) -> Message:
    return backend(picture, request.name)


def _list_backends(picture: Picture, request: Any) -> Message:
    picture.need("aggregator")
    stale = picture.is_stale("aggregator")
    found = in_order(picture.view.all(BackendStatus))
    return pb.ListBackendsResponse(backends=[convert.backend(one, stale=stale) for one in found])


def _checks(picture: Picture) -> tuple[Check, ...]:
    picture.need("aggregator")
    config = picture.view.get(ConfigStatus)
    return config.healthchecks if config is not None else ()


def _list_healthchecks(picture: Picture, request: Any) -> Message:
    found = _checks(picture)
    return pb.ListHealthChecksResponse(healthchecks=map(convert.healthcheck, found))


def _get_healthcheck(picture: Picture, request: Any) -> Message:
    checks = {one.name: one for one in _checks(picture)}
    if request.name not in checks:
        raise Failed("NOT_FOUND", _unknown("healthcheck", request.name, list(checks)))
    return convert.healthcheck(checks[request.name])


def _vpp(picture: Picture) -> VppStatus:
    picture.need("programmer")
    status = picture.view.get(VppStatus)
    if status is None or not status.connected:
        why = status.error if status is not None and status.error else "not connected yet"
        raise Failed("UNAVAILABLE", f"no VPP: {why}")
    return status


def _get_vpp_info(picture: Picture, request: Any) -> Message:
    return convert.vpp_info(_vpp(picture), stale=picture.is_stale("programmer"))


def _get_vpp_lb_state(picture: Picture, request: Any) -> Message:
    _vpp(picture)
    vips = sorted(picture.view.all(VipProgrammed), key=lambda one: _place(picture, one.frontend))
    return pb.VPPLBState(
        vips=map(convert.vip, vips),
        in_sync=all(one.in_sync for one in vips),
        stale=picture.is_stale("programmer"),
    )


def _place(picture: Picture, frontend: str) -> int:
    status = picture.view.get(FrontendStatus, frontend)
    return 0 if status is None else status.place


def _list_actors(picture: Picture, request: Any) -> Message:
    picture.need("watchdog")
    actors = []
    for status in picture.view.all(ActorStatus):
        beat = picture.beats.get(status.actor)
        said = beat.said if beat is not None and beat.said.pid == status.pid else None
        age_s = status.heartbeat_age_s if said is None else picture.age_s(status.actor)
        actors.append(convert.actor(status, said, age_s, picture.now.unix_ns))
    return pb.ListActorsResponse(actors=actors)


def _get_version(picture: Picture, request: Any) -> Message:
    return convert.version(version.current())


@dataclass(frozen=True, slots=True)
class Read:
    """One call: what answers it, and whose state it shows (empty: nobody's)."""

    answer: Callable[[Picture, Any], Message]
    speaker: str


READS: Final[dict[str, Read]] = {
    "ListFrontends": Read(_list_frontends, "aggregator"),
    "GetFrontend": Read(_get_frontend, "aggregator"),
    "ListBackends": Read(_list_backends, "aggregator"),
    "GetBackend": Read(_get_backend, "aggregator"),
    "ListHealthChecks": Read(_list_healthchecks, "aggregator"),
    "GetHealthCheck": Read(_get_healthcheck, "aggregator"),
    "GetVPPInfo": Read(_get_vpp_info, "programmer"),
    "GetVPPLBState": Read(_get_vpp_lb_state, "programmer"),
    "ListActors": Read(_list_actors, "watchdog"),
    "GetVersion": Read(_get_version, ""),
}
"""Calls by name, each answered by a message or a Failed."""
