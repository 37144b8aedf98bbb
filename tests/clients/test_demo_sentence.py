# SPDX-License-Identifier: Apache-2.0
"""How lists, weights and times read in a sentence."""

import pytest

from maglev.clients.demo.sentence import aged, counted, lasting, listed, weighed


@pytest.mark.parametrize(
    ("words", "text"),
    [([], "nobody"), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")],
)
def test_a_list_reads_as_one_would_say_it(words: list[str], text: str) -> None:
    assert listed(words) == text


@pytest.mark.parametrize(
    ("duration_s", "text"),
    [
        (0.0004, "0.4 ms"),
        (0.0099, "9.9 ms"),
        (0.012, "12 ms"),
        (0.9994, "999 ms"),
        (1.0, "1.0 s"),
        (59.9, "59.9 s"),
        (60.0, "1m00s"),
    ],
)
def test_a_duration_has_two_or_three_digits(duration_s: float, text: str) -> None:
    assert lasting(duration_s) == text


@pytest.mark.parametrize(
    ("age_s", "text"),
    [
        (-1.0, "0s"),
        (5.4, "5s"),
        (59.6, "1m00s"),
        (630.0, "10m30s"),
        (3900.0, "1h05m"),
        (144000.0, "1d16h"),
    ],
)
def test_an_age_has_at_most_two_units(age_s: float, text: str) -> None:
    assert aged(age_s) == text


@pytest.mark.parametrize(
    ("weights", "text"),
    [
        ({}, "weight 0 for all"),
        ({"a": 0}, "weight 0 for all"),
        ({"a": 1, "b": 0}, "a 1, b 0"),
        ({"a": 1, "b": 0, "c": 0}, "a 1, the others 0"),
        ({"a": 1, "b": 2}, "a 1, b 2"),
    ],
)
def test_weights_name_who_carries_and_fold_who_does_not(weights: dict[str, int], text: str) -> None:
    assert weighed(weights) == text


def test_one_is_not_several() -> None:
    assert (counted(1, "weight"), counted(2, "weight")) == ("1 weight", "2 weights")
