# SPDX-License-Identifier: Apache-2.0
"""What the keys do: to the web servers, to VPP behind maglevd's back, to actors, to the file.

Each act tells what was done, as `you`; what comes of it is told by those who notice.  The state is
the Scene's and the Stage's; look at `Acts.press`.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final

from maglev.clients.demo.scene import Scene, vip_of
from maglev.clients.demo.sentence import Rank, Sentence, Tone
from maglev.clients.demo.server import Mood
from maglev.clients.demo.stage import Stage
from maglev.messages import (
    BackendStatus,
    FrontendStatus,
    OperateBackend,
    ReloadConfig,
    Request,
)
from maglev.vpp.sim.control import Control, ControlError

WHO: Final = "demo"
QUIT: Final = frozenset({"q", "\x03", "\x04"})
VPP_AWAY_S: Final = 1.0
_WEIGHT = re.compile(r"^(\s+web1: \{weight: )(\d+)\}", re.M)
_DOES: Final[dict[Mood, str]] = {"ok": "runs", "error": "503", "hang": "hangs"}

Ask = Callable[[str, Request], None]


class Acts:
    """What one can do to the demo."""

    def __init__(self, stage: Stage, scene: Scene, ask: Ask) -> None:
        """`ask` puts a request to an actor; its answer is somebody else's business."""
        self._stage = stage
        self._scene = scene
        self._ask = ask
        self._note_servers()

    def press(self, key: str) -> list[Sentence]:
        """Do what a key stands for and return what there is to tell; unknown keys do nothing."""
        scene = self._scene
        choices = scene.choices()
        if key in ("up", "left"):
            scene.chosen = (scene.chosen - 1) % len(choices)
        elif key in ("down", "right", "\t"):
            scene.chosen = (scene.chosen + 1) % len(choices)
        elif key.isdigit() and 1 <= int(key) <= len(choices):
            scene.chosen = int(key) - 1
        elif key == "c":
            return self._reload()
        elif key == "v":
            return self._tamper("VPP restarts and has forgotten all", self._restart_vpp)
        elif scene.chosen_name in scene.servers:
            return self._on_backend(key, scene.chosen_name)
        elif key == "k":
            return self._kill_actor(scene.chosen_name)
        return []

    def _on_backend(self, key: str, name: str) -> list[Sentence]:
        match key:
            case "k":
                return self._kill(name)
            case "e":
                return self._change_mood(name, "error", "503 from now on")
            case "h":
                return self._change_mood(name, "hang", "nothing at all from now on")
            case "p":
                return self._pause(name)
            case "w":
                return self._change_weight(name)
            case "d":
                return self._delete(name)
            case _:
                return []

    # --- web servers ---

    def _kill(self, name: str) -> list[Sentence]:
        server = self._stage.servers[name]
        if server.process is None:
            self._stage.start(server)
            text = f"{name}'s web server is started again"
        else:
            text = f"{name}'s web server is killed (kill -9 {self._stage.kill(server)})"
        self._note_servers()
        return [_you(text)]

    def _change_mood(self, name: str, mood: Mood, answer: str) -> list[Sentence]:
        server = self._stage.servers[name]
        if server.process is None:
            return [_you(f"{name}'s web server is killed; k revives it")]
        if server.mood == mood:
            mood, answer = "ok", "200 again"
        self._stage.tell(server, mood)
        self._note_servers()
        return [_you(f"{name}'s web server answers {answer}")]

    def _note_servers(self) -> None:
        for server in self._stage.servers.values():
            does = _DOES[server.mood] if server.process is not None else "killed"
            self._scene.servers[server.name] = does

    # --- maglevd ---

    def _pause(self, name: str) -> list[Sentence]:
        status = self._scene.view.get(BackendStatus, name)
        paused = status is not None and status.state == "paused"
        operation: str = "resume" if paused else "pause"
        request = OperateBackend(
            backend=name, operation="resume" if paused else "pause", who=WHO, origin="unix"
        )
        self._ask("aggregator", request)
        return [_you(f"maglevd is asked to {operation} {name}")]

    def _reload(self) -> list[Sentence]:
        path = self._stage.settings.config
        text = path.read_text(encoding="utf-8")
        found = _WEIGHT.search(text)
        told = f"{path} is read again"
        if found is not None:
            weight = 20 if found[2] != "20" else 100
            path.write_text(_WEIGHT.sub(rf"\g<1>{weight}}}", text, count=1), encoding="utf-8")
            told = f"the file gives web1 weight {weight} in www instead of {found[2]}; {told}"
        self._ask("aggregator", ReloadConfig(who=WHO, origin="unix"))
        return [_you(told)]

    def _kill_actor(self, actor: str) -> list[Sentence]:
        beat = self._scene.beats.get(actor)
        if beat is None or actor in self._scene.gone or not _is_ours(beat.pid):
            return [_you(f"{actor} does not run")]
        os.kill(beat.pid, signal.SIGKILL)
        self._scene.gone.add(actor)
        return [_you(f"{actor} is killed (kill -9 {beat.pid})")]

    # --- VPP ---

    def _change_weight(self, name: str) -> list[Sentence]:
        frontend, address = self._place_of(name)
        if frontend is None:
            return [_you(f"{name} is not in VPP")]
        installed = self._scene.installed_of(frontend, address)
        weight = 100 if installed is None or installed.weight < 50 else 1
        text = f"behind maglevd's back {name} gets weight {weight} in {frontend.name} in VPP"
        vip = vip_of(frontend)
        return self._tamper(text, lambda control: control.set_weight(vip, address, weight))

    def _delete(self, name: str) -> list[Sentence]:
        frontend, address = self._place_of(name)
        if frontend is None:
            return [_you(f"{name} is not in VPP")]
        text = f"behind maglevd's back {name} is deleted from {frontend.name} in VPP"
        vip = vip_of(frontend)
        return self._tamper(text, lambda control: control.del_as(vip, address))

    def _place_of(self, name: str) -> tuple[FrontendStatus | None, str]:
        """Return the first frontend with this backend, and the backend's address."""
        status = self._scene.view.get(BackendStatus, name)
        if status is None:
            return None, ""
        for frontend in self._scene.view.all(FrontendStatus):
            if any(name == one.name for pool in frontend.pools for one in pool.backends):
                return frontend, status.address
        return None, status.address

    def _tamper(self, text: str, act: Callable[[Control], None]) -> list[Sentence]:
        try:
            with Control(self._stage.control) as control:
                act(control)
        except (OSError, ControlError) as error:
            return [_you(f"VPP did not let us: {error}")]
        return [_you(text)]

    def _restart_vpp(self, control: Control) -> None:
        control.restart(away_s=VPP_AWAY_S)


def _is_ours(pid: int) -> bool:
    """Return whether a process still is an actor: its pid may have been given to another one."""
    try:
        return b"maglev." in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _you(text: str) -> Sentence:
    return Sentence(Tone.YOU, Rank.YOU, f"> {text}")
