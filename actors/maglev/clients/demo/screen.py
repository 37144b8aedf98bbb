# SPDX-License-Identifier: Apache-2.0
"""What the terminal shows, from 80x24 up: tables above, the story below, the keys at the bottom.

Pure: a Scene, the time and a size become rows of styled text; nothing is told by colour alone, and
everything is ASCII.  Look at `draw` for the order of the rows.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from datetime import datetime

from maglev.actor import Instant
from maglev.clients.demo.scene import Scene, Told
from maglev.clients.demo.sentence import Tone, aged
from maglev.clients.demo.styled import Row, Span, Style, clipped, printable
from maglev.clients.demo.tables import actors, frontends
from maglev.messages import DesiredSettings, VppStatus

_STYLES: dict[Tone, Style] = {
    Tone.PLAIN: "plain",
    Tone.GOOD: "good",
    Tone.DOUBT: "doubt",
    Tone.BAD: "bad",
    Tone.VPP: "vpp",
    Tone.YOU: "you",
}
_PHASES = {
    "wait": "warming up: nothing goes to VPP yet",
    "release": "warming up: VIPs go to VPP one by one",
    "full": "in service",
}


def draw(scene: Scene, now: Instant, width: int, height: int) -> list[Row]:
    """Return exactly `height` rows of at most `width` columns."""
    above = [_header(scene, now, width), *frontends(scene, now, width)]
    above += [_rule("actors: pid, uptime, restarts", width, "VPP: asked of VPP itself")]
    above += [*actors(scene, now, width), _rule("what happens", width)]
    below = _keys(scene, width)
    above = above[: max(0, height - len(below))]
    room = max(0, height - len(above) - len(below))
    story = _story(scene, width, room)
    rows = [*above, *story, *([] for _ in range(room - len(story))), *below]
    return [clipped(row, width) for row in rows[:height]]


def line(told: Told) -> str:
    """Return a sentence with its time, in one line."""
    moment = datetime.fromtimestamp(told.at_ns / 1e9)
    time = f"{moment:%H:%M:%S}.{moment.microsecond // 10000:02}"
    return printable(f"{time}  {told.sentence.text}")


def _header(scene: Scene, now: Instant, width: int) -> Row:
    vpp = scene.view.get(VppStatus)
    settings = scene.view.get(DesiredSettings)
    parts = ["maglevd demo"]
    if vpp is None or not vpp.connected:
        parts.append("VPP (simulated): not connected")
    else:
        parts.append(f"VPP (simulated) {vpp.version} connected")
    parts.append(_PHASES[settings.phase] if settings is not None else "starting")
    up = aged(now.mono_s - scene.started_s)
    left = f" {'  |  '.join(parts)}"
    return [Span("bar", f"{left.ljust(width - len(up) - 1)}{up} ")]


def _rule(title: str, width: int, right: str = "") -> Row:
    tail = f" {right} --" if right else ""
    return [Span("dim", f"-- {title} ".ljust(width - len(tail), "-") + tail)]


def _story(scene: Scene, width: int, room: int) -> list[Row]:
    """Return the end of the story, the newest sentence last."""
    rows: list[Row] = []
    for told in reversed(scene.story):
        if len(rows) >= room:
            break
        rows[:0] = _wrapped(told, width)
    return rows[max(0, len(rows) - room) :]


def _wrapped(told: Told, width: int) -> Iterator[Row]:
    time, _, text = line(told).partition("  ")
    style = _STYLES[told.sentence.tone]
    for index, part in enumerate(textwrap.wrap(text, max(20, width - len(time) - 3))):
        lead = f" {time} " if index == 0 else " " * (len(time) + 2)
        yield [Span("dim", lead), Span(style, part)]


def _keys(scene: Scene, width: int) -> list[Row]:
    name = scene.chosen_name
    if name in scene.servers:
        again = "revive" if scene.servers[name] == "killed" else "kill"
        acts = f"k {again}  e 503  h hang  p pause  |  in VPP: w change weight  d delete"
    else:
        acts = "k kill -9"
    first = f" {name}: {acts}"
    second = " arrows choose  c edit config and reload  v restart VPP  q quit"
    listen = f"maglev-tap --run-dir {scene.run_dir}"
    if len(second) + len(listen) + 4 < width:
        second = f"{second.ljust(width - len(listen) - 1)}{listen}"
    return [[Span("bar", text.ljust(width))] for text in (first, second)]
