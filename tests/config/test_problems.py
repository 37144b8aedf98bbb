# SPDX-License-Identifier: Apache-2.0
"""How faults are shown and listed."""

import pickle

import pytest

from maglev.config.problems import PROBLEMS_MAX, ConfigError, Problem, Problems, below, shown


def test_a_problem_says_file_line_path_and_text() -> None:
    assert str(Problem("f.yaml", 17, "maglev.x", "wrong")) == "f.yaml:17: maglev.x: wrong"
    assert str(Problem("f.yaml", 17, "", "wrong")) == "f.yaml:17: wrong"
    assert str(Problem("f.yaml", 0, "", "wrong")) == "f.yaml: wrong"


def test_structure_hides_meaning() -> None:
    problems = Problems("f")
    problems.meaning(1, "a", "bad value")
    problems.structure(2, "b", "bad type")
    with pytest.raises(ConfigError) as caught:
        problems.raise_any()
    assert caught.value.stage == "structure"
    assert str(caught.value) == "f:2: b: bad type"


def test_faults_come_in_the_order_of_lines_and_those_of_vpp_last() -> None:
    problems = Problems("f")
    for line, path in [
        (9, "maglev.a"),
        (2, "maglev.vpp.lb"),
        (3, "maglev.vppx"),
        (1, "maglev.vpp"),
    ]:
        problems.meaning(line, path, "x")
    with pytest.raises(ConfigError) as caught:
        problems.raise_any()
    assert [problem.line for problem in caught.value.problems] == [3, 9, 1, 2]


def test_no_fault_raises_nothing_and_warnings_are_no_fault() -> None:
    problems = Problems("f")
    problems.warn(1, "a", "odd")
    problems.raise_any()
    assert list(map(str, problems.warnings())) == ["f:1: a: odd"]


@pytest.mark.parametrize("beyond", [0, 1, 1000])
def test_a_flood_of_faults_is_cut_and_says_so(beyond: int) -> None:
    problems = Problems("f")
    for line in range(PROBLEMS_MAX + beyond):
        problems.meaning(line + 1, "a", "x")
    with pytest.raises(ConfigError) as caught:
        problems.raise_any()
    listed = caught.value.problems
    assert listed[PROBLEMS_MAX - 1].line == PROBLEMS_MAX
    assert list(map(str, listed[PROBLEMS_MAX:])) == (
        ["f: more like these are not listed"] if beyond else []
    )


def test_whatever_is_shown_stays_on_one_line_and_short() -> None:
    assert shown("a\nb\x1b[0m") == r"'a\nb\x1b[0m'"
    assert len(shown("x" * 1_000_000)) < 100


def test_unusual_keys_are_quoted_in_a_path() -> None:
    assert below("maglev.backends", "web1.example.com:80") == "maglev.backends.web1.example.com:80"
    assert below("maglev.backends", "a b") == "maglev.backends.'a b'"
    assert below("", "maglev") == "maglev"


def test_an_error_survives_the_way_between_processes() -> None:
    error = ConfigError("meaning", (Problem("f", 1, "a", "x"),))
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.stage, copy.problems) == (error.stage, error.problems)
