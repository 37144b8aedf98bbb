# SPDX-License-Identifier: Apache-2.0
"""The programmer's way to VPP: effects become calls, answers become events.

One VppApi at a time; its future `closed` is the only way a connection ends, whatever went wrong,
and VppLost the last event of it.  Nothing here decides anything; look at `_send` and `_hand_on` for
the way of an operation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from maglev.actor import Effect, Event
from maglev.core.reconcile import Operation
from maglev.core.timers import Timers
from maglev.log import Log
from maglev.messages import LbConf
from maglev.programmer.events import (
    CallsCounted,
    ConnectVpp,
    LbConfAnswered,
    OperationsAnswered,
    PingVpp,
    PushLbConf,
    ReadVpp,
    SendOperations,
    VppConnected,
    VppLost,
    VppRead,
)
from maglev.programmer.trace import traced
from maglev.runtime import Runtime
from maglev.vpp.counts import Counts
from maglev.vpp.lb import LbPlugin
from maglev.vpp.link import VppGone, VppUnavailable
from maglev.vpp.papi import VppApi, VppChanged

ANSWERS_A_TURN = 8
"""VPP answers a window in one go; while we look at the rest it can work on what follows these.

Measured with a core for each: a full sync at 0.79 of VPP's ceiling instead of 0.61.
"""


class Shell:
    """Performs what the programmer asks of VPP."""

    def __init__(self, socket_path: Path, timers: Timers, log: Log) -> None:
        self.runtime: Runtime | None = None
        self._path = socket_path
        self._reply_s = timers.vpp_reply_s
        self._totals_s = timers.totals_s
        self._counts = Counts()
        self._log = log
        self._connector = traced(self._tell) if log.passes("debug") else VppApi
        self._api: VppApi | None = None
        self._plugin: LbPlugin | None = None
        self._retvals: list[int] = []  # not handed on yet

    async def serve(self) -> None:
        """Tell the actor once in a while what was counted."""
        while True:
            self._feed(CallsCounted(self._counts.tallies()))
            await asyncio.sleep(self._totals_s)

    def perform(self, effect: Effect) -> None:
        """Begin what an effect asks for; the event about it follows."""
        if isinstance(effect, ConnectVpp):
            assert self._api is None, "connected twice"
            self._spawn(self._connect(), "connect")
        elif self._api is None:
            pass  # the connection is lost, and VppLost is on its way to the actor
        elif isinstance(effect, PingVpp):
            self._spawn(self._ping(self._api), "ping")
        else:
            assert self._plugin is not None, f"{effect} for a VPP that cannot be programmed"
            self._program(self._plugin, effect)

    def _program(self, plugin: LbPlugin, effect: Effect) -> None:
        match effect:
            case SendOperations(operations):
                self._send(plugin, operations)
            case ReadVpp():
                self._spawn(self._read(plugin), "read")
            case PushLbConf(conf):
                self._spawn(self._push(plugin, conf), "push lb_conf")
            case _:
                raise AssertionError(f"nobody performs {effect}")

    def _send(self, plugin: LbPlugin, operations: tuple[Operation, ...]) -> None:
        for operation in operations:
            plugin.send(operation).add_done_callback(self._answered)

    def _answered(self, future: asyncio.Future[int]) -> None:
        if future.exception() is not None:
            return  # VppGone: the end of the connection says why
        if not self._retvals:
            asyncio.get_running_loop().call_soon(self._hand_on)
        self._retvals.append(future.result())

    def _hand_on(self) -> None:
        """Hand on the oldest answers, and the rest after what these lead to has been sent."""
        if self._retvals:
            self._feed(OperationsAnswered(tuple(self._retvals[:ANSWERS_A_TURN])))
            del self._retvals[:ANSWERS_A_TURN]
        if self._retvals:
            asyncio.get_running_loop().call_soon(self._hand_on)

    async def _connect(self) -> None:
        try:
            api = await self._connector.connect(
                self._path, reply_s=self._reply_s, counts=self._counts
            )
        except VppUnavailable as why:
            self._feed(VppLost(str(why)))
            return
        except VppChanged as why:
            self._log.write("info", "vpp-changed", {"why": str(why)})
            assert self.runtime is not None
            self.runtime.stop()
            return
        unsupported = ""
        try:
            self._plugin = LbPlugin(api)
        except VppUnavailable as why:
            unsupported = str(why)
        self._api = api
        self._feed(
            VppConnected(api.version, api.build_date, api.build_directory, api.pid, unsupported)
        )
        api.closed.add_done_callback(self._closed)

    def _closed(self, closed: asyncio.Future[str]) -> None:
        if self._retvals:  # what was answered was answered
            self._feed(OperationsAnswered(tuple(self._retvals)))
            self._retvals.clear()
        self._api = self._plugin = None
        self._feed(VppLost(closed.result()))

    async def _read(self, plugin: LbPlugin) -> None:
        try:
            picture = await plugin.read()
        except VppGone:
            return
        if plugin is self._plugin:
            self._feed(VppRead(picture.conf, picture.vips, picture.buckets))

    async def _push(self, plugin: LbPlugin, conf: LbConf) -> None:
        try:
            retval = await plugin.configure(conf)
        except VppGone:
            return
        if plugin is self._plugin:
            self._feed(LbConfAnswered(conf, retval))

    async def _ping(self, api: VppApi) -> None:
        try:
            await api.ping()
        except VppGone:
            return

    def _tell(self, msg: str, fields: dict[str, object]) -> None:
        self._log.write("debug", msg, fields)

    def _feed(self, event: Event) -> None:
        assert self.runtime is not None, f"{event} before the start"
        self.runtime.feed(event)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        assert self.runtime is not None, f"{name} before the start"
        self.runtime.spawn(work, name)
