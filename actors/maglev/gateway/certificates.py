# SPDX-License-Identifier: Apache-2.0
"""The files of TLS: our certificate, the CA of clients, and the list of operators.

All are read again when one was changed, so a renewed certificate needs no restart; what is then
wrong with them is logged, and what was good before stays.  The state is the last good reading.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from maglev.log import Log

T = TypeVar("T")

_LIST_BYTES_MAX: Final = 1 << 20


class Reread(Generic[T]):
    """A value made of files, made again when one of them is another file or was written to."""

    def __init__(self, paths: Iterable[str], make: Callable[[], T], log: Log) -> None:
        """Raises what `make` raises (OSError, ssl.SSLError, ValueError) the first time."""
        self._paths = tuple(path for path in paths if path)
        self._make = make
        self._log = log
        self._lock = threading.Lock()
        self._seen = self._look()
        self._value = make()

    def get(self) -> T:
        """Return the value of the last good reading; may wait for the disk."""
        with self._lock:
            seen = self._look()
            if seen != self._seen:
                self._seen = seen
                try:
                    self._value = self._make()
                except (OSError, ValueError) as error:
                    fields: dict[str, object] = {"files": self._paths, "error": str(error)}
                    self._log.write("error", "grpc-files-refused", fields)
                else:
                    self._log.write("info", "grpc-files-read", {"files": self._paths})
            return self._value

    def _look(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(map(_version, self._paths))


def _version(path: str) -> tuple[int, int, int] | None:
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


class Certificates:
    """How clients are met: with our certificate, and asked for theirs if there is a CA for it."""

    def __init__(self, cert: str, key: str, client_ca: str, log: Log) -> None:
        """Read the files (PEM); raises OSError or ssl.SSLError."""
        self._reread = Reread(
            (cert, key, client_ca), lambda: _server_context(cert, key, client_ca), log
        )

    def context(self) -> ssl.SSLContext:
        """Return what the next handshake goes by."""
        return self._reread.get()


class Operators:
    """The names that may change things: given as a list with commas, or as the path of a file."""

    def __init__(self, given: str, log: Log) -> None:
        """Raises OSError or ValueError if a file cannot be read."""
        path = given if given.startswith("/") else ""
        plain = frozenset(filter(None, map(str.strip, given.split(",")))) if not path else None
        self._reread = Reread((path,), lambda: _listed(path) if plain is None else plain, log)

    def names(self) -> frozenset[str]:
        """Return the names now."""
        return self._reread.get()


def _server_context(cert: str, key: str, client_ca: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    context.load_cert_chain(cert, key)
    if client_ca:
        context.load_verify_locations(client_ca)
        # Whoever has none may still look.
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def _listed(path: str) -> frozenset[str]:
    """Return the names in a file: one a line, `#` begins a comment."""
    with Path(path).open("rb") as file:
        text = file.read(_LIST_BYTES_MAX + 1)
    if len(text) > _LIST_BYTES_MAX:
        raise ValueError(f"{path}: wanted at most {_LIST_BYTES_MAX} bytes")
    lines = (line.partition("#")[0].strip() for line in text.decode().splitlines())
    return frozenset(filter(None, lines))


def names_in(certificate: Any) -> tuple[str, ...]:
    """Return the names in a verified certificate, as ssl.getpeercert tells it: subject's CN first,
    then DNS names, e-mail addresses and URIs."""
    if not certificate:
        return ()
    subject = (part for parts in certificate.get("subject", ()) for part in parts)
    names = [value for kind, value in subject if kind == "commonName"]
    for kind, value in certificate.get("subjectAltName", ()):
        if kind in ("DNS", "email", "URI"):
            names.append(value)
    return tuple(dict.fromkeys(names))
