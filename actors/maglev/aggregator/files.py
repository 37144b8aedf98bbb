# SPDX-License-Identifier: Apache-2.0
"""The state directory: a few small files, each written whole or not at all.

`config.accepted`, `wishes` and `verdicts` are versioned msgpack with a checksum, written to a
temporary file, fsynced and renamed, the previous copy kept beside (`.previous`).  `totals` is
written often and need not survive a loss of power: no fsync, no copy.  `audit.jsonl` is appended
to.  Nothing here decides anything: a file that cannot be used is said, not repaired.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeVar
from zlib import crc32

import msgspec

from maglev.aggregator.events import Remembered
from maglev.aggregator.state import Wish
from maglev.aggregator.totals import Kept
from maglev.core.totals import BOUNDS_S
from maglev.messages import AuditEntry

VERSION = 1
FILE_BYTES_MAX = 256 * 1024 * 1024
AUDIT_BYTES_MAX = 64 * 1024 * 1024  # then it becomes audit.jsonl.previous
AUDIT_READ_BYTES_MAX = 2 * 1024 * 1024  # of lines for one reader
_BLOCK_BYTES = 64 * 1024

T = TypeVar("T")


class Unusable(Exception):
    """A file of the state directory that cannot be used; the text says which and why."""


class AcceptedFile(msgspec.Struct, frozen=True):
    """The text of the configuration in force, and which start of the daemon accepted it."""

    daemon: str
    path: str
    text: str
    accepted_at_ns: int


class VerdictsFile(msgspec.Struct, frozen=True):
    """The last verdicts, the boot they belong to and when in it they were true."""

    boot_id: str
    saved_at_s: float  # CLOCK_BOOTTIME
    backends: dict[str, Remembered]


class WishesFile(msgspec.Struct, frozen=True):
    """What operators asked for and the configuration file does not say."""

    wishes: tuple[Wish, ...]


class TotalsFile(msgspec.Struct, frozen=True):
    """What was counted: each block is packed Kepts, and is understood under the same bounds."""

    bounds_s: tuple[float, ...]
    blocks: tuple[bytes, ...]


class _Envelope(msgspec.Struct, frozen=True, array_like=True):
    version: int
    crc: int
    body: bytes


def packed(value: object) -> bytes:
    """Return a typed value as bytes, for this program's own eyes."""
    return msgspec.msgpack.encode(value)


def unpacked(content: bytes, kind: type[T]) -> T:
    """Return the value in bytes of `packed`; raises msgspec.MsgspecError."""
    return msgspec.msgpack.decode(content, type=kind)


def write(path: Path, value: msgspec.Struct) -> None:
    """Replace a file by value, durably, the previous copy kept; raises OSError."""
    sealed = _sealed(value)
    fresh = path.with_name(f"{path.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(sealed)
            file.flush()
            os.fsync(file.fileno())
        previous = path.with_name(f"{path.name}.previous")
        if path.exists():
            # A link, not a rename: at no moment is there no file of this name.
            previous.unlink(missing_ok=True)
            os.link(path, previous)
        fresh.rename(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def write_expendable(path: Path, value: msgspec.Struct) -> None:
    """Replace a file by value, without waiting for the disk; raises OSError."""
    fresh = path.with_name(f"{path.name}.new")
    try:
        fresh.write_bytes(_sealed(value))
        fresh.rename(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise


def _sealed(value: msgspec.Struct) -> bytes:
    body = packed(value)
    return packed(_Envelope(VERSION, crc32(body), body))


def read(path: Path, kind: type[T]) -> T | None:
    """Return what a file holds, None if there is none; raises Unusable."""
    try:
        with path.open("rb") as file:
            sealed = file.read(FILE_BYTES_MAX + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unusable(f"{path}: {error.strerror}") from error
    if len(sealed) > FILE_BYTES_MAX:
        raise Unusable(f"{path}: larger than {FILE_BYTES_MAX} bytes")
    try:
        envelope = unpacked(sealed, _Envelope)
        if envelope.version != VERSION:
            raise Unusable(f"{path}: version {envelope.version}, this program knows {VERSION}")
        if crc32(envelope.body) != envelope.crc:
            raise Unusable(f"{path}: damaged, the checksum does not match")
        return unpacked(envelope.body, kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Unusable(f"{path}: damaged: {error}") from error


def read_or_previous(path: Path, kind: type[T]) -> tuple[T | None, str]:
    """Return what a file holds, or else its previous copy, and why the file was not used."""
    try:
        return read(path, kind), ""
    except Unusable as unusable:
        trouble = str(unusable)
    try:
        found = read(path.with_name(f"{path.name}.previous"), kind)
    except Unusable as unusable:
        return None, f"{trouble}; {unusable}"
    return found, trouble


def kept_in(blocks: Iterable[bytes]) -> tuple[Kept, ...]:
    """Return what packed blocks hold, empty ones among them; raises msgspec.MsgspecError."""
    return tuple(one for block in blocks if block for one in unpacked(block, tuple[Kept, ...]))


def read_totals(path: Path) -> tuple[Kept, ...]:
    """Return what was counted before; raises Unusable."""
    found = read(path, TotalsFile)
    if found is None:
        return ()
    if found.bounds_s != BOUNDS_S:
        raise Unusable(f"{path}: durations are counted under other bounds by now")
    try:
        return kept_in(found.blocks)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Unusable(f"{path}: damaged: {error}") from error


def append_audit(path: Path, entry: AuditEntry) -> None:
    """Append one line; a full file becomes the previous one; raises OSError."""
    if path.exists() and path.stat().st_size > AUDIT_BYTES_MAX:
        path.rename(path.with_name(f"{path.name}.previous"))
    line = msgspec.json.encode(entry) + b"\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)


def read_audit(path: Path, entries_max: int) -> tuple[AuditEntry, ...]:
    """Return the last entries, the newest first, at most 2 MiB of them; raises OSError.

    A line that cannot be read (the last one before a crash) is left out.
    """
    entries: list[AuditEntry] = []
    length = 0
    for line in _lines_from_the_end(path):
        length += len(line)
        if len(entries) >= entries_max or length > AUDIT_READ_BYTES_MAX:
            break
        with suppress(msgspec.MsgspecError, UnicodeDecodeError):
            entries.append(msgspec.json.decode(line, type=AuditEntry))
    return tuple(entries)


def _lines_from_the_end(path: Path) -> Iterator[bytes]:
    """Yield the lines of the audit file and of the one before it, the last line first."""
    for one in (path, path.with_name(f"{path.name}.previous")):
        if not one.exists():
            continue
        with one.open("rb") as file:
            end, rest = file.seek(0, os.SEEK_END), b""
            while end > 0:
                begin = max(0, end - _BLOCK_BYTES)
                file.seek(begin)
                rest, *lines = (file.read(end - begin) + rest).split(b"\n")
                yield from (line for line in reversed(lines) if line)
                end = begin
            if rest:
                yield rest
