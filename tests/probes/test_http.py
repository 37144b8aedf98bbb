# SPDX-License-Identifier: Apache-2.0
"""HTTP probes against backends that behave, and against many that do not."""

import socket
import time

import pytest
from httptools import HttpParserCallbackError

from maglev.probes.factory import Factory
from maglev.probes.http import BODY_BYTES_MAX, HttpProbe
from maglev.probes.reactor import Reactor
from maglev.probes.result import Result
from tests.probes.rounds import check, outcome, timed_outcome
from tests.probes.servers import (
    Talk,
    answer,
    drip,
    endless,
    linger,
    read_request,
    reset,
    serving,
    silent,
)
from tests.probes.test_tcp import closed_port, full_backlog
from tests.support import eventually

OK = b"HTTP/1.1 200 OK\r\n"
HI = OK + b"Content-Length: 2\r\n\r\nhi"


def result_of(talk: Talk, **others: object) -> Result:
    """Return how an HTTP probe of a server ends."""
    with serving(talk) as server:
        return outcome(check("http", server.port, **others))


def of_bytes(*chunks: bytes, **others: object) -> tuple[bool | None, str, str]:
    """Return how an HTTP probe ends that gets these bytes as an answer."""
    result = result_of(answer(*chunks), **others)
    return result.passed, result.code, result.detail


# --- status ---------------------------------------------------------------------------------------


def test_200_passes() -> None:
    assert of_bytes(HI) == (True, "L7OK", "HTTP 200")


def test_a_wrong_status_fails_with_the_status_as_detail() -> None:
    assert of_bytes(b"HTTP/1.1 503 Oops\r\n\r\n") == (False, "L7STS", "HTTP 503")


@pytest.mark.parametrize(
    ("status", "passed"), [(199, False), (200, True), (204, True), (301, True)]
)
def test_statuses_wanted_may_be_ranges(status: int, passed: bool) -> None:
    head = f"HTTP/1.1 {status} X\r\n\r\n".encode()
    verdict = of_bytes(head, response_codes=((200, 299), (301, 301)), timeout_s=0.5)
    assert verdict[0] is passed


def test_redirects_are_not_followed() -> None:
    with serving(answer(b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n")) as server:
        assert outcome(check("http", server.port)) == Result(False, "L7STS", "HTTP 302")
        assert server.accepted == 1


def test_100_continue_and_103_early_hints_are_passed_over() -> None:
    hints = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    assert of_bytes(hints + HI) == (True, "L7OK", "HTTP 200")
    assert of_bytes(hints, HI, response_regexp="^hi$") == (True, "L7OK", "HTTP 200")


def test_101_is_a_status_like_any_other() -> None:
    switching = b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n\0\1\2"
    assert of_bytes(switching) == (False, "L7STS", "HTTP 101")
    assert of_bytes(switching, response_codes=((101, 101),)) == (True, "L7OK", "HTTP 101")


def test_a_status_that_no_rfc_knows_is_a_wrong_status() -> None:
    assert of_bytes(b"HTTP/1.1 000 X\r\n\r\n")[1:] == ("L7STS", "HTTP 0")
    assert of_bytes(b"HTTP/1.1 999 X\r\n\r\n", response_regexp="x")[1] == "L7STS"


def test_a_status_line_without_a_reason_and_one_that_is_very_long_pass() -> None:
    assert of_bytes(b"HTTP/1.1 200\r\n\r\n")[1] == "L7OK"
    assert of_bytes(b"HTTP/1.1 200 " + b"x" * 60_000 + b"\r\n\r\n")[1] == "L7OK"


def test_http_1_0_and_bare_line_feeds_pass() -> None:
    assert of_bytes(b"HTTP/1.0 200 OK\r\n\r\nhello")[1] == "L7OK"
    assert of_bytes(b"HTTP/1.1 200 OK\nServer: old\n\nhello")[1] == "L7OK"


def test_the_status_decides_without_waiting_for_the_body() -> None:
    result, duration_s = _timed(drip(OK + b"Content-Length: 1000000\r\n\r\n", b"x"), timeout_s=9)
    assert result.code == "L7OK"
    assert duration_s < 5


def test_an_answer_in_single_bytes_passes() -> None:
    assert of_bytes(*(bytes([byte]) for byte in HI), response_regexp="^hi$")[1] == "L7OK"


def test_an_answer_before_the_request_counts() -> None:
    def eager(connection: socket.socket) -> None:
        connection.sendall(HI)
        read_request(connection)
        linger(connection)

    assert result_of(eager).code == "L7OK"


def test_a_server_that_closes_its_half_first_is_heard_out() -> None:
    def half_close(connection: socket.socket) -> None:
        connection.sendall(HI)
        connection.shutdown(socket.SHUT_WR)
        read_request(connection)

    assert result_of(half_close, response_regexp="hi").code == "L7OK"


# --- not HTTP -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "garbage",
    [
        b"<html><body>HTTP/0.9 knew no status</body></html>",
        b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
        b"\x16\x03\x01\x00\xee\x01\x00\x00\xea\x03\x03",
        b"\0" * 1000,
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 OK\r\n\r\n",
        OK + b"Nonsense in a header\r\n\r\n",
        OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        OK + b"Content-Length: 99999999999999999999999\r\n\r\n",
    ],
)
def test_garbage_is_a_wrong_answer(garbage: bytes) -> None:
    passed, code, detail = of_bytes(garbage)
    assert (passed, code) == (False, "L7RSP")
    assert detail.startswith("not HTTP: ")


def test_garbage_behind_what_decides_does_not_matter() -> None:
    assert of_bytes(OK + b"Transfer-Encoding: chunked\r\n\r\nzz garbage")[1] == "L7OK"
    assert of_bytes(HI + b"\0garbage", response_regexp="^hi$")[1] == "L7OK"
    assert of_bytes(HI + b"HTTP/1.1 500 Second answer\r\n\r\n")[1] == "L7OK"


def test_endless_headers_end_after_64_kib() -> None:
    expected = Result(False, "L7RSP", "headers longer than 64 KiB")
    assert result_of(endless(OK, b"X-More: and more\r\n" * 100)) == expected
    assert result_of(endless(OK + b"X-Long: ", b"x" * 4096)) == expected
    assert result_of(endless(b"HTTP/1.1 200 ", b"x" * 4096)) == expected


def test_endless_1xx_answers_end_after_64_kib() -> None:
    talk = endless(b"", b"HTTP/1.1 102 Processing\r\n\r\n" * 100)
    assert result_of(talk) == Result(False, "L7RSP", "headers longer than 64 KiB")
    assert result_of(talk, response_regexp="x").code == "L7RSP"


# --- the connection -------------------------------------------------------------------------------


def test_a_closed_port_is_refused() -> None:
    assert outcome(check("http", closed_port())) == Result(False, "L4CON", "connection refused")


def test_a_connect_that_takes_too_long_is_told_from_an_answer_that_does() -> None:
    with full_backlog() as port:
        result = outcome(check("http", port, timeout_s=0.2))
    assert result == Result(False, "L4TOUT", "connect timed out after 200 ms")
    expected = Result(False, "L7TOUT", "no answer within 200 ms")
    assert result_of(silent, timeout_s=0.2) == expected


@pytest.mark.parametrize(
    "talk",
    [
        drip(b"", b"H"),
        drip(OK, b"x"),
        drip(OK + b"X: y\r\n", b"X"),
        drip(b"HTTP/1.1 100 Continue\r\n\r\n", b""),
    ],
)
def test_one_byte_now_and_then_does_not_buy_time(talk: Talk) -> None:
    # 'HH' is no HTTP, so a drip of that letter is over even sooner.
    result, duration_s = _timed(talk, timeout_s=0.4)
    assert result.code in ("L7TOUT", "L7RSP")
    assert duration_s < 3


def test_a_body_that_drips_runs_out_of_time_if_it_is_needed() -> None:
    talk = drip(OK + b"Content-Length: 1000000\r\n\r\n", b"x")
    assert result_of(talk, response_regexp="y", timeout_s=0.3).code == "L7TOUT"


def test_a_close_without_an_answer_or_inside_one_is_a_wrong_answer() -> None:
    assert of_bytes() == (False, "L7RSP", "connection closed without an answer")
    assert of_bytes(b"HTTP/1.1 2") == (False, "L7RSP", "connection closed inside the headers")
    assert of_bytes(OK + b"X: y\r\n") == (False, "L7RSP", "connection closed inside the headers")


def test_a_reset_inside_the_answer_is_a_wrong_answer() -> None:
    def talk(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(OK)
        time.sleep(0.05)  # the bytes are to be read before the reset throws them away
        reset(connection)

    expected = "connection reset by peer before the answer was complete"
    assert result_of(talk) == Result(False, "L7RSP", expected)


def test_a_reset_at_once_fails() -> None:
    result = result_of(reset)
    assert (result.passed, result.code) in ((False, "L4CON"), (False, "L7RSP"))


# --- the body -------------------------------------------------------------------------------------


def test_the_regexp_is_found_in_a_body_of_any_framing() -> None:
    chunked = OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nT: x\r\n\r\n"
    sized = OK + b"Content-Length: 5\r\n\r\nhello"
    until_close = b"HTTP/1.0 200 OK\r\n\r\nhello"
    for whole in (chunked, sized, until_close):
        assert of_bytes(whole, response_regexp="^h.l+o$") == (True, "L7OK", "HTTP 200")
        expected = (False, "L7RSP", "no match for 'bye' in the body")
        assert of_bytes(whole, response_regexp="bye") == expected


def test_the_regexp_does_not_excuse_a_wrong_status() -> None:
    assert of_bytes(b"HTTP/1.1 500 E\r\n\r\nhello", response_regexp="hello")[1] == "L7STS"


def test_an_empty_body_may_match() -> None:
    assert of_bytes(
        b"HTTP/1.1 204 None\r\n\r\n", response_codes=((204, 204),), response_regexp="^$"
    )[0]
    assert of_bytes(OK + b"Content-Length: 0\r\n\r\n", response_regexp="^$")[0]


def test_a_body_cut_short_is_a_wrong_answer_even_if_it_matches() -> None:
    expected = (False, "L7RSP", "connection closed inside the body")
    assert of_bytes(OK + b"Content-Length: 9\r\n\r\nhi", response_regexp="hi") == expected
    cut = OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n"
    assert of_bytes(cut, response_regexp="hi") == expected


def test_garbage_for_a_chunk_is_a_wrong_answer() -> None:
    broken = OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhi\r\n"
    assert of_bytes(broken, response_regexp="hi")[1] == "L7RSP"


def test_only_the_first_64_kib_of_a_body_matter() -> None:
    inside = b"x" * (BODY_BYTES_MAX - 4) + b"here"
    head = OK + b"Content-Length: 1000000000\r\n\r\n"
    assert result_of(endless(head + inside, b"x" * 4096), response_regexp="here$").code == "L7OK"
    beyond = result_of(endless(head + b"x" * BODY_BYTES_MAX, b"here" * 999), response_regexp="here")
    assert beyond.code == "L7RSP"


def test_a_body_in_tiny_chunks_with_huge_extensions_ends() -> None:
    head = OK + b"Transfer-Encoding: chunked\r\n\r\n"
    tiny = endless(head, b"1\r\nx\r\n" * 1000)
    assert result_of(tiny, response_regexp="y").detail == "no match for 'y' in the body"
    padded = endless(head, b"1;" + b"e" * 8000 + b"\r\nx\r\n")
    assert result_of(padded, response_regexp="y").code == "L7RSP"


def test_a_body_that_is_not_utf_8_is_searched_all_the_same() -> None:
    whole = OK + b"Content-Length: 6\r\n\r\n\xff\xfe ok!"
    assert of_bytes(whole, response_regexp="ok")[1] == "L7OK"
    umlaut = OK + b"Content-Length: 2\r\n\r\n" + "ü".encode()
    assert of_bytes(umlaut, response_regexp="^ü$")[1] == "L7OK"


def test_a_regexp_made_to_explode_takes_linear_time() -> None:
    head = OK + f"Content-Length: {BODY_BYTES_MAX}\r\n\r\n".encode()
    result, duration_s = _timed(
        answer(head + b"a" * BODY_BYTES_MAX), response_regexp="(a+)+(a|b)*$x", timeout_s=5
    )
    assert result.code == "L7RSP"
    assert duration_s < 5


def test_an_error_of_our_own_is_not_blamed_on_the_backend() -> None:
    class Broken(HttpProbe):
        def on_headers_complete(self) -> None:
            raise RuntimeError("planted")

    with serving(answer(HI)) as server:
        probed = {"request": b"GET / HTTP/1.1\r\n\r\n", "codes": frozenset({200})}
        probe = Broken("b", "127.0.0.1", server.port, 5.0, **probed)
        reactor = Reactor(lambda probe, result, now_s: None)
        reactor.book(probe, time.monotonic())
        with pytest.raises(HttpParserCallbackError):  # the end of the process
            eventually(lambda: reactor.turn(0.05))
        reactor.close()


def test_rounds_of_one_probe_do_not_see_each_others_answers() -> None:
    answers = [
        OK + b"Content-Length: 5\r\n\r\nfirst",
        b"HTTP/1.1 500 E\r\n\r\n",
        b"HTTP/1.1 100 C\r\n\r\n" + OK + b"\r\nsecond",
        OK + b"Content-Length: 5\r\n\r\nfirst",
    ]
    queue = iter(answers)

    def talk(connection: socket.socket) -> None:
        answer(next(queue))(connection)

    codes: list[str] = []
    with serving(talk) as server:
        reactor = Reactor(lambda probe, result, now_s: codes.append(result.code))
        probed = check("http", server.port, response_regexp="^first$")
        probe = Factory().make("b", "127.0.0.1", probed)
        for done in range(len(answers)):
            reactor.book(probe, time.monotonic())
            while len(codes) == done:
                reactor.turn(0.05)
        reactor.close()
    assert codes == ["L7OK", "L7STS", "L7RSP", "L7OK"]


def _timed(talk: Talk, **others: object) -> tuple[Result, float]:
    with serving(talk) as server:
        return timed_outcome(check("http", server.port, **others))
