# SPDX-License-Identifier: Apache-2.0
"""Whose fault an error is, and how it reads."""

import errno

import pytest

from maglev.probes.result import Result, broken, connect_failed, duration_text, fault, words


@pytest.mark.parametrize(
    "number",
    [
        errno.EMFILE,
        errno.ENFILE,
        errno.EADDRNOTAVAIL,
        errno.ENOBUFS,
        errno.ENOMEM,
        errno.EPERM,
        errno.EACCES,
        errno.EAGAIN,
    ],
)
def test_what_this_machine_lacks_is_no_verdict(number: int) -> None:
    result = connect_failed(number)
    assert (result.passed, result.code) == (None, "")
    assert result.detail.startswith("connect: ")
    assert connect_failed(OSError(number, "")) == result


@pytest.mark.parametrize(
    "number",
    [
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
        errno.EPIPE,
        errno.EPROTO,
    ],
)
def test_what_the_backend_or_the_way_to_it_does_is_a_failure(number: int) -> None:
    result = connect_failed(number)
    assert (result.passed, result.code) == (False, "L4CON")


def test_the_kernels_own_time_out_is_a_time_out() -> None:
    assert connect_failed(errno.ETIMEDOUT).code == "L4TOUT"


def test_an_error_on_a_connection_is_the_backends_unless_we_lack_something() -> None:
    reset = broken("L7RSP", OSError(errno.ECONNRESET, "x"), "inside the answer")
    assert reset == Result(False, "L7RSP", "connection reset by peer inside the answer")
    memory = broken("L7RSP", OSError(errno.ENOMEM, "x"), "inside the answer")
    assert memory == Result(None, "", "inside the answer: cannot allocate memory")


def test_errors_read_as_words() -> None:
    assert words(errno.ECONNREFUSED) == "connection refused"
    assert words(OSError(errno.EMFILE, "x")) == "too many open files"
    assert words(OSError("Something else")) == "something else"
    assert fault("open a socket", errno.EMFILE) == Result(
        None, "", "open a socket: too many open files"
    )


@pytest.mark.parametrize(
    ("duration_s", "text"),
    [(0.2, "200 ms"), (1.0, "1 s"), (1.5, "1.5 s"), (0.0005, "0.5 ms"), (90.0, "90 s")],
)
def test_durations_read_as_people_write_them(duration_s: float, text: str) -> None:
    assert duration_text(duration_s) == text
