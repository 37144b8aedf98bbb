# SPDX-License-Identifier: Apache-2.0
"""The simulated VPP as a process sees it: callers on a Unix socket, boots, faults, the log.

A Connection cuts a stream into messages and answers them in order; the Vpp behind it is shared by
all.  The state is the Vpp: its plane (forgotten at a restart), its callers and what it was told to
do wrong.  Look at `Vpp.answer` for the way of a message.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator

from maglev.vpp.sim.api import Api, Identity, context_of
from maglev.vpp.sim.calls import CallLog
from maglev.vpp.sim.codec import HEADER, Codec
from maglev.vpp.sim.definitions import Version
from maglev.vpp.sim.faults import Faults, Rule, spoil
from maglev.vpp.sim.plane import Crashed, Plane

SOCKCLNT_CREATE = 15
HANDLE_BIT = 1 << 31  # set in the handle of every socket client
MESSAGE_MAX = 1 << 20  # bytes; a caller that announces more is cut off
UNSENT_MAX = 16 << 20  # bytes of replies that a caller did not read yet; above, it is not heard

AS_CALLS = frozenset({"lb_add_del_as", "lb_add_del_as_v2", "lb_as_set_weight"})

RELEASES: dict[Version, tuple[str, str]] = {
    "26.10": ("26.10-rc0", "2026-11-20T17:06:32"),
    "26.06": ("26.06-rc2", "2026-11-20T17:20:16"),
}


class Vpp:
    """One simulated VPP through all its boots."""

    def __init__(self, version: Version, collect_after_s: float, as_call_us: float) -> None:
        self.collect_after_s = collect_after_s
        self.as_call_ns = int(as_call_us * 1000)
        self.calls = CallLog()
        self.faults = Faults()
        self.hung = False
        self.delay_s = 0.0
        self.boots = 0
        self.callers: dict[int, Connection] = {}
        self.leave: Callable[[float], None] = lambda away_s: None  # stop listening for a while
        self._plane: Plane
        self.boot(version, forget=True)

    def boot(self, version: Version, *, forget: bool) -> None:
        """Start (again), as another process would, with or without what it knew."""
        old = version == "26.06"
        self.version: Version = version
        self.started_s = time.monotonic()
        # A pid for each boot, though it is one process.
        self.pid = os.getpid() + self.boots
        self.boots += 1
        if forget:
            self._plane = Plane(
                collect_after_s=self.collect_after_s,
                weight_default=1 if old else 100,
                first_dpo=12 if old else 13,
            )
        release, build_date = RELEASES[version]
        self.api = Api(version, Identity(self.pid, release, build_date, ""), self._plane)

    @property
    def plane(self) -> Plane:
        """What this VPP knows, without what is due to be forgotten."""
        self._plane.collect(self.now_s())
        return self._plane

    def now_s(self) -> float:
        """Return the seconds since the start."""
        return time.monotonic() - self.started_s

    def answer(self, message: bytes, caller: Connection) -> bytes:
        """Handle a message and return the reply; empty if there is none."""
        message_id = int.from_bytes(message[:2], "big")
        if message_id == SOCKCLNT_CREATE and len(message) >= 6:
            caller.name = message[6:70].rstrip(b"\0").decode(errors="replace")
            return self.api.greeting(message, caller.handle)
        codec, handler = self.api.handlers.get(message_id, (None, None))
        # As VPP, without a word for unknown messages and unknown callers.
        if codec is None or handler is None or len(message) < codec.fixed.size:
            return b""
        if message[2:6] != caller.handle_bytes:
            return b""
        if self.faults.rules and (rule := self.faults.rule_for(codec.name)):
            reply = self._fail(rule, codec, message, caller)
        else:
            reply = handler(codec, message, self.now_s())
        if self.as_call_ns and codec.name in AS_CALLS:
            self._be_busy()
        self.calls.add((time.monotonic_ns(), caller.name, codec, message, reply[:26]))
        return reply

    def _be_busy(self) -> None:
        """Spend the time in which a real VPP builds the VIP's table anew."""
        until_ns = time.perf_counter_ns() + self.as_call_ns
        while time.perf_counter_ns() < until_ns:
            pass

    def _fail(self, rule: Rule, codec: Codec, message: bytes, caller: Connection) -> bytes:
        """Carry out a rule and return what goes back to the caller."""
        reply = b""
        if rule.applied or rule.action == "garbage":
            reply = self.api.handlers[codec.id][1](codec, message, self.now_s())
        match rule.action:
            case "refuse":
                return self.api.refusal(codec, context_of(message), rule.retval)
            case "garbage":
                return spoil(rule.garbage, reply)
            case "close":
                caller.cut_off()
            case "restart":
                self.restart(self.version, forget=True, away_s=0.0)
            case "hang":
                self.hang()
        return b""

    def hang(self) -> None:
        """Read nothing and answer nothing until `resume`, as if stopped."""
        self.hung = True
        for caller in self.callers.values():
            caller.pause()

    def resume(self) -> None:
        """Go on where `hang` stopped."""
        self.hung = False
        for caller in list(self.callers.values()):
            caller.resume()

    def cut_off_all(self) -> None:
        """Close all connections."""
        for caller in list(self.callers.values()):
            caller.cut_off()

    def restart(self, version: Version, *, forget: bool, away_s: float) -> None:
        """Die and start again; callers find nobody for away_s seconds."""
        self.cut_off_all()
        self.boot(version, forget=forget)
        if away_s:
            self.leave(away_s)


class Connection(asyncio.Protocol):
    """One caller."""

    def __init__(self, vpp: Vpp) -> None:
        self.name = ""
        self._vpp = vpp
        self._input = bytearray()
        self._working = False  # inside _work
        self._cut = False  # to be closed
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport), f"{transport=}"
        self._transport = transport
        transport.set_write_buffer_limits(high=UNSENT_MAX)
        index = next(n for n in range(1, HANDLE_BIT) if n not in self._vpp.callers)
        self._index, self.handle = index, index | HANDLE_BIT
        self.handle_bytes = self.handle.to_bytes(4, "big")
        self._vpp.callers[index] = self
        if self._vpp.hung:
            self.pause()

    def connection_lost(self, exc: Exception | None) -> None:
        self._vpp.callers.pop(self._index, None)

    def data_received(self, data: bytes) -> None:
        self._input += data
        self._work()

    def pause_writing(self) -> None:
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        if not self._vpp.hung:
            self._transport.resume_reading()

    def pause(self) -> None:
        """Hear nothing more from this caller."""
        self._transport.pause_reading()

    def resume(self) -> None:
        """Hear this caller again, first what it said last."""
        self._transport.resume_reading()
        self._work()

    def cut_off(self) -> None:
        """Close the connection, once what was answered before is on its way."""
        self._cut = True
        if not self._working:
            self._transport.abort()

    def _work(self) -> None:
        replies = []
        self._working = True
        try:
            for message in self._messages():
                replies.append(self._vpp.answer(message, self))
        except Crashed:
            self._vpp.restart(self._vpp.version, forget=True, away_s=0.0)
        self._working = False
        self._send(b"".join(replies))
        if self._cut:
            self._transport.abort()

    def _messages(self) -> Iterator[bytes]:
        """Yield the whole messages that have come in, until told to stop."""
        self._vpp.plane.collect(self._vpp.now_s())
        data, at = self._input, 0
        try:
            while not self._vpp.hung and not self._cut:
                if len(data) - at < HEADER.size:
                    break
                length = HEADER.unpack_from(data, at)[1]
                if length > MESSAGE_MAX:
                    self.cut_off()
                    break
                begin = at + HEADER.size
                if len(data) < begin + length:
                    break
                at = begin + length
                yield bytes(data[begin:at])
        finally:
            del data[:at]

    def _send(self, data: bytes) -> None:
        if not data:
            return
        if self._vpp.delay_s:
            asyncio.get_running_loop().call_later(self._vpp.delay_s, self._write, data)
        else:
            self._write(data)

    def _write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)
