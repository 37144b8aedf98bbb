# SPDX-License-Identifier: Apache-2.0
"""Text to values: what the schema wants decides what a scalar is.

Each reader takes a node and returns a value.  `WrongType` says that the text is no such value at
all (structure), `BadValue` that the value breaks a rule (meaning).  Plain `12:30`, `no`, `010` or
`~` are text where text is wanted; numbers are decimal; `true` and `false` are the booleans.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import Final, TypeVar

from maglev.config.tree import Node, Scalar, kind_of

T = TypeVar("T")
Reader = Callable[[Node], T]

# HAProxy's longest timer (2^31 ms, 24.8 days): so that a wait in milliseconds fits an int.
DURATION_MAX_S: Final = 24 * 24 * 3600
COUNT_MAX: Final = 10_000
NAME_CHARACTERS_MAX: Final = 128

_INTEGER = re.compile(r"[+-]?[0-9]+")
_BOOLEANS = {
    "true": True, "True": True, "TRUE": True,
    "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_NANOSECONDS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,  # U+00B5 micro sign
    "μs": 1_000,  # U+03BC Greek mu
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3600_000_000_000,
}
_DURATION_PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?([^0-9.]*)")
_DURATION_CHARACTERS_MAX = 64


class WrongType(Exception):
    """The node is not of the kind that is wanted: a fault of structure."""


class BadValue(Exception):
    """The value breaks a rule: a fault of meaning."""


def string(node: Node) -> str:
    """Return the text of a scalar of any look; nothing at all is an empty text."""
    if isinstance(node, Scalar):
        return node.text
    raise WrongType(f"expected text, got {kind_of(node)}")


def boolean(node: Node) -> bool:
    """Return a boolean of YAML 1.2; `yes` and `on` of YAML 1.1 are refused."""
    if isinstance(node, Scalar):
        if node.text in _BOOLEANS and node.plain:
            return _BOOLEANS[node.text]
        if node.text in _BOOLEANS:
            raise WrongType(
                f"expected true or false, got the text {kind_of(node)}; leave the quotes out"
            )
        if node.text.lower() in ("yes", "on", "y"):
            raise WrongType(f"expected true or false, got {kind_of(node)}; write true")
        if node.text.lower() in ("no", "off", "n"):
            raise WrongType(f"expected true or false, got {kind_of(node)}; write false")
    raise WrongType(f"expected true or false, got {kind_of(node)}")


def integer(low: int, high: int) -> Reader[int]:
    """Return a reader of decimal integers from low to high."""

    def read(node: Node) -> int:
        if not isinstance(node, Scalar) or not _INTEGER.fullmatch(node.text):
            raise WrongType(f"expected a whole number, got {kind_of(node)}")
        if not node.plain:
            raise WrongType(
                f"expected a whole number, got the text {kind_of(node)}; leave the quotes out"
            )
        # Python refuses to convert thousands of digits; nothing here needs more than ten.
        value = int(node.text) if len(node.text) <= 20 else None
        if value is None or not low <= value <= high:
            raise BadValue(f"expected {low} to {high}, got {kind_of(node)}")
        return value

    return read


def choice(*options: T) -> Reader[T]:
    """Return a reader of one of some words."""
    by_word = {str(option): option for option in options}

    def read(node: Node) -> T:
        word = string(node)
        if word in by_word:
            return by_word[word]
        raise BadValue(f"expected {_one_of(list(by_word))}, got {kind_of(node)}")

    return read


def _one_of(words: list[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]])


def duration(node: Node) -> float:
    """Return the seconds, >= 0, of a Go duration: 500ms, 2s, 1m30s, 1.5h, 0."""
    seconds = _duration_ns(node) / 1_000_000_000
    if seconds < 0:
        raise BadValue(f"expected a duration of 0 or more, got {kind_of(node)}")
    if seconds > DURATION_MAX_S:
        raise BadValue(f"expected at most {DURATION_MAX_S // 3600}h, got {kind_of(node)}")
    return seconds


def duration_above_zero(node: Node) -> float:
    """Return the seconds, > 0, of a Go duration."""
    seconds = duration(node)
    if seconds == 0:
        raise BadValue(f"expected a duration above 0, got {kind_of(node)}")
    return seconds


def _duration_ns(node: Node) -> int:
    """Return the nanoseconds of a Go duration, by the grammar of Go's time.ParseDuration."""
    what = "expected a duration such as 500ms, 2s or 1m30s"
    if not isinstance(node, Scalar) or not node.text:
        raise WrongType(f"{what}, got {kind_of(node)}")
    unsigned = node.text.removeprefix("-") if node.text[0] == "-" else node.text.removeprefix("+")
    if unsigned == "0":
        return 0
    if not unsigned or len(unsigned) > _DURATION_CHARACTERS_MAX:
        raise WrongType(f"{what}, got {kind_of(node)}")
    total_ns = 0
    position = 0
    while position < len(unsigned):
        part = _DURATION_PART.match(unsigned, position)
        assert part is not None, "every part of the pattern may be empty"
        whole, fraction, unit = part[1], part[2] or "", part[3]
        if not whole and not fraction:
            raise WrongType(f"{what}, got {kind_of(node)}")
        if not unit and part.end() == len(unsigned):
            raise WrongType(f"{what}, got {kind_of(node)}; a unit is missing, as in '{node.text}s'")
        if unit not in _NANOSECONDS:
            raise WrongType(f"{what}, got {kind_of(node)}; the units are ns us ms s m h")
        unit_ns = _NANOSECONDS[unit]
        total_ns += int(whole or "0") * unit_ns
        total_ns += int(fraction or "0") * unit_ns // 10 ** len(fraction)
        position = part.end()
    return -total_ns if node.text[0] == "-" else total_ns


def name(node: Node) -> str:
    """Return a name, see check_name."""
    value = string(node)
    check_name(value)
    return value


def check_name(value: str) -> None:
    """Raise BadValue if value cannot be the name of a backend, frontend, healthcheck or pool.

    Names are words of the command line, labels of metrics and fields of logs: 1 to 128 printable
    characters of any script, without white space, not beginning with a dash.
    """
    if not value:
        raise BadValue("a name must not be empty")
    if len(value) > NAME_CHARACTERS_MAX:
        raise BadValue(
            f"a name has at most {NAME_CHARACTERS_MAX} characters, this has {len(value)}"
        )
    if not value.isprintable() or " " in value:
        raise BadValue("a name has no white space and no control characters")
    if value[0] == "-":
        raise BadValue("a name must not begin with '-', or commands take it for a flag")


def address(node: Node) -> str:
    """Return an IPv4 or IPv6 address in its canonical text."""
    return str(_address(node, "an IP address"))


def address_of_family(version: int) -> Reader[str]:
    """Return a reader of addresses of one family, 4 or 6."""

    def read(node: Node) -> str:
        what = f"an IPv{version} address"
        value = _address(node, what)
        if value.version != version:
            raise BadValue(f"expected {what}, got {kind_of(node)}")
        return str(value)

    return read


_IPV4_COMPATIBLE = ipaddress.IPv6Network("::/96")


def _address(node: Node, what: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    written = string(node)
    try:
        value = ipaddress.ip_address(written)
    except ValueError:
        hint = "; leave the prefix length out" if "/" in written else ""
        raise BadValue(f"expected {what}, got {kind_of(node)}{hint}") from None
    fault = ""
    if value.is_unspecified:
        fault = "the unspecified address"
    elif value.is_multicast:
        fault = "a multicast address"
    elif isinstance(value, ipaddress.IPv4Address):
        if value == ipaddress.IPv4Address("255.255.255.255"):
            fault = "the broadcast address"
    elif value.scope_id is not None:
        fault = "an address with a zone"
    elif value.is_link_local:
        fault = "a link-local address"
    elif value.ipv4_mapped is not None:
        fault = f"an IPv4 address in IPv6 form; write {value.ipv4_mapped}"
    elif value in _IPV4_COMPATIBLE and not value.is_loopback:
        # VPP keeps an IPv4 address as twelve zero bytes and four others.
        fault = "an address that VPP takes for IPv4"
    if fault:
        raise BadValue(f"expected {what}, got {kind_of(node)}, {fault}")
    return value
