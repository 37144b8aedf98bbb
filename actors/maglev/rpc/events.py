# SPDX-License-Identifier: Apache-2.0
"""What watchers see, as bytes: each event is encoded once, however many watch."""

from __future__ import annotations

import json

from maglev.messages import LogLine, Transition
from maglev.rpc import convert
from maglev.rpc.service import pb


def backend_event(name: str, transition: Transition) -> bytes:
    """Return the Event of a backend's transition."""
    said = pb.BackendEvent(name=name, transition=convert.transition(transition))
    return pb.Event(backend=said).SerializeToString()


def frontend_event(name: str, transition: Transition) -> bytes:
    """Return the Event of a frontend's transition."""
    said = pb.FrontendEvent(name=name, transition=convert.transition(transition))
    return pb.Event(frontend=said).SerializeToString()


def log_event(line: LogLine) -> bytes:
    """Return the Event of a log line."""
    fields = {name: _text(value) for name, value in line.fields.items()}
    said = pb.LogEvent(
        at_ns=line.at_ns, level=line.level, msg=line.msg, actor=line.actor, fields=fields
    )
    return pb.Event(log=said).SerializeToString()


def lost_event(lost: int) -> bytes:
    """Return the Event that tells of so many others that were not sent."""
    return pb.Event(lost=pb.LostEvent(lost=lost)).SerializeToString()


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
