# SPDX-License-Identifier: Apache-2.0
"""How one message reads as a line: aligned text for people, JSON for programs.

Text shows of a level that changed only what changed, `state=up->down`, and of a new one what is not
as by default; JSON has every field.  There is no state; look at `as_text` and `as_json`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime

from msgspec import Struct, structs

from maglev.clients.tap.choose import SPOKEN
from maglev.clients.tap.differ import MISSING, OMITTED, differences, fields_of
from maglev.log import rfc3339
from maglev.messages import Edge, Level, LogLine, Message, Retraction

_ACTOR_WIDTH = len("aggregator")
_MESSAGE_WIDTH = max(len(name) for name in SPOKEN)
_KEY_WIDTH = 12

_DIM, _RED, _GREEN, _YELLOW, _MAGENTA, _CYAN = "2", "31", "32", "33", "35", "36"
_STATES = {"up": _GREEN, "down": _RED, "unknown": _YELLOW, "paused": _YELLOW, "disabled": _YELLOW}
_STATE = re.compile(rf"\b({'|'.join(_STATES)})\b")
_BARE = re.compile(r"[^\s\"'={}\[\]]+")


@dataclass(frozen=True, slots=True)
class Line:
    """One message that was heard; `before` is the level it replaces, if that is known.

    `gone`: the message is the last known level of an object that a new snapshot does not contain.
    """

    at_ns: int  # unix time at which it was heard
    speaker: str
    message: Message
    before: Level | None = None
    gone: bool = False


def as_json(line: Line) -> str:
    """Return one JSON object: time, actor, message, fields; `gone` where that is so."""
    told: dict[str, object] = {
        "time": rfc3339(line.at_ns),
        "actor": line.speaker,
        "message": type(line.message).__name__,
    }
    if line.gone:
        told["gone"] = True
    return json.dumps({**told, "fields": fields_of(line.message)}, ensure_ascii=False)


def as_text(line: Line, *, color: bool) -> str:
    """Return time, actor, message, object and fields in columns."""
    time = datetime.fromtimestamp(line.at_ns / 1e9).strftime("%H:%M:%S.%f")[:-3]
    name = type(line.message).__name__
    key, fields = _told(line)
    key = key if key.isprintable() else _quoted(key)
    if not color:
        columns = f"{time} {line.speaker:<{_ACTOR_WIDTH}} {name:<{_MESSAGE_WIDTH}}"
        return f"{columns} {key:<{_KEY_WIDTH}} {fields}".rstrip()
    columns = f"{_dyed(time, _DIM)} {line.speaker:<{_ACTOR_WIDTH}}"
    columns += f" {_dyed(f'{name:<{_MESSAGE_WIDTH}}', _kind(line.message))}"
    fields = _STATE.sub(lambda found: _dyed(found[0], _STATES[found[0]]), fields)
    return f"{columns} {_dyed(f'{key:<{_KEY_WIDTH}}', '1')} {fields}".rstrip()


def value_text(value: object, *, moment: str = "") -> str:
    """Return a value in short, without a blank outside of quotes.

    `moment` is the day of today as YYYY-MM-DD where the value is a unix time in nanoseconds.
    """
    match value:
        case None:
            return "-"
        case bool():
            return str(value).lower()
        case int() if moment:
            return _moment(value, moment)
        case float():
            return f"{value:.6g}"
        case Struct():
            return f"{{{_fields(value, frozenset(), moment)}}}"
        case tuple() | list():
            return f"[{' '.join(value_text(member) for member in value)}]"
        case dict():
            pairs = (f"{name}={value_text(member)}" for name, member in value.items())
            return f"{{{' '.join(pairs)}}}"
        case _ if value is MISSING:
            return "-"
        case _:
            return _quoted(str(value))


def _quoted(text: str) -> str:
    """Return text bare if it is a plain word, else as JSON does: nothing moves the cursor."""
    if _BARE.fullmatch(text) and text.isprintable():
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())


def _told(line: Line) -> tuple[str, str]:
    """Return the object a message is about, and its fields or what changed in them."""
    message = line.message
    today = f"{datetime.fromtimestamp(line.at_ns / 1e9):%Y-%m-%d}"
    if isinstance(message, LogLine):
        pairs = (f"{name}={value_text(value)}" for name, value in message.fields.items())
        return message.msg, " ".join((message.level, *pairs))
    key = "/".join(message.key()) if isinstance(message, Level | Retraction) else ""
    if line.gone:
        return key, "gone"
    if line.before is not None:
        return key, " ".join(
            f"{one.path}={_named(one.path, one.before, today)}"
            f"->{_named(one.path, one.after, today)}"
            for one in differences(line.before, message)
        )
    keys = frozenset(message.KEY) if isinstance(message, Level | Retraction) else frozenset()
    return key, _fields(message, keys, today)


def _fields(struct: Struct, without: frozenset[str], today: str) -> str:
    """Return the fields of a struct that say something: none that is as by default, no history."""
    defaults = {one.name: one.default for one in structs.fields(struct)}
    values = structs.asdict(struct)
    return " ".join(
        f"{name}={_named(name, value, today)}"
        for name, value in values.items()
        if name not in without | OMITTED and value != defaults[name]
    )


def _named(path: str, value: object, today: str) -> str:
    return value_text(value, moment=today if path.endswith("_ns") else "")


def _moment(at_ns: int, today: str) -> str:
    """Return unix nanoseconds as local time, with the date if it is not today; `-` for never."""
    if at_ns == 0:
        return "-"
    day, _, time = datetime.fromtimestamp(at_ns / 1e9).isoformat("T", "milliseconds").partition("T")
    return time if day == today else f"{day}T{time}"


def _kind(message: Message) -> str:
    match message:
        case Edge():
            return _CYAN
        case Retraction():
            return _MAGENTA
        case _:
            return "0"


def _dyed(text: str, color: str) -> str:
    return f"\x1b[{color}m{text}\x1b[0m"
