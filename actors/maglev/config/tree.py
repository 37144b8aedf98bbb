# SPDX-License-Identifier: Apache-2.0
"""YAML text as a tree of nodes that know their lines and have no types yet.

The YAML parser gives events; from these the tree is built here, not by PyYAML's constructor, which
would turn a backend called `no` into False, lose lines, let a later duplicate key win and unfold
aliases without end.  Bounds: bytes of text, depth, and number of nodes, where an alias counts as
much as what it stands for.

Aliases and merge keys (`<<: *defaults`; the mapping's own keys win) are understood.  Tags, several
documents, keys that are not text and recursive aliases are refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn

import yaml

from maglev.config.problems import Problems, UnreadableError, below, shown

TEXT_BYTES_MAX = 16 * 1024 * 1024
DEPTH_MAX = 32  # the schema needs 9
NODES_MAX = 1_000_000  # 10,000 backends in 1,000 frontends are about 100,000

# libyaml is an order of magnitude faster; PyYAML may have been built without it.
Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# What YAML does not allow, and the line ends that YAML counts but editors do not.
_FORBIDDEN = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
    "|\r(?!\n)"
)
_MERGE_KEY = "<<"


@dataclass(slots=True)
class Scalar:
    """A piece of text; `plain` if it was written without quotes and not as a block."""

    text: str
    plain: bool
    line: int


class Entry(NamedTuple):
    """A value in a mapping, and the line of its key."""

    line: int
    node: Node


@dataclass(slots=True)
class Mapping:
    """Entries by key, in the order of the file; `nodes` and `height` measure the subtree."""

    line: int
    entries: dict[str, Entry] = field(default_factory=dict)
    nodes: int = 1
    height: int = 1


@dataclass(slots=True)
class Sequence:
    """Items in the order of the file."""

    line: int
    items: list[Node] = field(default_factory=list)
    nodes: int = 1
    height: int = 1


Node = Scalar | Mapping | Sequence


def read_tree(text: bytes | str, problems: Problems) -> Node:
    """Return the root of the one document in text.

    Noted as faults of structure: everything that is not a YAML document within the bounds.
    Raises UnreadableError, with the fault noted, where nothing can be made of the rest.
    """
    return _Builder(problems).build(_characters(text, problems))


def kind_of(node: Node) -> str:
    """Return what a node is, for texts that say what came: "a list", "'5 s'"."""
    match node:
        case Mapping():
            return "a mapping"
        case Sequence():
            return "a list"
        case Scalar(text="", plain=True):
            return "nothing"
        case Scalar(text=text):
            return shown(text)


def _characters(content: bytes | str, problems: Problems) -> str:
    """Return the text to parse: bounded, UTF-8, no byte order mark, no forbidden characters."""

    def refuse(line: int, text: str) -> NoReturn:
        problems.structure(line, "", text)
        raise UnreadableError

    if len(content) > TEXT_BYTES_MAX:
        refuse(1, f"the file is larger than {TEXT_BYTES_MAX >> 20} MiB")
    if isinstance(content, bytes):
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            refuse(line, f"not UTF-8 text (byte 0x{content[error.start]:02x})")
    else:
        text = content
    text = text.removeprefix("\ufeff")
    if found := _FORBIDDEN.search(text):
        line = text.count("\n", 0, found.start()) + 1
        if found[0] == "\r":
            refuse(line, "a carriage return without a line feed; end lines with LF or CR LF")
        refuse(line, f"character U+{ord(found[0]):04X} is not allowed here")
    return text


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end has not come yet."""

    node: Mapping | Sequence
    anchor: str | None
    nodes_before: int
    key: str | None = None  # of the value that comes next; None: a key comes next
    key_line: int = 0
    key_plain: bool = False
    merged: dict[str, Entry] = field(default_factory=dict)  # what stands at the merge key


class _Builder:
    """Builds the tree; state: the open collections, the anchors, the count of nodes."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._stack: list[_Open] = []
        self._anchors: dict[str, Node | None] = {}  # None: still open
        self._nodes = 0
        self._root: Node | None = None
        self._line_last = 1

    def build(self, text: str) -> Node:
        self._line_last = text.removesuffix("\n").count("\n") + 1
        try:
            for event in yaml.parse(text, Loader=Loader):
                self._take(event)
        except yaml.MarkedYAMLError as error:
            self._not_yaml(error, text)
        except (yaml.YAMLError, ValueError, OverflowError) as error:
            # The pure Python parser lets numbers in escapes and directives overflow.
            self._refuse(1, f"not valid YAML: {error}")
        if self._root is None:
            self._refuse(1, "expected a mapping with the key 'maglev', got an empty file")
        return self._root

    def _take(self, event: Any) -> None:
        kind = type(event)
        if kind is yaml.ScalarEvent:
            # Nothing at the end of the file has its mark behind the last line.
            line = min(event.start_mark.line + 1, self._line_last)
            if event.tag is not None:
                self._tag(line, event.tag)
            node = Scalar(event.value, not event.style, line)
            if event.anchor is not None:
                self._anchors[event.anchor] = node
            self._count(1, line)
            self._add(node, line)
        elif kind is yaml.MappingStartEvent:
            self._open(Mapping(event.start_mark.line + 1), event)
        elif kind is yaml.SequenceStartEvent:
            self._open(Sequence(event.start_mark.line + 1), event)
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            self._close()
        elif kind is yaml.AliasEvent:
            self._alias(event.anchor, event.start_mark.line + 1)
        elif kind is yaml.DocumentStartEvent and self._root is not None:
            self._refuse(event.start_mark.line + 1, "a second document begins here; one is read")

    def _add(self, node: Node, line: int) -> None:
        """Put a node where the document has come to."""
        if not self._stack:
            self._root = node
            return
        top = self._stack[-1]
        if isinstance(top.node, Sequence):
            top.node.items.append(node)
        elif top.key is None:
            if not isinstance(node, Scalar):
                self._refuse(line, f"expected a name as the key, got {kind_of(node)}")
            top.key, top.key_line, top.key_plain = node.text, line, node.plain
        else:
            self._put(top, top.key, node)
            top.key = None

    def _put(self, top: _Open, key: str, node: Node) -> None:
        assert isinstance(top.node, Mapping)
        is_merge = key == _MERGE_KEY and top.key_plain
        entries = top.merged if is_merge else top.node.entries
        if key in entries:
            text = f"duplicate key, already used in line {entries[key].line}"
            self._problems.structure(top.key_line, self._path(), text)
        else:
            entries[key] = Entry(top.key_line, node)

    def _open(self, node: Mapping | Sequence, event: Any) -> None:
        if event.tag is not None:
            self._tag(node.line, event.tag)
        self._stack.append(_Open(node, event.anchor, self._nodes))
        if len(self._stack) > DEPTH_MAX:
            self._refuse(node.line, f"nested deeper than {DEPTH_MAX} levels")
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        self._count(1, node.line)

    def _close(self) -> None:
        done = self._stack[-1]
        node = done.node
        if isinstance(node, Mapping):
            for merged in done.merged.values():
                self._merge(node, merged.node)
        self._stack.pop()
        node.nodes = self._nodes - done.nodes_before
        if done.anchor is not None:
            self._anchors[done.anchor] = node
        if self._stack:
            above = self._stack[-1].node
            above.height = max(above.height, node.height + 1)
        self._add(node, node.line)

    def _merge(self, node: Mapping, merged: Node) -> None:
        """Add what the mapping does not have itself, from one mapping or a list of them."""
        for source in merged.items if isinstance(merged, Sequence) else [merged]:
            if isinstance(source, Mapping):
                for key, entry in source.entries.items():
                    node.entries.setdefault(key, entry)
            else:
                text = f"<< takes a mapping, or a list of them, got {kind_of(source)}"
                self._problems.structure(source.line, self._path(), text)

    def _alias(self, name: str, line: int) -> None:
        if name not in self._anchors:
            self._refuse(line, f"no anchor is called {shown(name)}")
        node = self._anchors[name]
        if node is None:
            self._refuse(line, f"*{name} stands inside what it stands for")
        if isinstance(node, Scalar):
            self._count(1, line)
        else:
            self._count(node.nodes, line)
            above = self._stack[-1].node
            above.height = max(above.height, node.height + 1)
            if len(self._stack) + node.height > DEPTH_MAX:
                self._refuse(line, f"nested deeper than {DEPTH_MAX} levels")
        self._add(node, line)

    def _count(self, nodes: int, line: int) -> None:
        self._nodes += nodes
        if self._nodes > NODES_MAX:
            self._refuse(line, f"more than {NODES_MAX:,} values, counting what aliases stand for")

    def _tag(self, line: int, tag: str) -> None:
        self._problems.structure(
            line, self._path(), f"tags are not used here, got {shown(tag)}; leave the tag out"
        )

    def _path(self) -> str:
        """Return the path of the innermost open collection, and the key that waits there."""
        path = ""
        for level in self._stack:
            if isinstance(level.node, Sequence):
                path += f"[{len(level.node.items)}]"
            elif level.key is not None:
                path = below(path, level.key)
        return path

    def _not_yaml(self, error: yaml.MarkedYAMLError, text: str) -> NoReturn:
        mark = error.problem_mark or error.context_mark
        line = min(mark.line + 1 if mark else 1, self._line_last)
        what = error.problem or "not understood"
        if error.context:
            what = f"{error.context}: {what}"
            if error.context_mark and error.context_mark.line + 1 < line:
                what += f" (it began in line {error.context_mark.line + 1})"
        written = text.split("\n")[line - 1]
        if "\t" in written[: len(written) - len(written.lstrip())]:
            what += "; indent with spaces, not tabs"
        elif "mapping values are not allowed" in what:
            what += "; is a space missing after a colon before this?"
        self._refuse(line, f"not valid YAML: {what}")

    def _refuse(self, line: int, text: str) -> NoReturn:
        self._problems.structure(line, self._path(), text)
        raise UnreadableError
