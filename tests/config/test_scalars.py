# SPDX-License-Identifier: Apache-2.0
"""Text to values, by what the schema wants."""

import ipaddress
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maglev.config.scalars import (
    BadValue,
    WrongType,
    address,
    boolean,
    check_name,
    choice,
    duration,
    integer,
    string,
)
from maglev.config.tree import Mapping, Scalar, Sequence

UNITS_NS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9}


def scalar(text: str, plain: bool = True) -> Scalar:
    return Scalar(text, plain, 1)


# What Go's time.ParseDuration makes of them.
@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0), ("0s", 0), ("+0", 0), ("-0", 0), ("500ms", 0.5), ("2s", 2), ("1m30s", 90),
        ("1h", 3600), ("1.5s", 1.5), ("1.5h", 5400), (".5s", 0.5), ("1.s", 1), ("+2s", 2),
        ("100us", 1e-4), ("100µs", 1e-4), ("100\u03bcs", 1e-4), ("7ns", 7e-9), ("1s1s", 2),
        ("1h2m3s4ms5us6ns", 3723.004005006), ("0.000000001s", 1e-9), ("0.0000000001s", 0),
        ("0.1s", 0.1), ("1100ms", 1.1), ("576h", 2073600),
    ],
)  # fmt: skip
def test_durations_are_those_of_go(text: str, seconds: float) -> None:
    assert duration(scalar(text)) == seconds
    assert duration(scalar(text, plain=False)) == seconds


@given(st.lists(st.tuples(st.integers(0, 9999), st.sampled_from(sorted(UNITS_NS))), min_size=1))
def test_a_duration_is_the_sum_of_its_parts(parts: list[tuple[int, str]]) -> None:
    text = "".join(f"{number}{unit}" for number, unit in parts)
    total_ns = sum(number * UNITS_NS[unit] for number, unit in parts)
    if len(text) <= 64 and total_ns <= 24 * 24 * 3600 * 10**9:
        assert duration(scalar(text)) == total_ns / 10**9


@given(st.text(alphabet="0123456789.nuµmsh+- ", max_size=12))
def test_any_text_is_a_duration_or_a_fault(text: str) -> None:
    with suppress(WrongType, BadValue):
        assert 0 <= duration(scalar(text)) <= 24 * 24 * 3600


@pytest.mark.parametrize(("text", "value"), [("010", 10), ("+7", 7), ("-0", 0), ("00", 0)])
def test_integers_are_decimal(text: str, value: int) -> None:
    assert integer(0, 100)(scalar(text)) == value


@given(st.integers(), st.integers(), st.integers())
def test_an_integer_is_within_its_bounds_or_a_fault(value: int, low: int, high: int) -> None:
    if low <= value <= high and len(str(value)) <= 20:
        assert integer(low, high)(scalar(str(value))) == value
    else:
        with pytest.raises(BadValue, match="expected"):
            integer(low, high)(scalar(str(value)))


def test_a_number_of_thousands_of_digits_is_only_out_of_range() -> None:
    with pytest.raises(BadValue):
        integer(0, 100)(scalar("9" * 100_000))


@pytest.mark.parametrize("text", ["true", "True", "TRUE", "false", "False", "FALSE"])
def test_booleans_are_those_of_yaml_1_2(text: str) -> None:
    assert boolean(scalar(text)) is (text.lower() == "true")


@pytest.mark.parametrize("text", ["yes", "on", "no", "off", "y", "n", "1", "0", "tRUE", "", "~"])
def test_other_words_are_no_booleans(text: str) -> None:
    with pytest.raises(WrongType, match="expected true or false"):
        boolean(scalar(text))


@pytest.mark.parametrize("node", [Mapping(1), Sequence(1)])
@pytest.mark.parametrize(
    "read", [string, boolean, duration, integer(0, 1), choice("a", "b"), address]
)
def test_a_mapping_or_list_is_no_value(node: Mapping | Sequence, read: object) -> None:
    assert callable(read)
    with pytest.raises(WrongType, match=r"expected .*, got a (mapping|list)"):
        read(node)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("2001:0DB8:0:0:0:0:0:0001", "2001:db8::1"),
        ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
        ("64:ff9b::192.0.2.1", "64:ff9b::c000:201"),
    ],
)
def test_addresses_are_canonical(text: str, canonical: str) -> None:
    assert address(scalar(text)) == canonical


@given(st.ip_addresses())
def test_one_address_has_one_text(value: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    try:
        canonical = address(scalar(value.exploded.upper()))
    except BadValue:
        return
    assert canonical == value.compressed
    assert address(scalar(canonical)) == canonical


@pytest.mark.parametrize(
    "name",
    ["no", "on", "123", "12:30", "010", "~", "a", "www.example.com/x", "küche", "東京", "a" * 128],
)
def test_a_name_may_be_any_printable_word(name: str) -> None:
    check_name(name)


@given(st.text())
def test_a_name_is_one_word_on_one_line(name: str) -> None:
    try:
        check_name(name)
    except BadValue:
        return
    assert name.split() == [name]
    assert name.isprintable()
    assert len(name.splitlines()) == 1
