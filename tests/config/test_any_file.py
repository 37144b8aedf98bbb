# SPDX-License-Identifier: Apache-2.0
"""Any file is good or has faults with lines, in both YAML parsers; nothing else ever happens."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from maglev.config import ConfigError, Problem, parse, tree

EXAMPLE = (Path(__file__).parents[2] / "conf" / "maglev.yaml").read_text()
PIECES = [
    "maglev:", "\n", "\n  ", "\n    ", "\n      ", "- ", ": ", "{", "}", "[", "]", ", ", "&a ",
    "*a", "<<: ", "!x ", "'", '"', "|", ">", "# ", "? ", "---", "...", "\t", "\r\n", "%YAML 1.1",
    "backends:", "frontends:", "healthchecks:", "vpp:", "lb:", "pools:", "name: ", "web1", "80",
    "address: ", "192.0.2.1", "2s", "true", "type: ", "http", "port: ", "params:", "\0", "\u2028",
]  # fmt: skip


def problems_of(content: bytes | str) -> tuple[Problem, ...]:
    try:
        return parse(content, "f").warnings
    except ConfigError as error:
        return error.problems


def check_any_file(content: bytes | str) -> None:
    lines = (content if isinstance(content, str) else content.decode("latin-1")).count("\n") + 1
    for loader in (yaml.CSafeLoader, yaml.SafeLoader):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(tree, "Loader", loader)
            for problem in problems_of(content):
                assert 1 <= problem.line <= lines, problem
                assert str(problem).isprintable()


@given(st.text())
def test_any_text_is_good_or_has_faults_with_lines(text: str) -> None:
    check_any_file(text)


@given(st.binary())
def test_any_bytes_are_good_or_have_faults_with_lines(content: bytes) -> None:
    check_any_file(content)


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=30))
def test_any_heap_of_yaml_is_good_or_has_faults_with_lines(pieces: list[str]) -> None:
    check_any_file("".join(pieces))
    check_any_file("maglev:\n  " + "".join(pieces))


@given(
    start=st.integers(0, len(EXAMPLE)),
    length=st.integers(0, 30),
    instead=st.sampled_from(PIECES) | st.text(max_size=3),
)
@settings(max_examples=200)
def test_a_damaged_good_file_is_good_or_has_faults_with_lines(
    start: int, length: int, instead: str
) -> None:
    check_any_file(EXAMPLE[:start] + instead + EXAMPLE[start + length :])
