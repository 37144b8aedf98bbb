# SPDX-License-Identifier: Apache-2.0
"""The `healthchecks` block: how backends are probed.

One `Check` per name, defaults filled in.  What goes into a request as it stands (path, host) must
not be able to end the line it stands in, and a regular expression is compiled here, so that a
prober never meets one that it cannot use.
"""

from __future__ import annotations

import re

import re2  # type: ignore[import-untyped]

from maglev.config.block import Block, Keys
from maglev.config.scalars import (
    COUNT_MAX,
    BadValue,
    Reader,
    WrongType,
    address_of_family,
    boolean,
    choice,
    duration_above_zero,
    integer,
    string,
)
from maglev.config.tree import Node, Scalar, kind_of
from maglev.messages import Check, CheckType

CHECK_KEYS = Keys(
    "type", "port", "interval", "fast-interval", "down-interval", "timeout", "rise", "fall",
    "probe-ipv4-src", "probe-ipv6-src", "params",
)  # fmt: skip
PARAMS_KEYS = Keys(
    "path", "host", "response-code", "response-regexp", "ssl", "server-name",
    "insecure-skip-verify",
)  # fmt: skip

_PARAMS_HTTP = ("path", "host", "response-code", "response-regexp")
_PARAMS_TLS = ("server-name", "insecure-skip-verify")
PARAMS_ALLOWED: dict[CheckType, tuple[str, ...]] = {
    "icmp": (),
    "tcp": ("ssl", *_PARAMS_TLS),
    "http": _PARAMS_HTTP,
    "https": (*_PARAMS_HTTP, *_PARAMS_TLS),
}

REGEXP_CHARACTERS_MAX = 1024
REGEXP_MEMORY_BYTES_MAX = 1 << 20

CHECK_TYPE: Reader[CheckType] = choice("icmp", "tcp", "http", "https")
PORT = integer(1, 65535)
COUNT = integer(1, COUNT_MAX)
IPV4 = address_of_family(4)
IPV6 = address_of_family(6)

# RFC 9112, section 3.2.1: visible ASCII; a fragment is not part of a request.
_PATH = re.compile(r"/[!-\"$-~]{0,2047}")
# RFC 3986, section 3.2.2: a name or address, and perhaps a port.
_HOST = re.compile(r"[A-Za-z0-9._~%!$&'()*+,;=:\[\]-]{1,255}")
_SERVER_NAME = re.compile(r"[A-Za-z0-9._:-]{1,253}")
_CODES = re.compile(r"([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?")
_CODES_CHARACTERS_MAX = 256


def read_check(name: str, block: Block) -> Check:
    """Return the check of one block; faults are noted in the block's problems."""
    kind = block.required("type", CHECK_TYPE, None)
    if kind == "icmp" and "port" in block:
        block.wrong("port", "an icmp check has no port")
    elif kind not in (None, "icmp") and "port" not in block:
        block.wrong("port", f"required for {_article(kind)} check, but missing")
    interval_s = block.value("interval", duration_above_zero, 2.0)
    params = block.block("params", PARAMS_KEYS)
    if kind is not None:
        _note_foreign_params(params, kind)
    return Check(
        name=name,
        type=kind or "tcp",
        port=block.value("port", PORT, 0),
        interval_s=interval_s,
        fast_interval_s=block.value("fast-interval", duration_above_zero, interval_s),
        down_interval_s=block.value("down-interval", duration_above_zero, interval_s),
        timeout_s=block.value("timeout", duration_above_zero, 1.0),
        rise=block.value("rise", COUNT, 2),
        fall=block.value("fall", COUNT, 3),
        probe_ipv4_src=block.value("probe-ipv4-src", IPV4, ""),
        probe_ipv6_src=block.value("probe-ipv6-src", IPV6, ""),
        path=params.value("path", path, "/"),
        host=params.value("host", host, ""),
        response_codes=params.value("response-code", response_codes, ((200, 200),)),
        response_regexp=params.value("response-regexp", regexp, ""),
        ssl=params.value("ssl", boolean, False),
        server_name=params.value("server-name", server_name, ""),
        insecure_skip_verify=params.value("insecure-skip-verify", boolean, False),
    )


def _note_foreign_params(params: Block, kind: CheckType) -> None:
    allowed = PARAMS_ALLOWED[kind]
    takes = f"takes {', '.join(allowed)}" if allowed else "takes no params"
    for key in params.keys():  # noqa: SIM118 (a Block is not a dict)
        if key not in allowed:
            params.wrong(key, f"not for {_article(kind)} check, which {takes}")
    if kind == "tcp" and not params.value("ssl", boolean, False):
        for key in _PARAMS_TLS:
            if key in params:
                text = "has no effect without 'ssl: true'"
                params.problems.warn(params.line_of(key), params.at(key), text)


def _article(kind: CheckType) -> str:
    return f"a {kind}" if kind == "tcp" else f"an {kind}"


def path(node: Node) -> str:
    """Return a request path: '/' and visible ASCII, at most 2048 characters."""
    value = string(node)
    if not value.startswith("/"):
        raise BadValue(f"expected a path that begins with '/', got {kind_of(node)}")
    if not _PATH.fullmatch(value):
        raise BadValue(
            "expected a path of visible ASCII characters without '#', at most 2048, "
            f"got {kind_of(node)}; percent-encode others"
        )
    return value


def host(node: Node) -> str:
    """Return the value of a Host header: a name or an address, and perhaps a port."""
    value = string(node)
    if not _HOST.fullmatch(value):
        raise BadValue(f"expected a host name such as www.example.com, got {kind_of(node)}")
    return value


def server_name(node: Node) -> str:
    """Return the name that is asked for and verified in a TLS handshake."""
    value = string(node)
    if not _SERVER_NAME.fullmatch(value):
        raise BadValue(f"expected a host name or an IP address, got {kind_of(node)}")
    return value


def response_codes(node: Node) -> tuple[tuple[int, int], ...]:
    """Return inclusive ranges of status codes, sorted: 200, 200-299 or 200,204,300-399."""
    what = "expected status codes such as 200, 200-299 or 200,204"
    if not isinstance(node, Scalar):
        raise WrongType(f"{what}, got {kind_of(node)}")
    value = node.text
    if len(value) > _CODES_CHARACTERS_MAX:
        raise BadValue(f"{what}, at most {_CODES_CHARACTERS_MAX} characters")
    ranges = set()
    for part in value.split(","):
        found = _CODES.fullmatch(part.strip())
        if not found:
            raise BadValue(f"{what}, got {kind_of(node)}")
        low, high = int(found[1]), int(found[2] or found[1])
        if low > high:
            raise BadValue(f"{what}, got {kind_of(node)}, where {low} is above {high}")
        ranges.add((low, high))
    return tuple(sorted(ranges))


def regexp(node: Node) -> str:
    """Return a regular expression that RE2 compiles within a bound of memory."""
    value = string(node)
    if len(value) > REGEXP_CHARACTERS_MAX:
        raise BadValue(f"expected at most {REGEXP_CHARACTERS_MAX} characters, got {len(value)}")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = REGEXP_MEMORY_BYTES_MAX
    try:
        re2.compile(value, options)
    except (re2.error, UnicodeError) as error:
        reason = error.args[0]
        reason = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise BadValue(f"not a regular expression of RE2: {reason}") from None
    return value
