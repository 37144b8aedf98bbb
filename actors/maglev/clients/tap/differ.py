# SPDX-License-Identifier: Apache-2.0
"""What is different between two messages of one class, as paths with the value before and after.

Members of a list are told apart by their name, not by their place, so that one backend more is one
line and not a shifted list.  There is no state; look at `differences`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from msgspec import Struct, structs

_LABELS = ("name", "backend", "address", "number")
OMITTED = frozenset({"history"})
"""Repeats what state, number and code of the same message have told one after the other."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that changed; MISSING stands for no value at all."""

    path: str
    before: object
    after: object


class Missing:
    """There is no such member."""


MISSING = Missing()


def differences(before: Struct, after: Struct) -> Iterator[Difference]:
    """Yield what differs between two structs of one class, field by field."""
    yield from _structs("", before, after)


def fields_of(message: Struct) -> dict[str, object]:
    """Return all fields of a message, members of members as plain lists and dictionaries."""
    return {name: _plain(value) for name, value in structs.asdict(message).items()}


def _plain(value: object) -> object:
    match value:
        case Struct():
            return fields_of(value)
        case tuple() | list():
            return [_plain(member) for member in value]
        case dict():
            return {name: _plain(member) for name, member in value.items()}
        case _:
            return value


def _structs(where: str, before: Struct, after: Struct) -> Iterator[Difference]:
    assert type(before) is type(after), f"{before=} {after=}"
    for name in before.__struct_fields__:
        if name not in OMITTED:
            path = f"{where}.{name}" if where else name
            yield from _values(path, getattr(before, name), getattr(after, name))


def _values(path: str, before: object, after: object) -> Iterator[Difference]:
    if before == after:
        return
    match before, after:
        case Struct(), Struct() if type(before) is type(after):
            yield from _structs(path, before, after)
        case tuple(), tuple() if _all_labelled(before) and _all_labelled(after):
            yield from _members(path, before, after)
        case dict(), dict():
            for name in {**before, **after}:
                old, new = before.get(name, MISSING), after.get(name, MISSING)
                yield from _values(f"{path}[{name}]", old, new)
        case _:
            yield Difference(path, before, after)


def _members(
    path: str, before: tuple[object, ...], after: tuple[object, ...]
) -> Iterator[Difference]:
    old = {_label(member): member for member in before}
    new = {_label(member): member for member in after}
    for label in {**old, **new}:
        yield from _values(f"{path}[{label}]", old.get(label, MISSING), new.get(label, MISSING))
    if old.keys() == new.keys() and list(old) != list(new):
        yield Difference(f"{path}.order", tuple(old), tuple(new))


def _all_labelled(members: tuple[object, ...]) -> bool:
    return all(_label(member) for member in members)


def _label(member: object) -> str:
    """Return what a member of a list is called; empty if it has no name."""
    labels = (str(getattr(member, name)) for name in _LABELS if hasattr(member, name))
    return next(labels, "")
