# SPDX-License-Identifier: Apache-2.0
"""A block of the file: a mapping with known keys, read key by key.

A `Block` stands on one mapping of the tree and knows its path and line.  It hands out typed values,
and where one is missing or wrong it notes the fault and hands out a stand-in, so that the reading
goes on and all faults of the file come out at once.
"""

from __future__ import annotations

from collections.abc import Iterator

from maglev.config.problems import Problems, below
from maglev.config.scalars import BadValue, Reader, T, WrongType, check_name
from maglev.config.suggest import Suggester
from maglev.config.tree import Entry, Mapping, Node, Scalar, Sequence, kind_of

_NULLS = ("", "~", "null", "Null", "NULL")


class Keys:
    """The known keys of one kind of block."""

    def __init__(self, *keys: str) -> None:
        self.known = frozenset(keys)
        self.suggester = Suggester(keys)


def mapping(entry: Entry, path: str, problems: Problems) -> dict[str, Entry]:
    """Return the entries of a mapping; of nothing (null) none."""
    node = entry.node
    if isinstance(node, Mapping):
        return node.entries
    if not _is_null(node):
        problems.structure(entry.line, path, f"expected a mapping, got {kind_of(node)}")
    return {}


def sequence(entry: Entry, path: str, problems: Problems) -> list[Node]:
    """Return the items of a list; of nothing (null) none."""
    node = entry.node
    if isinstance(node, Sequence):
        return node.items
    if not _is_null(node):
        problems.structure(entry.line, path, f"expected a list, got {kind_of(node)}")
    return []


def _is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.plain and node.text in _NULLS


class Block:
    """A mapping with known keys; unknown ones are noted as the block is made."""

    __slots__ = ("_entries", "_keys", "line", "path", "problems")

    def __init__(self, entry: Entry, path: str, problems: Problems, keys: Keys) -> None:
        self.line = entry.line
        self.path = path
        self.problems = problems
        self._keys = keys
        self._entries = mapping(entry, path, problems)
        if not self._entries.keys() <= keys.known:
            self._note_unknown_keys()

    def _note_unknown_keys(self) -> None:
        for key, entry in self._entries.items():
            if key not in self._keys.known:
                question = self._keys.suggester.question(key)
                text = (
                    f"unknown key, {question}"
                    if question
                    else (f"unknown key; known here: {', '.join(sorted(self._keys.known))}")
                )
                self.problems.structure(entry.line, self.at(key), text)

    def __contains__(self, key: str) -> bool:
        assert key in self._keys.known, f"{key=} is not in the schema of {self.path}"
        return key in self._entries

    def keys(self) -> list[str]:
        """Return the known keys that are present."""
        return [key for key in self._entries if key in self._keys.known]

    def at(self, key: str) -> str:
        """Return the path of a key."""
        return below(self.path, key)

    def line_of(self, key: str) -> int:
        """Return the line of a key; of the block, if the key is not there."""
        entry = self._entries.get(key)
        return entry.line if entry else self.line

    def wrong(self, key: str, text: str) -> None:
        """Note a fault of meaning at a key."""
        self.problems.meaning(self.line_of(key), self.at(key), text)

    def value(self, key: str, read: Reader[T], default: T) -> T:
        """Return the value of a key; the default where it is not there or wrong."""
        assert key in self._keys.known, f"{key=} is not in the schema of {self.path}"
        entry = self._entries.get(key)
        if entry is None:
            return default
        try:
            return read(entry.node)
        except WrongType as error:
            self.problems.structure(entry.line, self.at(key), str(error))
        except BadValue as error:
            self.problems.meaning(entry.line, self.at(key), str(error))
        return default

    def required(self, key: str, read: Reader[T], stand_in: T) -> T:
        """Return the value of a key that must be there; the stand-in where it is not, or wrong."""
        if key not in self:
            self.wrong(key, "required, but missing")
        return self.value(key, read, stand_in)

    def block(self, key: str, keys: Keys) -> Block:
        """Return the block under a key; an empty one where there is none."""
        return Block(self._entry(key), self.at(key), self.problems, keys)

    def entries(self, key: str) -> dict[str, Entry]:
        """Return what stands under a key, by its own keys."""
        return mapping(self._entry(key), self.at(key), self.problems)

    def named_blocks(self, key: str, keys: Keys) -> Iterator[tuple[str, Block]]:
        """Yield the blocks under a key with the names they define; the names are checked."""
        for name, entry in self.entries(key).items():
            block = Block(entry, below(self.at(key), name), self.problems, keys)
            try:
                check_name(name)
            except BadValue as error:
                self.problems.meaning(block.line, block.path, str(error))
            yield name, block

    def items(self, key: str) -> list[Node]:
        """Return the items of the list under a key; none where there is no list."""
        return sequence(self._entry(key), self.at(key), self.problems)

    def _entry(self, key: str) -> Entry:
        assert key in self._keys.known, f"{key=} is not in the schema of {self.path}"
        return self._entries.get(key) or Entry(self.line, Scalar("", True, self.line))
