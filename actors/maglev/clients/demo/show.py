# SPDX-License-Identifier: Apache-2.0
"""The loop of the demo: what is heard goes into the Scene and the story, keys become acts.

News of one frame are told together, causes before effects, because two actors' words may come in
any order.  The state is the Scene; look at `Show.run`.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterable
from typing import Final

from maglev.actor import Answered, Event, Found, Heard, Lost, Synced
from maglev.bus.node import Node
from maglev.clients.demo import words
from maglev.clients.demo.acts import QUIT, Acts
from maglev.clients.demo.scene import Installed, Scene, Told
from maglev.clients.demo.screen import draw, line
from maglev.clients.demo.sentence import Rank, Sentence, Tone
from maglev.clients.demo.stage import Stage
from maglev.clients.demo.terminal import Audience, Gone, keys_in
from maglev.core.view import Change
from maglev.messages import (
    ActorStatus,
    Alarm,
    AlarmCleared,
    Answer,
    BackendGone,
    BackendStatus,
    ConfigAnswer,
    ConfigStatus,
    DesiredSettings,
    Done,
    Edge,
    FrontendGone,
    FrontendStatus,
    Heartbeat,
    Message,
    ProbesSeen,
    Refused,
    Request,
    SyncFinished,
    VipForgotten,
    VipProgrammed,
    VppStatus,
)
from maglev.runtime import instant
from maglev.vpp.sim.control import Control, ControlError

FRAME_S: Final = 0.1
VPP_S: Final = 0.25  # how often VPP itself is asked

HEARD: Final[tuple[type[Message], ...]] = (
    ActorStatus,
    Alarm,
    AlarmCleared,
    BackendGone,
    BackendStatus,
    ConfigStatus,
    DesiredSettings,
    FrontendGone,
    FrontendStatus,
    Heartbeat,
    ProbesSeen,
    SyncFinished,
    VipForgotten,
    VipProgrammed,
    VppStatus,
)


class Show:
    """Shows one stage to somebody."""

    def __init__(self, stage: Stage, audience: Audience) -> None:
        """Attach to the daemon, which need not be there yet."""
        settings = stage.settings
        self._stage = stage
        self._audience = audience
        self._timers = settings.timers
        self._scene = Scene(
            actors=settings.actor_names,
            run_dir=str(settings.run_dir),
            started_s=time.monotonic(),
        )
        self._node = Node(
            settings.run_dir,
            "demo",
            says=(),
            follows=dict.fromkeys(settings.actor_names, HEARD),
            timers=settings.timers,
            binds=False,
        )
        self._acts = Acts(stage, self._scene, self._ask)
        self._asked = 0
        self._changes: list[Change] = []
        self._sentences: list[Sentence] = []
        self._vpp_due_s = 0.0
        self._control: Control | None = None
        self._keys = True  # standard input is open

    def close(self) -> None:
        """Leave the bus and VPP."""
        self._node.close()
        if self._control is not None:
            self._control.close()

    def run(self) -> None:
        """Show what happens until somebody quits; raises Gone, or Unstageable if maglevd ends."""
        self._tell([Sentence(Tone.PLAIN, Rank.YOU, text) for text in self._opening()])
        frame_s = 0.0
        while True:
            now_s = time.monotonic()
            if now_s >= frame_s:
                frame_s = now_s + FRAME_S
                self._frame(now_s)
            if not self._wait(min(frame_s, self._node.tick(now_s))):
                return
            for event in self._node.receive(time.monotonic()):
                self._take(event)
            self._node.take_notes()

    def _opening(self) -> Iterable[str]:
        yield f"everything lives in {self._stage.directory}: {self._stage.processes()}"
        yield f"to listen in: maglev-tap --run-dir {self._stage.settings.run_dir}"
        yield f"to steer it: maglevc --server {self._stage.settings.grpc_addr}"

    # --- waiting, keys -------------------------------------------------------------------------

    def _wait(self, until_s: float) -> bool:
        """Wait for the bus or a key; return False if the show is over."""
        poll = select.poll()
        poll.register(self._node.fileno(), select.POLLIN)
        if self._keys:
            poll.register(0, select.POLLIN)
        poll.register(1, 0)
        for fd, _ in poll.poll(max(0.0, until_s - time.monotonic()) * 1000):
            if fd == 1:
                raise Gone
            if fd == 0 and not self._read_keys():
                return False
        return True

    def _read_keys(self) -> bool:
        """Do what was typed, or came through a pipe; return False to quit."""
        try:
            typed = os.read(0, 1024).decode(errors="replace")
        except OSError as error:
            raise Gone from error
        self._keys = bool(typed)
        for key in keys_in(typed):
            if key in QUIT:
                return False
            self._sentences += self._acts.press(key)
            self._vpp_due_s = 0.0
        return True

    # --- what is heard -------------------------------------------------------------------------

    def _take(self, event: Event) -> None:
        view = self._scene.view
        match event:
            case Synced(speaker, _, messages):
                self._changes += view.synced(speaker, messages)
            case Heard(speaker, Heartbeat() as beat):
                self._beat(speaker, beat)
            case Heard(_, ProbesSeen(backends=backends)):
                self._scene.seen_s.update(dict.fromkeys(backends, time.monotonic()))
            case Heard(_, Edge() as edge):
                self._sentences += words.of_edge(edge)
            case Heard(speaker, message):
                change = view.heard(speaker, message)
                self._changes += [change] if change is not None else []
            case Lost(speaker):
                view.lost(speaker)
                self._scene.gone.add(speaker)
                self._sentences += words.of_silence(speaker)
            case Found(speaker):
                view.found(speaker)
                self._scene.gone.discard(speaker)
            case Answered(_, answer):
                self._sentences += _answer(answer)

    def _beat(self, speaker: str, beat: Heartbeat) -> None:
        before = self._scene.beats.get(speaker)
        self._sentences += words.of_heartbeat(before, beat)
        self._scene.beats[speaker] = beat
        if before is None or before.pid != beat.pid or speaker not in self._scene.view.silent:
            self._scene.gone.discard(speaker)

    def _ask(self, speaker: str, request: Request) -> None:
        self._asked += 1
        self._node.ask(speaker, request, self._timers.request_s, self._asked)

    # --- frames --------------------------------------------------------------------------------

    def _frame(self, now_s: float) -> None:
        self._stage.check()
        if self._changes or now_s >= self._vpp_due_s:
            self._vpp_due_s = now_s + VPP_S
            self._look_into_vpp()
        self._tell_news()
        if size := self._audience.size():
            self._audience.draw(draw(self._scene, instant(), *size))

    def _tell_news(self) -> None:
        told = self._sentences
        moves = [move for change in self._changes if (move := words.moved(change))]
        told += words.of_moves(moves)
        for change in self._changes:
            told += words.of_change(change, self._scene.view)
        self._changes, self._sentences = [], []
        self._tell(sorted(told, key=lambda sentence: sentence.rank))

    def _tell(self, sentences: Iterable[Sentence]) -> None:
        for sentence in sentences:
            told = Told(time.time_ns(), sentence)
            self._scene.story.append(told)
            self._audience.tell(line(told))

    def _look_into_vpp(self) -> None:
        """Ask the simulated VPP itself what it has."""
        try:
            if self._control is None:
                self._control = Control(self._stage.control)
            state = self._control.state()
        except (OSError, ControlError):
            if self._control is not None:
                self._control.close()
            self._control, self._scene.installed = None, None
            return
        self._scene.installed = {
            vip["vip"]: {
                one["address"]: Installed(one["weight"], one["buckets"])
                for one in vip["ases"]
                if one["used"]
            }
            for vip in state["vips"]
            if vip["used"]
        }


def _answer(answer: Answer) -> list[Sentence]:
    """Return what an answer of maglevd means to whoever asked."""
    match answer:
        case Refused(text=text):
            return [Sentence(Tone.BAD, Rank.YOU, f"maglevd refuses: {text}")]
        case ConfigAnswer(parse_error=one, semantic_error=two, reload_error=three):
            errors = [error for error in (one, two, three) if error]
            if errors:
                text = f"maglevd refuses the file, and the old one stays in force: {errors[0]}"
                return [Sentence(Tone.BAD, Rank.YOU, text)]
            return [Sentence(Tone.GOOD, Rank.YOU, "maglevd accepts the file: it is in force")]
        case Done(changed=False, text=text):
            return [Sentence(Tone.PLAIN, Rank.YOU, f"maglevd says: {text}")]
        case _:
            return []
