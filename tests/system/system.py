# SPDX-License-Identifier: Apache-2.0
"""The whole system for a test: maglevd with its real actors, a simulated VPP, web servers.

Everything is a process of its own and ends with the test.  Times are CLOCK_MONOTONIC seconds, one
clock for the web servers (when one died), for VPP (when a call came) and for the test.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from copy import deepcopy
from typing import Any

from maglev.bus.client import ask
from maglev.messages import Answer, ConfigAnswer, ReloadConfig, Request
from maglev.process import life_path
from tests.daemon.running import ROOT, Running
from tests.support import eventually
from tests.system.backends import Backends
from tests.system.places import Pace, Pools, document, text, vip
from tests.vpp.simulated import Simulated, simulated_vpp

Weights = dict[str, dict[str, int]]
"""Weights in VPP, by frontend and backend."""

Change = Callable[[dict[str, Any]], None]
"""Changes the document of a configuration, everything under `maglev:`."""

ASK_S = 20.0
LATEST = 1 << 60  # a number beyond those of all calls


class System(Running):
    """One system; `begin` makes its surroundings, `start` a maglevd."""

    vpp: Simulated
    backends: Backends
    pace: Pace

    def __init__(self, scale: float) -> None:
        super().__init__(scale)
        del self.variables["MAGLEV_SUPERVISOR_D"]  # the real programs
        self.variables["PYTHONPATH"] = str(ROOT / "actors")
        self._around = ExitStack()

    def _write_programs(self, habits: Mapping[str, str]) -> None:
        pass

    # --- starting and ending ---

    def begin(
        self,
        addresses: Sequence[str],
        frontends: Mapping[str, Pools],
        pace: Pace | None = None,
        change: Change | None = None,
        *,
        port: int = 0,
        netns: str = "",
        as_call_us: float = 0.0,
    ) -> None:
        """Start VPP and web servers, and write the file; backends are called web1, web2 and so on.

        With a `port` there are web servers already.  `netns`: where they are to be.  `as_call_us`:
        how long VPP takes to change an AS, at least.
        """
        vpp = simulated_vpp(self.dir, as_call_us=as_call_us)
        self.vpp = self._around.enter_context(vpp)
        self.variables["MAGLEV_VPP_API_ADDR"] = str(self.vpp.socket)
        self.address = {f"web{number}": one for number, one in enumerate(addresses, start=1)}
        self.name = {one: name for name, one in self.address.items()}
        if not port:
            self.backends = Backends(self.dir, addresses, netns=netns)
            self._around.callback(self.backends.close)
            port = self.backends.port
        self.pace = pace or Pace()
        self.document = document(self.address, frontends, self.pace.check(port))
        self.vips = {
            f"{vip(number)}/32 tcp 80": name for number, name in enumerate(self.frontends())
        }
        if change is not None:
            change(self.document["maglev"])
        self.write()

    def write(self, change: Change | None = None) -> None:
        """Write the configuration file, with a change that the next write knows nothing of."""
        wanted = self.document
        if change is not None:
            wanted = deepcopy(wanted)
            change(wanted["maglev"])
        self.config.write_text(text(wanted), encoding="utf-8")

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Stop maglevd and wait for its end."""
        for process in self.started:
            process.send_signal(number)
            assert process.wait(30) == 0
            _, error = process.communicate()
            assert error == b"", error.decode()
        self.started.clear()

    def close(self) -> None:
        """End all of it."""
        self._around.close()
        super().close()

    # --- looking ---

    def frontends(self) -> dict[str, Any]:
        """Return the frontends of the file."""
        found: dict[str, Any] = self.document["maglev"]["frontends"]
        return found

    def weights(self) -> Weights:
        """Return the weights that VPP has."""
        return {
            self.vips.get(name, name): {self.name.get(one, one): w for one, w in ases.items()}
            for name, ases in self.vpp.control.weights().items()
        }

    def healthy(self) -> Weights:
        """Return the weights that VPP has when every backend is up and nobody wished anything."""
        return {
            name: {
                one: 0 if number else 100
                for number, pool in enumerate(frontend["pools"])
                for one in pool["backends"]
            }
            for name, frontend in self.frontends().items()
        }

    def wait_weights(self, wanted: Weights | None = None, deadline_s: float = 60.0) -> None:
        """Wait until VPP has these weights; without any, those of a healthy system."""
        wanted = self.healthy() if wanted is None else wanted
        try:
            eventually(lambda: self.weights() == wanted, deadline_s)
        except AssertionError:
            got, told = self.weights(), "\n".join(map(str, self.lines[-30:]))
            differing = [name for name in wanted | got if wanted.get(name) != got.get(name)][:5]
            words = [f"{name}: {wanted.get(name)}, not {got.get(name)}" for name in differing]
            raise AssertionError(f"wanted {words}\n{told}") from None

    def mark(self) -> int:
        """Return the number that VPP's next call will get."""
        return int(self.vpp.control.ask("calls", since=LATEST)["next"])

    def changes(self, since: int) -> list[dict[str, Any]]:
        """Return the calls since a mark that changed anything in VPP."""
        return self.vpp.control.changes(since)

    def assert_unchanged(self, since: int) -> None:
        """Assert that nothing in VPP was changed since a mark; else tell what, and the log."""
        changes = self.changes(since)
        news = "\n".join(map(str, [*changes, *self.lines[-80:]])) if changes else ""
        assert not changes, f"{len(changes)} changes\n{news}"

    def wait_set(self, since: int, backend: str, weight: int, deadline_s: float = 60.0) -> float:
        """Wait for VPP to be given a weight for a backend; return when the call came."""
        address = self.address[backend]

        def call() -> list[float]:
            return [
                one["at_ns"] / 1e9
                for one in self.changes(since)
                if (one.get("as"), one.get("weight"), one.get("retval")) == (address, weight, 0)
            ]

        return eventually(call, deadline_s, f"{backend} at {weight}: {self.lines[-20:]}")[0]

    def wait_synced(self, since: int) -> None:
        """Wait for a sync of everything that begins later than now, as VPP is asked for all of it.

        So whatever was going to be changed because of the past has been changed.
        """

        def reads() -> int:
            calls = self.vpp.control.calls(since)
            return sum(1 for one in calls if one["message"] == "lb_as_v2_dump")

        before = reads()
        eventually(lambda: reads() >= before + 2, 60, "two reads of VPP")

    # --- doing ---

    def ask(self, actor: str, request: Request) -> Answer:
        """Return an actor's answer."""
        return ask(self.run_dir, actor, request, ASK_S)

    def reload(self, change: Change | None = None) -> None:
        """Write the file, with a change, and have it put in force."""
        self.write(change)
        answer = self.ask("aggregator", ReloadConfig(who="test", origin="unix"))
        assert isinstance(answer, ConfigAnswer), answer
        errors = answer.parse_error, answer.semantic_error, answer.reload_error
        assert not any(errors), answer

    def pid(self, process: str) -> int:
        """Return the pid of an actor, or of supervisord."""
        return self.supervisord_pid() if process == "supervisord" else self.actor_pids()[process]

    def kill(self, *processes: str) -> None:
        """Kill actors, or supervisord, and wait until all are back and at work.

        They are told from a crash loop, so that no actor waits longer each time.
        """
        self.kill_only(*processes)
        self.wait_back()

    def kill_only(self, *processes: str) -> None:
        """Kill actors, or supervisord, with signal 9, and let them come back without a wait."""
        self._killed = {process: self.pid(process) for process in processes}
        for process, pid in self._killed.items():
            os.kill(pid, signal.SIGKILL)
            if process != "supervisord":
                os.truncate(life_path(self.run_dir, process), 0)

    def wait_back(self) -> None:
        """Wait until those that were killed last are back."""

        def back() -> bool:
            return self.is_up() and all(self.pid(one) != old for one, old in self._killed.items())

        try:
            eventually(back, 60)
        except AssertionError:
            told = "\n".join(map(str, self.lines[-30:]))
            raise AssertionError(f"{self._killed} back: {self.processes()}\n{told}") from None

    @contextmanager
    def stopped(self, *pids: int) -> Iterator[None]:
        """Have processes stand still for a while."""
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                with suppress(ProcessLookupError):  # replaced
                    os.kill(pid, signal.SIGCONT)

    def calm_down(self) -> None:
        """Have everything healthy and at work, whatever was done to it."""
        self.write()
        self.backends.be("ok")
        self.vpp.control.clear()
        self.wait_up()
        self.wait_weights()
