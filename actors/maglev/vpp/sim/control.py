# SPDX-License-Identifier: Apache-2.0
"""A client of the simulated VPP's control socket, for tests, the demo and `ctl`.

One connection, one request at a time; the only state is the connection.  Look at the methods of
Control for all that can be asked; VIPs are written as `192.0.2.1/32 tcp 80`.
"""

from __future__ import annotations

import json
import socket
from pathlib import Path
from types import TracebackType
from typing import Any

from maglev.vpp.sim.definitions import Version
from maglev.vpp.sim.faults import ANY_MESSAGE, Action, Garbage

ANSWER_S = 20.0

CHANGING = frozenset(
    {
        "lb_conf",
        "lb_add_del_vip",
        "lb_add_del_vip_v2",
        "lb_add_del_as",
        "lb_add_del_as_v2",
        "lb_as_set_weight",
        "lb_flush_vip",
    }
)
"""Messages that change what VPP does with packets (besides commands given by cli_inband)."""


class ControlError(Exception):
    """The simulated VPP did not do what it was asked; the text says what and why."""


class Control:
    """One connection to a control socket; OSError if there is none."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(ANSWER_S)
        try:
            self._socket.connect(str(path))
        except OSError:
            self._socket.close()
            raise
        self._lines = self._socket.makefile("rb")

    def __enter__(self) -> Control:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the simulated VPP goes on."""
        self._lines.close()
        self._socket.close()

    def ask(self, op: str, **fields: object) -> dict[str, Any]:
        """Send one request and return the answer."""
        self._socket.sendall(json.dumps({"op": op, **fields}).encode() + b"\n")
        line = self._lines.readline()
        if not line:
            raise ControlError(f"{op}: the simulated VPP closed the connection")
        answer: dict[str, Any] = json.loads(line)
        if not answer.pop("ok"):
            raise ControlError(answer["error"])
        return answer

    def state(self) -> dict[str, Any]:
        """Return all there is: conf, VIPs with ASes, weights and buckets, callers, faults."""
        return self.ask("state")

    def weights(self) -> dict[str, dict[str, int]]:
        """Return the weight of each AS in use, by VIP in use and address."""
        return {
            vip["vip"]: {one["address"]: one["weight"] for one in vip["ases"] if one["used"]}
            for vip in self.state()["vips"]
            if vip["used"]
        }

    def cursor(self) -> int:
        """Return the number that the next call will get in the log."""
        return int(self.state()["calls"])

    def calls(self, since: int = 0) -> list[dict[str, Any]]:
        """Return the calls received from number `since` on, in words."""
        told: list[dict[str, Any]] = []
        while True:
            answer = self.ask("calls", since=since)
            told += answer["calls"]
            since = answer["next"]
            if not answer["calls"]:
                return told

    def changes(self, since: int = 0) -> list[dict[str, Any]]:
        """Return those of the calls that change something."""
        return [
            call
            for call in self.calls(since)
            if call["message"] in CHANGING or call.get("line", "").startswith("lb ")
        ]

    def fail(
        self,
        message: str = ANY_MESSAGE,
        *,
        action: Action = "refuse",
        nth: int = 1,
        times: int = 1,
        retval: int = -1,
        garbage: Garbage = "unknown",
        applied: bool = False,
    ) -> None:
        """Have something done at the Nth call of a message, counted from now (see Rule)."""
        self.ask(
            "fail",
            message=message,
            action=action,
            nth=nth,
            times=times,
            retval=retval,
            garbage=garbage,
            applied=applied,
        )

    def clear(self) -> None:
        """Take back all faults: rules, delay, hang."""
        self.ask("clear")

    def delay(self, ms: float) -> None:
        """Delay every reply by so many milliseconds."""
        self.ask("delay", ms=ms)

    def hang(self) -> None:
        """Read and answer nothing until `resume`."""
        self.ask("hang")

    def resume(self) -> None:
        """Go on after `hang`."""
        self.ask("resume")

    def close_callers(self) -> None:
        """Close all connections to the binary API."""
        self.ask("close")

    def restart(
        self, *, version: Version | None = None, forget: bool = True, away_s: float = 0.0
    ) -> None:
        """Restart VPP, as another version, without its memory, after some time away."""
        wanted = {"version": version} if version else {}
        self.ask("restart", forget=forget, away_s=away_s, **wanted)

    def cli(self, line: str) -> str:
        """Run a line of VPP's command line behind the back of its callers; return its output."""
        answer = self.ask("cli", line=line)
        if answer["retval"]:
            raise ControlError(answer["text"].strip())
        return str(answer["text"])

    def set_weight(self, vip: str, address: str, weight: int) -> None:
        """Give an AS another weight, or add it with this weight."""
        self.cli(f"lb as {_selector(vip)} {address} weight {weight}")

    def del_as(self, vip: str, address: str) -> None:
        """Delete an AS."""
        self.cli(f"lb as {_selector(vip)} {address} del")

    def add_vip(self, vip: str, encap: str = "gre4", *, src_ip_sticky: bool = False) -> None:
        """Add a VIP."""
        sticky = " src_ip_sticky" if src_ip_sticky else ""
        self.cli(f"lb vip {_selector(vip)} encap {encap} new_len 1024{sticky}")

    def del_vip(self, vip: str) -> None:
        """Delete a VIP."""
        self.cli(f"lb vip {_selector(vip)} del")


def _selector(vip: str) -> str:
    """Return a VIP in the words of VPP's command line."""
    prefix, protocol, port = vip.split()
    return f"{prefix} protocol {protocol} port {port}" if int(port) else prefix
