# SPDX-License-Identifier: Apache-2.0
"""TLS: contexts, the handshake as a step that never blocks, and the tcp probe with ssl.

A context reads the system store, which takes long, so there is one per kind of verification for
the whole process; names are given per connection.  Look at `shake` for how errors become results.
"""

from __future__ import annotations

import ssl
from functools import cache
from socket import SocketType
from typing import Any, Final, cast

from maglev.probes.result import Result, broken, duration_text, failed
from maglev.probes.tcp import StreamProbe

L6OK: Final = Result(True, "L6OK", "TLS handshake done")
WOULD_BLOCK: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)

_WHEN = "during the TLS handshake"


@cache
def context(verify: bool) -> ssl.SSLContext:
    """Return the context of all connections that verify (or do not) whom they talk to.

    Names are verified as RFC 6125 says, against the subject alternative names.  No tickets and no
    sessions: every probe does the whole handshake, which is what it is to measure.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.options |= ssl.OP_NO_TICKET
    if verify:
        made.load_default_certs(ssl.Purpose.SERVER_AUTH)
    else:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


class Tls:
    """How one backend is to be talked to: the name it must have, and whether it is verified."""

    __slots__ = ("_context", "server_name", "timed_out")

    def __init__(self, server_name: str, verify: bool, timeout_s: float) -> None:
        """Take a DNS name or IP address; ValueError if it can be neither."""
        self.server_name = server_name
        self.timed_out = failed(
            "L6TOUT", f"TLS handshake not done within {duration_text(timeout_s)}"
        )
        self._context = context(verify)
        # Whatever is wrong with the name is to be known now and not in every round.
        self._context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=server_name)

    def wrap(self, sock: SocketType) -> ssl.SSLSocket | Result:
        """Return a connected socket's TLS side, or L6RSP; `sock` gives up its descriptor."""
        try:
            # Any C socket will do: wrap_socket builds a new object around the descriptor.
            return self._context.wrap_socket(
                cast("Any", sock), server_hostname=self.server_name, do_handshake_on_connect=False
            )
        except OSError as error:
            return broken("L6RSP", error, _WHEN)


def shake(sock: ssl.SSLSocket) -> Result | None:
    """Go on with the handshake: L6OK, or L6RSP with the reason, or None if it takes longer."""
    try:
        sock.do_handshake()
    except WOULD_BLOCK:
        return None
    except ssl.SSLCertVerificationError as error:
        return failed("L6RSP", f"certificate: {error.verify_message.rstrip('.')}")
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
        return failed("L6RSP", f"connection closed {_WHEN}")
    except ssl.SSLError as error:
        return failed("L6RSP", f"TLS handshake failed: {reason(error)}")
    except OSError as error:
        return broken("L6RSP", error, _WHEN)
    return L6OK


def reason(error: ssl.SSLError) -> str:
    """Return OpenSSL's reason in words: 'wrong version number' is what plain HTTP looks like."""
    return (error.reason or str(error)).replace("_", " ").lower()


class TlsProbe(StreamProbe):
    """Passes when the TLS handshake is done: a tcp check with ssl."""

    __slots__ = ("_tls",)

    def __init__(
        self, name: str, address: str, port: int, timeout_s: float, tls: Tls, **others: Any
    ) -> None:
        """Take what a StreamProbe takes, and how to talk TLS."""
        super().__init__(name, address, port, timeout_s, **others)
        self._tls = tls

    def ready(self, events: int) -> Result | None:
        """Connect, then shake hands, as far as possible."""
        if not isinstance(self.sock, ssl.SSLSocket):
            result = self.connected()
            if result is None or not result.passed:
                return result
            assert self.sock is not None
            wrapped = self._tls.wrap(self.sock)
            if isinstance(wrapped, Result):
                return wrapped
            self.sock = wrapped
        return shake(self.sock)

    def timed_out(self) -> Result:
        """Return L6TOUT once connected."""
        return self._tls.timed_out if isinstance(self.sock, ssl.SSLSocket) else super().timed_out()
