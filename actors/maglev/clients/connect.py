# SPDX-License-Identifier: Apache-2.0
"""How clients reach a maglevd: its address, TLS, and in plain words why it cannot be reached.

gRPC tells a refused connection and a daemon that answers `UNAVAILABLE` by the same code, and the
former in words of its own, so after a failure the address is tried as a plain socket; look at
`why_unreachable`.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# Before gRPC is loaded: its own log is not for users, and names are to be what they are elsewhere
# on this machine (/etc/hosts, nsswitch).
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
os.environ.setdefault("GRPC_DNS_RESOLVER", "native")

import grpc

from maglev.flags import BadUsage

PORT: Final = 9090
CONNECT_S: Final = 3.0
TRIAL_S: Final = 1.0
ANSWER_BYTES_MAX: Final = 64 * 1024 * 1024  # 10,000 backends with their transitions are 5 MB

OPTIONS: Final = (
    ("grpc.max_receive_message_length", ANSWER_BYTES_MAX),
    # As long as one attempt to connect may take.
    ("grpc.min_reconnect_backoff_ms", round(CONNECT_S * 1000)),
    # A stream on which nothing comes may be one whose other end is gone.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # A daemon on this machine or in this network is not behind a web proxy.
    ("grpc.enable_http_proxy", 0),
)


@dataclass(frozen=True, slots=True)
class Server:
    """Where a maglevd listens: a path, or a host and a port."""

    path: str = ""
    host: str = ""
    port: int = 0

    @property
    def target(self) -> str:
        """The same for gRPC."""
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Tls:
    """Files in PEM; empty for none.  Without a CA those that gRPC brings along are trusted."""

    ca: str = ""
    cert: str = ""
    key: str = ""

    def __bool__(self) -> bool:
        """Return whether TLS is wanted at all."""
        return bool(self.ca or self.cert or self.key)


def server(text: str) -> Server:
    """Return an address; raises BadUsage.

    `host`, `host:port`, `:port` (this machine), `[address]:port`, `unix:/path` or `/path`.
    """
    path = text.removeprefix("unix://") if text.startswith("unix://") else text
    path = path.removeprefix("unix:")
    if path != text or path.startswith("/"):
        if not path.startswith("/"):
            raise BadUsage(f"--server: wanted unix:/path, got '{text}'")
        return Server(path=path)
    if text.startswith("["):
        host, bracket, port = text[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            raise BadUsage(f"--server: wanted [address]:port, got '{text}'")
        port = port.removeprefix(":")
    elif text.count(":") > 1:
        host, port = text, ""
    else:
        host, _, port = text.partition(":")
    if port and not (port.isascii() and port.isdecimal() and 0 < int(port[:6]) < 65536):
        raise BadUsage(f"--server: wanted a port from 1 to 65535, got '{port}' in '{text}'")
    if not host and not port:
        raise BadUsage("--server: wanted host:port or unix:/path, got nothing")
    return Server(host=host or "localhost", port=int(port or PORT))


def credentials(tls: Tls) -> grpc.ChannelCredentials:
    """Return what a channel with TLS needs; raises BadUsage."""
    if bool(tls.cert) != bool(tls.key):
        raise BadUsage("--tls-cert and --tls-key: wanted both or none")
    ca, key, cert = (_read(name) for name in (tls.ca, tls.key, tls.cert))
    return grpc.ssl_channel_credentials(ca, key, cert)


def channel(where: Server, tls: Tls) -> grpc.Channel:
    """Return a channel, which connects at the first call; raises BadUsage.

    A Unix socket never leaves this machine, and has no TLS.
    """
    if tls and not where.path:
        return grpc.secure_channel(where.target, credentials(tls), OPTIONS)
    return grpc.insecure_channel(where.target, OPTIONS)


def why_unreachable(where: Server) -> str:
    """Return why nobody can be reached there, in words; empty if somebody can."""
    try:
        if where.path:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
                trial.settimeout(TRIAL_S)
                trial.connect(where.path)
        else:
            socket.create_connection((where.host, where.port), TRIAL_S).close()
    except TimeoutError:
        return f"no answer within {TRIAL_S:g} s"
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return ""


def _read(name: str) -> bytes | None:
    if not name:
        return None
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise BadUsage(f"{name}: {error.strerror}") from error
