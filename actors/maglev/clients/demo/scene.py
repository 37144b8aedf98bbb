# SPDX-License-Identifier: Apache-2.0
"""Everything the screen shows, as plain values: what was heard, what VPP itself says, the story.

The loop in `show` writes it, `screen` reads it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from maglev.clients.demo.sentence import Sentence
from maglev.core.view import View
from maglev.messages import FrontendStatus, Heartbeat

STORY_MAX: Final = 1000


@dataclass(frozen=True, slots=True)
class Installed:
    """One AS in VPP, as VPP itself says."""

    weight: int
    buckets: int  # of 1024: its share of new connections


@dataclass(frozen=True, slots=True)
class Told:
    """A sentence of the story with its unix time."""

    at_ns: int
    sentence: Sentence


@dataclass(slots=True)
class Scene:
    """The state of the demo."""

    actors: tuple[str, ...]
    run_dir: str
    started_s: float  # CLOCK_MONOTONIC
    view: View = field(default_factory=View)
    beats: dict[str, Heartbeat] = field(default_factory=dict)  # the last one of each actor
    gone: set[str] = field(default_factory=set)  # actors killed or silent, not heard since
    seen_s: dict[str, float] = field(default_factory=dict)  # when each backend was probed last
    servers: dict[str, str] = field(default_factory=dict)  # what each web server does
    installed: Mapping[str, Mapping[str, Installed]] | None = None  # by VIP and address
    chosen: int = 0
    story: deque[Told] = field(default_factory=lambda: deque(maxlen=STORY_MAX))

    def choices(self) -> list[str]:
        """Return what can be chosen: the backends, then the actors."""
        return [*self.servers, *self.actors]

    @property
    def chosen_name(self) -> str:
        """Return the backend or actor that keys act on."""
        return self.choices()[self.chosen]

    def installed_of(self, frontend: FrontendStatus, address: str) -> Installed | None:
        """Return what VPP itself says of an AS of a frontend."""
        if self.installed is None:
            return None
        return self.installed.get(vip_of(frontend), {}).get(address)


def vip_of(frontend: FrontendStatus) -> str:
    """Return a VIP as the simulated VPP writes it: `192.0.2.1/32 tcp 80`."""
    length = 128 if ":" in frontend.address else 32
    return f"{frontend.address}/{length} {frontend.protocol} {frontend.port}"
