# SPDX-License-Identifier: Apache-2.0
"""Bytes of the simulated VPP's messages: every fixed part is one precompiled struct.

Nested types are flattened: `pfx` of a message becomes `pfx.address.af`, `pfx.address.un` and
`pfx.len`.  What cannot be fixed (a string, a counted array) is the tail of its message.  There is
no state; look at `Codec` for what one message offers and at `codecs` for how it is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from struct import Struct

from maglev.vpp.sim.definitions import Definition, Field, Version, definitions

HEADER = Struct(">QII")
"""Before every message: an unused word, the message's length in bytes, an unused word."""

_LETTER = {
    "u8": "B",
    "i8": "b",
    "bool": "?",
    "u16": "H",
    "i16": "h",
    "u32": "I",
    "i32": "i",
    "u64": "Q",
    "i64": "q",
}


@dataclass(frozen=True, slots=True)
class Codec:
    """One message: `fixed` has the message id first; `names` are its fields after the id."""

    id: int
    name: str
    fixed: Struct
    names: tuple[str, ...]
    item: Struct | None  # of the counted array at the end, if there is one
    text: bool  # a string comes at the end

    def frame(self, *values: object, tail: bytes = b"") -> bytes:
        """Return a whole message on the wire; values in the order of `names`."""
        length = self.fixed.size + len(tail)
        return HEADER.pack(0, length, 0) + self.fixed.pack(self.id, *values) + tail

    def fields(self, message: bytes | memoryview) -> dict[str, object]:
        """Return the fixed fields of a received message by name."""
        return dict(zip(self.names, self.fixed.unpack_from(message)[1:], strict=True))


def codecs(version: Version) -> dict[str, Codec]:
    """Return the codec of each message by name; ids begin at 1, as in VPP for those of memclnt."""
    known = definitions(version)
    types = {one.name: one for one in known if one.kind not in ("message", "named")}
    named = [one for one in known if one.crc]
    return {
        one.name: _codec(one, number, types)
        for number, one in enumerate(named, start=1)
        if one.kind == "message"
    }


def message_table(version: Version) -> dict[str, int]:
    """Return the id of each message by `name_crc`, as clients look it up."""
    named = [one for one in definitions(version) if one.crc]
    return {f"{one.name}_{one.crc}": number for number, one in enumerate(named, start=1)}


def string(text: str) -> bytes:
    """Return text as a tail: its length and its bytes."""
    raw = text.encode()
    return len(raw).to_bytes(4, "big") + raw


def string_at(message: bytes | memoryview, offset: int) -> str:
    """Return the text of a string tail that begins at offset."""
    length = int.from_bytes(message[offset : offset + 4], "big")
    return bytes(message[offset + 4 : offset + 4 + length]).decode(errors="replace")


def _codec(one: Definition, number: int, types: Mapping[str, Definition]) -> Codec:
    letters, names, item, text = "", [], None, False
    for field in one.fields:
        if field.array and not field.array.isdigit():
            item = Struct(">" + "".join(letter for letter, _ in _flat(types[field.type], types)))
        elif field.type == "string" and not field.array:
            text = True
        else:
            for letter, name in _flat_field(field, types):
                letters += letter
                names.append(name)
    return Codec(number, one.name, Struct(">" + letters), tuple(names[1:]), item, text)


def _flat(one: Definition, types: Mapping[str, Definition]) -> Iterator[tuple[str, str]]:
    """Yield a struct letter and a name for each scalar of a type; counted arrays are left out."""
    if one.kind == "alias":
        yield from _flat_field(_alias_field(one), types)
    elif one.kind == "enum":
        yield _LETTER[one.base], ""
    elif one.kind == "union":
        sizes = [Struct(">" + "".join(x for x, _ in _flat_field(f, types))) for f in one.fields]
        yield f"{max(size.size for size in sizes)}s", ""
    else:
        for field in one.fields:
            if not field.array or field.array.isdigit():
                yield from _flat_field(field, types)


def _flat_field(field: Field, types: Mapping[str, Definition]) -> Iterator[tuple[str, str]]:
    if field.array and field.type in ("u8", "string"):
        yield f"{field.array}s", field.name
    elif field.type in _LETTER:
        yield _LETTER[field.type], field.name
    else:
        for _ in range(int(field.array or 1)):
            for letter, name in _flat(types[field.type], types):
                yield letter, f"{field.name}.{name}".strip(".")


def _alias_field(one: Definition) -> Field:
    base, _, length = one.base.partition("[")
    return Field(base, "", length.removesuffix("]"))
