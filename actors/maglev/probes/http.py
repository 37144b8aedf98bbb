# SPDX-License-Identifier: Apache-2.0
"""HTTP: one GET per connection, judged by its status and, if asked for, its body.

A probe reads no more than it needs: up to the end of the headers, or up to 64 KiB of body where a
regular expression has to be found.  Whatever else a backend sends (garbage, endless headers, drips,
resets) is a result.  The state of a round is in the probe; look at `HttpProbe.ready`.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from functools import cache
from select import EPOLLIN
from typing import TYPE_CHECKING, Any, Final

from httptools import (
    HttpParserCallbackError,
    HttpParserError,
    HttpParserUpgrade,
    HttpResponseParser,
)

from maglev.probes.result import Result, broken, connect_failed, duration_text, failed
from maglev.probes.tcp import StreamProbe
from maglev.probes.tls import WOULD_BLOCK, Tls, reason, shake

if TYPE_CHECKING:
    from maglev.probes.reactor import Reactor

HEAD_BYTES_MAX: Final = 65_536
BODY_BYTES_MAX: Final = 65_536

# A body in chunks of one byte is six times its size; beyond this it is judged by what came so far.
ANSWER_BYTES_MAX: Final = 524_288

_READ_BYTES = 4096
_READ_BYTES_BODY = 32_768
_REGEXP_CHARACTERS_SHOWN = 60
_WHEN = "before the answer was complete"

_CONNECT: Final = 0
_SHAKE: Final = 1
_SEND: Final = 2
_READ: Final = 3

Search = Callable[[bytes], object]
"""Returns something true if the regular expression is found in a body."""


@cache
def _passed(status: int) -> Result:
    return Result(True, "L7OK", f"HTTP {status}")


@cache
def _wrong_status(status: int) -> Result:
    return failed("L7STS", f"HTTP {status}")


class HttpProbe(StreamProbe):
    """Passes when the status of the answer is one of those wanted; 1xx are passed over."""

    __slots__ = (
        "_answer_timed_out",
        "_codes",
        "_decided",
        "_parser",
        "_read_bytes",
        "_request",
        "_size",
        "_stage",
        "_tls",
        "_unsent",
    )

    def __init__(
        self,
        name: str,
        address: str,
        port: int,
        timeout_s: float,
        *,
        request: bytes,
        codes: frozenset[int],
        tls: Tls | None = None,
        **others: Any,
    ) -> None:
        """Take what a StreamProbe takes, the bytes to send, the statuses wanted, and maybe TLS."""
        super().__init__(name, address, port, timeout_s, **others)
        self._request = request
        self._codes = codes
        self._tls = tls
        self._answer_timed_out = failed("L7TOUT", f"no answer within {duration_text(timeout_s)}")
        self._read_bytes = _READ_BYTES
        self._stage = _CONNECT
        self._unsent = request
        self._parser: HttpResponseParser | None = None
        self._decided: Result | None = None
        self._size = 0  # bytes of the answer so far

    def start(self, reactor: Reactor) -> Result | None:
        """Begin a round."""
        self._stage = _CONNECT if self._tls else _SEND
        self._unsent = self._request
        self._decided = None
        self._size = 0
        return StreamProbe.start(self, reactor)

    def ready(self, events: int) -> Result | None:
        """Connect, shake hands, send, read; each as far as possible."""
        if self._stage < _READ:
            result = self._approach() if self._stage < _SEND else self._send()
            if result is not None or self._stage < _READ or not events & EPOLLIN:
                return result
        return self._read()

    def timed_out(self) -> Result:
        """Return the time-out of the stage that the round had reached."""
        if self._stage == _READ or self._half_sent():
            return self._answer_timed_out
        if self._stage == _SHAKE:
            assert self._tls is not None
            return self._tls.timed_out
        return self._connect_timed_out

    def close(self, reactor: Reactor) -> None:
        """Reset the connection and let go of the parser, which knows us as well."""
        self._parser = None
        StreamProbe.close(self, reactor)

    # --- towards the backend ----------------------------------------------------------------------

    def _approach(self) -> Result | None:
        """Connect and shake hands, where TLS comes before HTTP."""
        assert self.sock is not None
        assert self._tls is not None
        if self._stage == _CONNECT:
            result = self.connected()
            if result is None or not result.passed:
                return result
            wrapped = self._tls.wrap(self.sock)
            if isinstance(wrapped, Result):
                return wrapped
            self.sock = wrapped
            self._stage = _SHAKE
        assert isinstance(self.sock, ssl.SSLSocket)
        result = shake(self.sock)
        if result is None or not result.passed:
            return result
        self._stage = _SEND
        return self._send()

    def _send(self) -> Result | None:
        """Send the request; without TLS, that it can be sent is how we know of the connection."""
        assert self.sock is not None
        try:
            sent = self.sock.send(self._unsent)
        except WOULD_BLOCK:
            return None
        except OSError as error:
            return _broken(error) if self._half_sent() else connect_failed(error)
        self._unsent = self._unsent[sent:]
        if not self._unsent:
            self._stage = _READ
        return None

    def _half_sent(self) -> bool:
        """Whether the connection is known to be made, while the request is not all sent."""
        return self._stage == _SEND and (
            self._tls is not None or len(self._unsent) < len(self._request)
        )

    # --- the answer -------------------------------------------------------------------------------

    def _read(self) -> Result | None:
        """Read until there is a result or nothing more to read; edge-triggered, so to the end."""
        assert self.sock is not None
        while True:
            try:
                chunk = self.sock.recv(self._read_bytes)
            except WOULD_BLOCK:
                return None
            except OSError as error:
                return _broken(error)
            result = self._parse(chunk) if chunk else self._ended()
            if result is not None:
                return result

    def _parse(self, chunk: bytes) -> Result | None:
        parser = self._parser
        if parser is None:
            parser = self._parser = HttpResponseParser(self)
            # As lenient as Go and HAProxy: a bare LF ends a line.
            parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=True)
        self._size += len(chunk)
        try:
            parser.feed_data(chunk)
        except HttpParserUpgrade:
            pass  # 101 is a status like any other
        except HttpParserCallbackError:
            raise  # ours
        except HttpParserError as error:
            # What follows the part that decides may be anything.
            return self._verdict() or _not_http(error)
        return self._verdict() or self._too_long()

    def on_headers_complete(self) -> None:
        """Called by the parser at the end of each head, also of 1xx ones and of what follows."""
        assert self._parser is not None
        status = self._parser.get_status_code()
        if self._decided is None and not _passing(status):
            self._decided = _passed(status) if status in self._codes else _wrong_status(status)

    def _verdict(self) -> Result | None:
        """Return the result if enough of the answer has come to tell."""
        return self._decided

    def _too_long(self) -> Result | None:
        """Return a failure if the head goes on for too long."""
        if self._size <= HEAD_BYTES_MAX:
            return None
        return failed("L7RSP", f"headers longer than {HEAD_BYTES_MAX // 1024} KiB")

    def _ended(self) -> Result:
        """Return what it means that the connection was closed before there was a result."""
        if self._size == 0:
            return failed("L7RSP", "connection closed without an answer")
        return failed("L7RSP", "connection closed inside the headers")


class HttpBodyProbe(HttpProbe):
    """Passes when the status is right and a regular expression is found in the body."""

    __slots__ = ("_body", "_complete", "_framed", "_mismatch", "_search", "_status")

    def __init__(self, name: str, address: str, port: int, timeout_s: float, **others: Any) -> None:
        """Take what an HttpProbe takes, `search`, and `regexp` to be shown."""
        self._search: Search = others.pop("search")
        shown = others.pop("regexp")[:_REGEXP_CHARACTERS_SHOWN]
        self._mismatch = failed("L7RSP", f"no match for '{shown}' in the body")
        super().__init__(name, address, port, timeout_s, **others)
        self._read_bytes = _READ_BYTES_BODY
        self._body = bytearray()
        self._status = 0
        self._framed = False  # the head tells where the body ends
        self._complete = False

    def start(self, reactor: Reactor) -> Result | None:
        """Begin a round."""
        self._status = 0
        self._framed = self._complete = False
        return super().start(reactor)

    def close(self, reactor: Reactor) -> None:
        """Reset the connection and give the body's memory back."""
        self._body.clear()
        super().close(reactor)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note a header that tells where the body ends (RFC 9112, 6.3)."""
        if self._status == 0 and name.lower() in (b"content-length", b"transfer-encoding"):
            self._framed = True

    def on_headers_complete(self) -> None:
        """Judge the status; a right one is only the beginning."""
        assert self._parser is not None
        status = self._parser.get_status_code()
        if self._status:
            return
        if _passing(status):
            self._framed = False
            return
        self._status = status
        if status not in self._codes:
            self._decided = _wrong_status(status)

    def on_body(self, chunk: bytes) -> None:
        """Keep as much of the body as is searched."""
        room = BODY_BYTES_MAX - len(self._body)
        if room > 0 and not self._complete:
            self._body += chunk[:room]

    def on_message_complete(self) -> None:
        """Note the end of the body, or of a 1xx answer."""
        self._complete = self._status != 0

    def _verdict(self) -> Result | None:
        if self._decided is None and self._status and (self._complete or self._long_enough()):
            self._decided = self._judge()
        return self._decided

    def _too_long(self) -> Result | None:
        return None if self._status else super()._too_long()

    def _long_enough(self) -> bool:
        return len(self._body) >= BODY_BYTES_MAX or self._size >= ANSWER_BYTES_MAX

    def _ended(self) -> Result:
        if not self._status:
            return super()._ended()
        if self._framed:
            return failed("L7RSP", "connection closed inside the body")
        return self._judge()

    def _judge(self) -> Result:
        found = self._search(bytes(self._body))
        return _passed(self._status) if found else self._mismatch


def _passing(status: int) -> bool:
    """Whether another head follows (RFC 9110, 15.2); 101 is the last one of its connection."""
    return 100 <= status < 200 and status != 101


def _broken(error: OSError) -> Result:
    """Return what an error on a connection means that was made."""
    if isinstance(error, ssl.SSLError):  # whose numbers are OpenSSL's own
        return failed("L7RSP", f"{reason(error)} {_WHEN}")
    return broken("L7RSP", error, _WHEN)


def _not_http(error: HttpParserError) -> Result:
    text = str(error)
    return failed("L7RSP", f"not HTTP: {text[:1].lower()}{text[1:]}")
