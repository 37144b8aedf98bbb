# SPDX-License-Identifier: Apache-2.0
"""From an address and a check to the probe that carries it out.

Everything a round needs is computed here, once: the request, the statuses wanted, the compiled
regular expression, the name in a certificate.  There is no state but the ICMP sockets that all
probes share; look at `Factory.make`.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import re2  # type: ignore[import-untyped]

from maglev.messages import Check
from maglev.probes.http import HttpBodyProbe, HttpProbe, Search
from maglev.probes.icmp import IcmpProbe, Pings
from maglev.probes.probe import Probe
from maglev.probes.tcp import TcpProbe
from maglev.probes.tls import Tls, TlsProbe
from maglev.version import current

PROJECT_URL = "https://git.ipng.ch/ipng/vpp-maglev"

_REGEXP_MEMORY_BYTES_MAX = 1 << 20
_PORT_DEFAULT = {"http": 80, "https": 443}


class BadCheck(ValueError):
    """A check cannot be carried out as it stands; the text says why."""


class Factory:
    """Makes probes that share one pair of ICMP sockets."""

    def __init__(self) -> None:
        """Begin without sockets: they are opened when the first ICMP probe starts."""
        self.pings = Pings()

    def make(self, name: str, address: str, check: Check, owner: Any = None) -> Probe:
        """Return a probe of an IP address, called `name` in markers; BadCheck if there is none."""
        try:
            ip_address(address)
        except ValueError as error:  # the kernel's resolver would block the loop
            raise BadCheck(str(error)) from error
        source = check.probe_ipv6_src if ":" in address else check.probe_ipv4_src
        if check.type == "icmp":
            return IcmpProbe(
                name, address, check.timeout_s, pings=self.pings, source=source, owner=owner
            )
        common: dict[str, Any] = {
            "name": name,
            "address": address,
            "port": check.port,
            "timeout_s": check.timeout_s,
            "source": source,
            "owner": owner,
        }
        tls = _tls(address, check)
        if check.type == "tcp":
            return TlsProbe(tls=tls, **common) if tls else TcpProbe(**common)
        common["request"] = request(address, check)
        common["codes"] = frozenset(
            status for first, last in check.response_codes for status in range(first, last + 1)
        )
        if not check.response_regexp:
            return HttpProbe(tls=tls, **common)
        regexp = check.response_regexp
        return HttpBodyProbe(tls=tls, search=search(regexp), regexp=regexp, **common)


def request(address: str, check: Check) -> bytes:
    """Return the GET of a check (RFC 9112); Host as curl sends it if the check does not say."""
    host = check.host or _authority(address, check)
    head = (
        f"GET {check.path} HTTP/1.1\r\n"
        f"Host: {host}\r\n"
        f"User-Agent: vpp-maglev/{current().version} (+{PROJECT_URL})\r\n"
        "Accept: */*\r\n"
        "Connection: close\r\n\r\n"
    )
    try:
        return head.encode("ascii")
    except UnicodeEncodeError as error:
        raise BadCheck(f"path '{check.path}' and host '{host}': wanted ASCII") from error


def search(regexp: str) -> Search:
    """Return what finds a regular expression (RE2 syntax, UTF-8) in bytes, in linear time."""
    options = re2.Options()
    options.never_capture = True
    options.log_errors = False
    options.max_mem = _REGEXP_MEMORY_BYTES_MAX
    try:
        compiled = re2.compile(regexp.encode(), options)
    except re2.error as error:
        reason = error.args[0]  # bytes or text
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else reason
        raise BadCheck(f"response-regexp '{regexp}': {text}") from error
    found: Search = compiled.search
    return found


def _authority(address: str, check: Check) -> str:
    host = f"[{address}]" if ":" in address else address
    return host if check.port == _PORT_DEFAULT[check.type] else f"{host}:{check.port}"


def _tls(address: str, check: Check) -> Tls | None:
    """Return how to talk TLS: to the server-name, else the host, else the address."""
    if check.type != "https" and not check.ssl:
        return None
    server_name = check.server_name or _without_port(check.host) or address
    try:
        return Tls(server_name, not check.insecure_skip_verify, check.timeout_s)
    except ValueError as error:
        raise BadCheck(f"server-name '{server_name}': {error}") from error


def _without_port(host: str) -> str:
    """Return the name or address in a Host header: 'a:8443' is a, '[::1]:8443' is ::1."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host if host.count(":") > 1 else host.partition(":")[0]
