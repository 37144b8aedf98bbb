# SPDX-License-Identifier: Apache-2.0
"""The calls that another actor carries out: who may, what is asked, what comes back.

The state is the calls that wait for the actor's Finish, and how many checks of the configuration
are under way, each of which costs a process.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from maglev.actor import Event
from maglev.core.timers import Timers
from maglev.gateway.access import Visitor
from maglev.gateway.events import CallDropped, Called
from maglev.gateway.serving import Context, Unary, decode
from maglev.log import Log
from maglev.messages import Answer, AuditEntry, Done, NoteOperation, Refused, Request, SyncVpp
from maglev.rpc.changes import CHANGES
from maglev.rpc.failed import Failed
from maglev.rpc.reads import Picture
from maglev.rpc.service import METHODS

CHECKS_MAX: Final = 2
"""Checks of the configuration at a time; anybody may ask for one."""


class Caller:
    """Makes handlers of the calls in CHANGES."""

    def __init__(
        self,
        feed: Callable[[Event], None],
        picture: Callable[[], Picture],
        visitor: Callable[[str], Visitor],
        timers: Timers,
        log: Log,
    ) -> None:
        """`feed` hands the actor an event, `visitor` tells who a peer is."""
        self._feed = feed
        self._picture = picture
        self._visitor = visitor
        self._timers = timers
        self._log = log
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._calls = 0
        self._checks = 0
        self._refusals = 0  # that were not logged
        self._logged_s = 0.0

    def finish(self, call_id: int, answer: Answer) -> None:
        """Give a call its answer."""
        waiting = self._waiting.get(call_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    def handler(self, name: str) -> Unary:
        """Return what serves the call with this name."""
        method, change = METHODS[name], CHANGES[name]

        async def call(raw: bytes, context: Context) -> bytes:
            request = decode(method.request, raw)
            visitor = self._visitor(context.peer())
            if change.mutates and visitor.refusal:
                self._note_refusal(name, visitor)
                raise Failed("PERMISSION_DENIED", visitor.refusal)
            timers = self._timers
            longest_s = timers.request_long_s if change.lasts else timers.request_s
            wait_s = min(longest_s, context.time_remaining() or longest_s)
            asked = change.ask(request, visitor.who, visitor.origin)
            answer = await self._ask(change.speaker, asked, wait_s)
            if isinstance(asked, SyncVpp):
                await self._audit(asked, answer)
            return change.answer(self._picture(), request, answer).SerializeToString()

        return self._few_at_a_time(call) if name == "CheckConfig" else call

    def _few_at_a_time(self, call: Unary) -> Unary:
        async def limited(raw: bytes, context: Context) -> bytes:
            if self._checks >= CHECKS_MAX:
                raise Failed("RESOURCE_EXHAUSTED", f"{CHECKS_MAX} checks are under way: try again")
            self._checks += 1
            try:
                return await call(raw, context)
            finally:
                self._checks -= 1

        return limited

    async def _ask(self, speaker: str, request: Request, wait_s: float) -> Answer:
        self._calls += 1
        call_id = self._calls
        waiting: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[call_id] = waiting
        self._feed(Called(call_id, speaker, request, time.monotonic() + wait_s))
        try:
            return await waiting
        finally:
            del self._waiting[call_id]
            if not waiting.done() or waiting.cancelled():
                self._feed(CallDropped(call_id))

    async def _audit(self, sync: SyncVpp, answer: Answer) -> None:
        """Have what the programmer did audited like everything else; if it cannot be, log that."""
        result = f"refused: {answer.text}" if isinstance(answer, Refused) else "done"
        about = f"frontend {sync.frontend}" if sync.frontend else "all frontends"
        entry = AuditEntry(
            time.time_ns(), sync.who, sync.origin, "sync", about, before="", after="", result=result
        )
        noted = await self._ask("aggregator", NoteOperation(entry=entry), self._timers.request_s)
        if not isinstance(noted, Done):
            fields: dict[str, object] = {"who": sync.who, "action": "sync", "about": about}
            self._log.write("warn", "audit-lost", fields)

    def _note_refusal(self, name: str, visitor: Visitor) -> None:
        """Log that somebody was turned away, at most once a second."""
        now_s = time.monotonic()
        if now_s < self._logged_s + 1.0:
            self._refusals += 1
            return
        self._logged_s = now_s
        fields: dict[str, object] = {
            "who": visitor.who,
            "origin": visitor.origin,
            "call": name,
        }
        if self._refusals:
            fields["others"] = self._refusals
            self._refusals = 0
        self._log.write("warn", "operator-refused", fields)
