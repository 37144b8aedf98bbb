# SPDX-License-Identifier: Apache-2.0
"""What may stand in a request, what may be expected of an answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maglev.config.healthchecks import host, path, regexp, response_codes, server_name
from maglev.config.scalars import BadValue
from maglev.config.tree import Scalar


def scalar(text: str) -> Scalar:
    return Scalar(text, True, 1)


@pytest.mark.parametrize(
    ("text", "ranges"),
    [
        ("200", ((200, 200),)),
        ("200-299", ((200, 299),)),
        ("200,204", ((200, 200), (204, 204))),
        (" 404 , 200-299,204", ((200, 299), (204, 204), (404, 404))),
        ("204,200,204", ((200, 200), (204, 204))),
        ("100-599", ((100, 599),)),
        ("301-301", ((301, 301),)),
    ],
)
def test_status_codes_are_sorted_ranges(text: str, ranges: tuple[tuple[int, int], ...]) -> None:
    assert response_codes(scalar(text)) == ranges


@given(st.text(alphabet="0123456789-, \u0662", max_size=12))
def test_every_range_of_status_codes_is_in_order(text: str) -> None:
    try:
        ranges = response_codes(scalar(text))
    except BadValue:
        return
    assert all(100 <= low <= high <= 599 for low, high in ranges)


def test_a_list_of_status_codes_is_bounded() -> None:
    with pytest.raises(BadValue, match="at most 256"):
        response_codes(scalar(",".join(["200"] * 100)))


@given(st.text())
def test_a_path_cannot_end_its_line(text: str) -> None:
    try:
        value = path(scalar("/" + text))
    except BadValue:
        return
    assert value.isascii()
    assert value.split() == [value]
    assert value.isprintable()


@pytest.mark.parametrize(
    "text", ["/", "/a/b?c=d&e=%20", "/~user/;x", '/"quoted"', "/" + "x" * 2047]
)
def test_paths_of_visible_ascii_are_taken(text: str) -> None:
    assert path(scalar(text)) == text


def test_a_path_is_bounded() -> None:
    with pytest.raises(BadValue):
        path(scalar("/" + "x" * 2048))


@pytest.mark.parametrize(
    "text", ["www.example.com", "www.example.com:8080", "[2001:db8::1]:80", "a_b"]
)
def test_hosts_are_names_or_addresses_with_or_without_port(text: str) -> None:
    assert host(scalar(text)) == text


@given(st.text())
def test_a_host_cannot_end_its_line(text: str) -> None:
    for read in (host, server_name):
        try:
            value = read(scalar(text))
        except BadValue:
            continue
        assert value.isascii()
        assert value.split() == [value]
        assert value.isprintable()


def test_a_regular_expression_may_be_anything_that_re2_takes() -> None:
    for text in ("ok", "(?i)status: *(ok|fine)", r"^\d+$", "", "käse", "a\0b"):
        assert regexp(scalar(text)) == text


def test_a_regular_expression_is_bounded_in_length_and_memory() -> None:
    assert regexp(scalar("x" * 1024))
    with pytest.raises(BadValue, match="at most 1024 characters, got 1025"):
        regexp(scalar("x" * 1025))
    with pytest.raises(BadValue, match="too large"):
        regexp(scalar(r"\pL{100}"))


@given(st.text(alphabet="ab()[]{}*+?|\\^$.,-019P<>:=!", max_size=20))
def test_any_regular_expression_is_taken_or_refused(text: str) -> None:
    try:
        assert regexp(scalar(text)) == text
    except BadValue as error:
        assert str(error).startswith("not a regular expression of RE2: ")  # noqa: PT017
