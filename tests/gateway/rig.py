# SPDX-License-Identifier: Apache-2.0
"""The gateway as a process between actors of the test and clients of the test."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc

from maglev.privileges import die_with_parent
from maglev.process import life_path
from maglev.rpc.service import METHODS, pb, stream, unary
from tests.gateway.actors import CONFIG, Actor, Said, backend, frontend, moved
from tests.support import eventually

ACTORS = Path(__file__).parents[2] / "actors"
CALL_S = 20.0


class Rig:
    """Everything around one gateway; it listens on a port of its own."""

    def __init__(self, where: Path, *, netns: str = "", **variables: str) -> None:
        """`variables` are MAGLEV_...; `netns`: where the gateway is to run."""
        self.run_dir = where / "run"
        self.run_dir.mkdir(exist_ok=True)
        self.port = 0
        self.lines: list[dict[str, Any]] = []
        self.actors: dict[str, Actor] = {}
        self.process: subprocess.Popen[bytes] | None = None
        self._enter = ["ip", "netns", "exec", netns] if netns else []
        self._reader: threading.Thread | None = None
        self._channels: list[grpc.Channel] = []
        self._plain: tuple[int, grpc.Channel] | None = None
        self._variables = {
            **os.environ,
            "PYTHONPATH": str(ACTORS),
            "MAGLEV_RUN_DIR": str(self.run_dir),
            "MAGLEV_STATE_DIR": str(where),
            "MAGLEV_PROBERS": "1",
            "MAGLEV_GRPC_ADDR": "127.0.0.1:0",
            "MAGLEV_METRICS_ADDR": "",
            "MAGLEV_TIME_SCALE": "0.5",
            **variables,
        }

    # --- starting and ending ---

    def begin(self) -> Rig:
        """Start the gateway and all actors, with two backends and a frontend, and wait for them."""
        self.start()
        for name in ("aggregator", "programmer", "watchdog", "prober-0"):
            self.actor(name)
        self.say("aggregator", CONFIG, *PLAIN)
        self.wait_serving()
        return self

    def start(self) -> None:
        """Start the gateway and wait until it listens."""
        self.launch()
        self.port = int(self.logged("grpc-listening")["port"])

    def launch(self) -> subprocess.Popen[bytes]:
        """Start the gateway, without a wait for crashes before."""
        path = life_path(self.run_dir, "gateway")
        if path.exists():
            os.truncate(path, 0)
        self.lines.clear()
        self.process = subprocess.Popen(
            [*self._enter, sys.executable, "-m", "maglev.gateway"],
            env=self._variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            preexec_fn=die_with_parent,
        )
        self._reader = threading.Thread(target=self._read, args=(self.process,))
        self._reader.start()
        return self.process

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                try:
                    self.lines.append(json.loads(line))
                except ValueError:
                    self.lines.append({"msg": "garbage", "text": line.decode(errors="replace")})

    def logged(self, msg: str, **fields: object) -> dict[str, Any]:
        """Wait for a line of the gateway's log and return it."""

        def found() -> list[dict[str, Any]]:
            assert self.process is not None
            wanted = [
                line
                for line in list(self.lines)
                if line.get("msg") == msg and fields.items() <= line.items()
            ]
            assert wanted or self.process.poll() is None, f"it ended: {self.lines}"
            return wanted

        return eventually(found, what=f"{msg} {fields}: {self.lines}")[-1]

    def actor(self, name: str) -> Actor:
        """Start an actor."""
        self.actors[name] = Actor(self.run_dir, name)
        return self.actors[name]

    def restart(self, name: str) -> Actor:
        """Have an actor begin a new life, without memory."""
        before = self.actors[name]
        before.stop()
        after = self.actor(name)
        after.answering = before.answering
        return after

    def kill(self) -> None:
        """Kill the gateway with signal 9."""
        self.end(signal.SIGKILL)

    def end(self, number: int) -> int:
        """End the gateway and return its exit status."""
        assert self.process is not None
        self.process.send_signal(number)
        status = self.process.wait(20)
        assert self._reader is not None
        self._reader.join()  # and so has closed the pipe
        return status

    def close(self) -> None:
        """End everything."""
        for channel in self._channels:
            channel.close()
        if self.process is not None and self._reader is not None:
            self.kill()
        for actor in self.actors.values():
            actor.stop()

    # --- the side of the actors ---

    def say(self, name: str, *messages: Said) -> None:
        """Have an actor say this."""
        self.actors[name].say(*messages)

    # --- the side of clients ---

    @property
    def target(self) -> str:
        """Where the gateway listens on TCP."""
        return f"127.0.0.1:{self.port}"

    def channel(self, target: str = "", credentials: Any = None) -> grpc.Channel:
        """Return a channel of its own, closed with everything else."""
        options = [("grpc.use_local_subchannel_pool", 1)]
        if credentials is None:
            channel = grpc.insecure_channel(target or self.target, options)
        else:
            options.append(("grpc.ssl_target_name_override", "maglev.example"))  # type: ignore[arg-type]
            channel = grpc.secure_channel(target or self.target, credentials, options)
        self._channels.append(channel)
        return channel

    def call(self, called: str, through: grpc.Channel | None = None, /, **fields: object) -> Any:
        """Make a call with these fields; raises RpcError."""
        request = METHODS[called].request(**fields)
        return unary(through or self._channel(), called)(request, timeout=CALL_S)

    def _channel(self) -> grpc.Channel:
        """Return the channel of all who want no other, to the gateway that runs now."""
        if self._plain is None or self._plain[0] != self.port:
            self._plain = self.port, self.channel()
        return self._plain[1]

    def watch(self, channel: grpc.Channel | None = None, **fields: object) -> Stream:
        """Watch events."""
        request = pb.WatchRequest(**fields)  # type: ignore[arg-type]
        return Stream(stream(channel or self.channel(), "WatchEvents")(request))

    def until(self, condition: Callable[[], object], what: str = "") -> None:
        """Wait until a condition holds; a call that fails in it is no more than not yet."""

        def holds() -> bool:
            with suppress(grpc.RpcError):
                return bool(condition())
            return False

        eventually(holds, what=what)

    def wait_serving(self) -> None:
        """Wait until the gateway knows what the actors of the test said first."""
        self.until(lambda: len(self.call("ListFrontends").frontends) == 1)
        self.until(lambda: len(self.call("ListBackends").backends) == len(BACKENDS))
        self.until(lambda: self.call("SyncVPPLBState"), "the programmer is there")
        for actor in self.actors.values():
            actor.asked.clear()


class Stream:
    """A stream of events, read in a thread of its own."""

    def __init__(self, call: Any) -> None:
        self.call = call
        self.events: list[Any] = []
        self.error: grpc.RpcError | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            for event in self.call:
                self.events.append(event)
        except grpc.RpcError as error:
            self.error = error

    def told(self) -> list[str]:
        """Return what came, a line each."""
        return [told(event) for event in list(self.events)]

    def wait(self, *wanted: str) -> list[str]:
        """Wait until all of these came, in this order, among others; return everything."""

        def came() -> bool:
            lines = iter(self.told())
            return all(line in lines for line in wanted)

        eventually(came, what=f"{wanted}")
        return self.told()

    def wait_end(self) -> grpc.RpcError:
        """Wait for the end of the stream and return how it ended."""
        return eventually(lambda: self.error)

    def __iter__(self) -> Iterator[Any]:
        return iter(list(self.events))


def told(event: Any) -> str:
    """Return an event as a line to compare."""
    match event.WhichOneof("event"):
        case "backend" | "frontend" as kind:
            said = getattr(event, kind)
            moved = said.transition
            return f"{kind} {said.name} {getattr(moved, 'from')} -> {moved.to} {moved.number}"
        case "log":
            return f"log {event.log.actor} {event.log.level} {event.log.msg}"
        case "lost":
            return f"lost {event.lost.lost}"
        case other:
            return f"{other}"


BACKENDS = (
    backend("web1", moved(3, "down", "up"), moved(2, "up", "down", "L4CON")),
    backend("web2"),
)
PLAIN: tuple[Said, ...] = (*BACKENDS, frontend("www", moved(1, "unknown", "up")))
