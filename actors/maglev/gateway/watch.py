# SPDX-License-Identifier: Apache-2.0
"""WatchEvents: first how everything is, then what happens, to each who watches.

News of the actor are encoded here, once, and kept in Streams; each stream reads them from there.
The state is the Streams, and how many watch the log: only while somebody does are log lines heard.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from maglev.core.view import View
from maglev.gateway.calls import Count
from maglev.gateway.events import BackendMoved, FrontendMoved, LogSaid, Missed, News
from maglev.gateway.news import Status, present
from maglev.gateway.serving import Context, decode
from maglev.gateway.streams import LOGS, Kind, Streams
from maglev.messages import BackendStatus, FrontendStatus
from maglev.rpc.events import backend_event, frontend_event, log_event, lost_event
from maglev.rpc.failed import Failed
from maglev.rpc.reads import Picture, in_order
from maglev.rpc.service import pb

WATCHERS_MAX: Final = 1_000


class Watch:
    """All streams of WatchEvents."""

    def __init__(
        self, picture: Callable[[], Picture], listen: Callable[[bool], None], streams: Streams
    ) -> None:
        """`listen` is called with True when somebody watches the log, with False when nobody."""
        self._picture = picture
        self._listen = listen
        self._streams = streams
        self._watchers = 0
        self._log_watchers = 0

    def tell(self, news: News) -> None:
        """Give news to all who watch their kind."""
        publish = self._streams.publish
        match news:
            case BackendMoved(name, transition):
                publish("backend", backend_event(name, transition))
            case FrontendMoved(name, transition):
                publish("frontend", frontend_event(name, transition))
            case LogSaid(line):
                publish(line.level, log_event(line))
            case Missed("log", count):
                publish("error", lost_event(count))  # whoever watches the log reads this kind
            case Missed(("backend" | "frontend") as kind, count):
                publish(kind, lost_event(count))

    def end(self) -> None:
        """Let every stream end."""
        self._streams.end()

    async def watch(self, request: bytes, context: Context, count: Count) -> None:
        """Serve one stream until its reader leaves; raises Failed."""
        kinds = kinds_of(decode(pb.WatchRequest, request))
        picture = self._picture()
        picture.need("aggregator")
        with self._counted(kinds):
            # From here on nothing is missed; what is sent first is encoded as it goes.
            reader = self._streams.reader(kinds)
            for status in _statuses(picture.view, kinds):
                await context.write(_present(status))
                count.sent += 1
            going_on = True
            while going_on:
                # While an event is written others may be lost: one look, one write.
                lost = reader.lost()
                event = lost_event(lost) if lost else reader.take()
                if event is None:
                    going_on = await reader.wait()
                else:
                    await context.write(event)
                    count.sent += 1
        raise Failed("UNAVAILABLE", "maglevd's gateway is being stopped: connect again")

    @contextmanager
    def _counted(self, kinds: tuple[Kind, ...]) -> Iterator[None]:
        if self._watchers >= WATCHERS_MAX:
            raise Failed("RESOURCE_EXHAUSTED", f"{WATCHERS_MAX} streams are watched already")
        logs = "error" in kinds
        self._watchers += 1
        self._log_watchers += logs
        if logs and self._log_watchers == 1:
            self._listen(True)
        try:
            yield
        finally:
            self._watchers -= 1
            self._log_watchers -= logs
            if logs and self._log_watchers == 0:
                self._listen(False)


def kinds_of(request: Any) -> tuple[Kind, ...]:
    """Return what a WatchRequest asks for: without any choice, everything; raises Failed."""
    everything = not (request.log or request.backend or request.frontend)
    level = request.log_level or "info"
    if level not in LOGS:
        text = f"log_level: wanted one of {', '.join(LOGS)}, got '{level[:40]}'"
        raise Failed("INVALID_ARGUMENT", text)
    kinds: list[Kind] = []
    if request.backend or everything:
        kinds.append("backend")
    if request.frontend or everything:
        kinds.append("frontend")
    if request.log or everything:
        kinds += LOGS[LOGS.index(level) :]
    return tuple(kinds)


def _statuses(view: View, kinds: tuple[Kind, ...]) -> list[Status]:
    statuses: list[Status] = []
    if "backend" in kinds:
        statuses += in_order(view.all(BackendStatus))
    if "frontend" in kinds:
        statuses += in_order(view.all(FrontendStatus))
    return statuses


def _present(status: Status) -> bytes:
    encode = backend_event if isinstance(status, BackendStatus) else frontend_event
    return encode(status.name, present(status))
