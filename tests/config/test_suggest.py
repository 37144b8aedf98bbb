# SPDX-License-Identifier: Apache-2.0
"""Which word was probably meant."""

import pytest

from maglev.config.suggest import Suggester

FEW = ["web7", "web8", "Mail", "resolver"]
MANY = [f"backend-{number}" for number in range(10_000)]


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [("web07", "web7"), ("mail", "Mail"), ("MAIL", "Mail"), ("resovler", "resolver"), ("x", "")],
)
def test_among_few_words_the_most_alike_is_offered(wrong: str, meant: str) -> None:
    assert Suggester(FEW).question(wrong) == (f"did you mean {meant!r}?" if meant else "")


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("bakend-77", "backend-77"),  # one missing
        ("backennd-77", "backend-77"),  # one too many
        ("backemd-77", "backend-77"),  # one wrong
        ("bacekndx-77", ""),  # more than one slip
        ("bakcend-77", "backend-77"),  # two swapped
        ("Backend-77", "backend-77"),
        ("frontend", ""),
    ],
)
def test_among_thousands_a_word_at_one_slip_is_offered(wrong: str, meant: str) -> None:
    assert Suggester(MANY).question(wrong) == (f"did you mean {meant!r}?" if meant else "")


def test_nothing_is_offered_where_there_are_no_words() -> None:
    assert Suggester([]).question("web1") == ""


@pytest.mark.parametrize(("length", "offered"), [(127, True), (129, False), (1_000_000, False)])
def test_only_words_as_long_as_names_are_compared(length: int, offered: bool) -> None:
    assert bool(Suggester(["x" * 128]).question("x" * length)) is offered


def test_after_a_thousand_questions_it_is_silent() -> None:
    suggester = Suggester(FEW)
    answers = [suggester.question("web07") for _ in range(1001)]
    assert answers == ["did you mean 'web7'?"] * 1000 + [""]
