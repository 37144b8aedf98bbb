# SPDX-License-Identifier: Apache-2.0
"""The upper half of the screen: frontends with their backends, and the actors.

Wanted is what maglevd says it wants in VPP; what VPP has is asked of VPP itself, behind maglevd's
back, so that a difference shows.  Pure; look at `frontends` and `actors`.
"""

from __future__ import annotations

from collections.abc import Iterator

from maglev.actor import Instant
from maglev.clients.demo.scene import Installed, Scene
from maglev.clients.demo.sentence import aged, lasting
from maglev.clients.demo.styled import Row, Span, Style, cell
from maglev.core.health import counter_max
from maglev.messages import (
    ActorStatus,
    BackendStatus,
    ConfigStatus,
    FrontendStatus,
    Pool,
    PoolBackend,
)

BUCKETS = 1024
PROBED_S = 0.2  # how long a probe is seen
SPACIOUS = 110  # columns from which on bars and the last change have a place
BAR = 10

_STATES: dict[str, Style] = {"up": "good", "down": "bad"}


def frontends(scene: Scene, now: Instant, width: int) -> Iterator[Row]:
    """Yield the table of frontends, a row for each backend of each pool."""
    yield _titles(width)
    for frontend in scene.view.all(FrontendStatus):
        heads = iter(_heads(frontend))
        for pool in frontend.pools:
            for index, member in enumerate(pool.backends):
                head = next(heads, Span("plain", ""))
                row = [cell(head.style, head.text, 16), _pool(pool, first=index == 0)]
                yield [*row, *_backend(scene, frontend, member, now, width)]
        yield from ([head] for head in heads)


def actors(scene: Scene, now: Instant, width: int) -> Iterator[Row]:
    """Yield the actors, as many beside each other as there is room for."""
    cells = [_actor(scene, actor, now) for actor in scene.actors]
    longest = max(sum(len(span.text) for span in one) for one in cells) + 1
    beside = max(1, width // longest)
    for index in range(0, len(cells), beside):
        row: Row = []
        for one in cells[index : index + beside]:
            used = sum(len(span.text) for span in one)
            row += [*one, Span("plain", " " * (longest - used))]
        yield row


def _titles(width: int) -> Row:
    left = (("frontend", 15), ("pool", 11), ("backend", 9), ("server", 7), ("state", 8))
    right = (("since", 7), ("count", 6), ("want", 5))
    title = " " + "".join(f"{name:<{columns}}" for name, columns in left)
    title += "".join(f"{name:>{columns}}" for name, columns in right) + " |VPP share"
    return [Span("dim", f"{title}{'':<{BAR + 1}}last change" if width >= SPACIOUS else title)]


def _heads(frontend: FrontendStatus) -> list[Span]:
    """Return what stands before a frontend's rows, one below the other."""
    style = _STATES.get(frontend.state, "doubt")
    port = f":{frontend.port}" if frontend.port else ""
    return [
        Span(style, f" {frontend.name} {frontend.state}"),
        Span("dim", f" {frontend.address}{port}"),
    ]


def _pool(pool: Pool, *, first: bool) -> Span:
    if not first:
        return cell("plain", "", 10)
    return cell("bold", f"{pool.name} *", 10) if pool.active else cell("plain", pool.name, 10)


def _backend(
    scene: Scene, frontend: FrontendStatus, member: PoolBackend, now: Instant, width: int
) -> Row:
    status = scene.view.get(BackendStatus, member.name)
    if status is None:
        return [Span("plain", member.name)]
    chosen = scene.chosen_name == member.name
    mark = ">" if chosen else " "
    server = scene.servers.get(member.name, "")
    probed = now.mono_s - scene.seen_s.get(member.name, -1.0) < PROBED_S
    row = [
        cell("chosen" if chosen else "plain", f"{mark}{member.name}", 8),
        cell("plain", "." if probed else " ", 2),
        cell("plain" if server == "runs" else "you", server, 7),
        cell(_STATES.get(status.state, "doubt"), _state(status), 8),
        cell("plain", aged((now.unix_ns - status.since_ns) / 1e9), 7, right=True),
        cell("plain", _count(scene, status), 6, right=True),
    ]
    installed = scene.installed_of(frontend, status.address)
    row += _weights(member.weight_effective, installed)
    row += _share(installed, BAR if width >= SPACIOUS else 0)
    if width >= SPACIOUS:
        row.append(Span("dim", f" {_last_change(status)}"))
    return row


def _state(status: BackendStatus) -> str:
    return f"{status.state}?" if status.stale or status.fault else status.state


def _count(scene: Scene, status: BackendStatus) -> str:
    """Return the counter as `4/4`: at the maximum surely up, at 0 surely down."""
    config = scene.view.get(ConfigStatus)
    for check in config.healthchecks if config is not None else ():
        if check.name == status.healthcheck:
            return f"{status.counter}/{counter_max(check.rise, check.fall)}"
    return ""


def _weights(wanted: int | None, installed: Installed | None) -> Row:
    """Return what maglevd wants and what VPP has, marked where they differ."""
    want = "hold" if wanted is None else str(wanted)
    have = "-" if installed is None else str(installed.weight)
    differs = wanted is not None and (installed is None or installed.weight != wanted)
    carries = installed is not None and installed.weight > 0
    style: Style = "bad" if differs else "vpp" if carries else "plain"
    return [
        cell("plain", want, 5, right=True),
        cell("dim", " |", 2),
        cell(style, f"{have}{'!' if differs else ' '}", 4, right=True),
    ]


def _share(installed: Installed | None, bar_width: int) -> Row:
    """Return the share of new connections that VPP gives, in percent and perhaps as a bar."""
    share = installed.buckets / BUCKETS if installed is not None else 0.0
    row = [cell("vpp" if share else "dim", f"{share:.0%}", 5, right=True)]
    if bar_width:
        bar = "#" * max(round(bar_width * share), 1 if share else 0)
        row.append(cell("vpp", f" {bar}", bar_width + 1))
    return row


def _last_change(status: BackendStatus) -> str:
    words = (status.fault, status.code, status.detail)
    text = " ".join(word for word in words if word)
    return f"{text} {lasting(status.duration_s)}" if status.duration_s else text


def _actor(scene: Scene, actor: str, now: Instant) -> Row:
    chosen = scene.chosen_name == actor
    mark = ">" if chosen else " "
    name: Style = "chosen" if chosen else "plain"
    status = scene.view.get(ActorStatus, actor)
    restarts = f" r{status.restarts}" if status is not None and status.restarts else ""
    beat = scene.beats.get(actor)
    if actor in scene.gone or beat is None:
        told = "gone" if actor in scene.gone else "starting"
        return [Span(name, f"{mark}{actor}"), Span("bad", f" {told}"), Span("doubt", restarts)]
    up = aged((now.unix_ns - beat.started_ns) / 1e9)
    return [
        Span(name, f"{mark}{actor}"),
        Span("dim", f" {beat.pid}"),
        Span("good", f" {up}"),
        Span("doubt", restarts),
    ]
