# SPDX-License-Identifier: Apache-2.0
"""YAML text to a tree: what is understood, what is bounded, and at which line things stand."""

import pytest
import yaml

from maglev.config import tree
from maglev.config.problems import ConfigError, Problems, UnreadableError
from maglev.config.tree import Mapping, Node, Scalar, Sequence, read_tree


def read(text: bytes | str) -> Node:
    problems = Problems("f")
    try:
        return read_tree(text, problems)
    finally:
        problems.raise_any()


def fault(text: bytes | str) -> str:
    with pytest.raises((ConfigError, UnreadableError)) as caught:
        read(text)
    return str(caught.value)


def plain(node: Node) -> object:
    """Return the tree as lists and dictionaries of text."""
    match node:
        case Scalar(text=text):
            return text
        case Sequence(items=items):
            return [plain(item) for item in items]
        case Mapping(entries=entries):
            return {key: plain(entry.node) for key, entry in entries.items()}


@pytest.fixture(params=["libyaml", "python"])
def _parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "python":
        monkeypatch.setattr(tree, "Loader", yaml.SafeLoader)


def test_scalars_stay_text() -> None:
    words = ["no", "on", "~", "null", "010", "12:30", "1e3", "0x10", "2024-01-01", "=", ".inf"]
    assert plain(read("[" + ", ".join(words) + "]")) == words


def test_keys_stay_text_in_the_order_of_the_file() -> None:
    node = plain(read("no: 1\n80: 2\n12:30: 3\n~: 4\n"))
    assert isinstance(node, dict)
    assert list(node) == ["no", "80", "12:30", "~"]


@pytest.mark.usefixtures("_parser")
def test_lines_are_those_an_editor_shows() -> None:
    text = "# comment\n\na:\n  - 1\n  -\n    2\nb: |\n  x\n\n  y\n"
    text += "'c':\n  d: >-\n   long\n   text\ne:\nf: 1"
    node = read(text)
    assert isinstance(node, Mapping)
    assert {key: entry.line for key, entry in node.entries.items()} == {
        "a": 3, "b": 7, "c": 11, "e": 15, "f": 16,
    }  # fmt: skip
    items = node.entries["a"].node
    assert isinstance(items, Sequence)
    assert [item.line for item in items.items] == [4, 6]


@pytest.mark.parametrize("text", ["a: 1\r\nb: 2\r\n", "\ufeffa: 1\nb: 2\n", "a: 1\nb: 2\n"])
def test_line_ends_and_a_byte_order_mark_do_not_matter(text: str) -> None:
    for content in (text, text.encode()):
        node = read(content)
        assert isinstance(node, Mapping)
        assert plain(node) == {"a": "1", "b": "2"}
        assert node.entries["b"].line == 2


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"a: 1\nb: \0\n", "f:2: character U+0000 is not allowed here"),
        (b"a: 1\nb: \x1b[31m\n", "f:2: character U+001B is not allowed here"),
        (b"a: 1\nb: \xff\n", "f:2: not UTF-8 text (byte 0xff)"),
        (b"a: 1\nb: \xc3", "f:2: not UTF-8 text (byte 0xc3)"),
        (b"\xff\xfea\0:\0", "f:1: not UTF-8 text (byte 0xff)"),
        (
            b"a: 1\n# x\ry\n",
            "f:2: a carriage return without a line feed; end lines with LF or CR LF",
        ),
        ("a: 1\n# x\u2028y\n", "f:2: character U+2028 is not allowed here"),
        ("a: 1\n# x\x85y\n", "f:2: character U+0085 is not allowed here"),
        ("a: 1\nb: \ud800", "f:2: character U+D800 is not allowed here"),
        ("a: 1\nb: \ufeff", "f:2: character U+FEFF is not allowed here"),
        ("a: 1\nb: \uffff", "f:2: character U+FFFF is not allowed here"),
    ],
)
def test_forbidden_characters_are_named_with_their_line(content: bytes | str, text: str) -> None:
    assert fault(content) == text


def test_a_tab_may_separate_but_not_indent() -> None:
    assert plain(read("a:\t1\t# one\n")) == {"a": "1"}
    assert "indent with spaces, not tabs" in fault("a:\n\tb: 1\n")


def test_a_line_beyond_the_last_is_never_named() -> None:
    for text in ("a: [1,\n", 'a: "x\n', "a: {b: [\n\n", "a: 'x"):
        line = int(fault(text).split(":")[1])
        assert 1 <= line <= text.removesuffix("\n").count("\n") + 1


def test_an_alias_stands_for_its_anchor() -> None:
    assert plain(read("a: &x {b: 1}\nc: *x\nd: [*x, *x]\n")) == {
        "a": {"b": "1"}, "c": {"b": "1"}, "d": [{"b": "1"}, {"b": "1"}],
    }  # fmt: skip
    assert plain(read("a: &x web1\n*x : *x\n")) == {"a": "web1", "web1": "web1"}


def test_the_newest_anchor_of_a_name_counts() -> None:
    assert plain(read("a: &x 1\nb: *x\nc: &x 2\nd: *x\n"))["d"] == "2"  # type: ignore[index]


def test_own_keys_win_over_merged_and_earlier_over_later() -> None:
    text = "a: &a {x: 1, y: 1}\nb: &b {x: 2, z: 2}\nc:\n  y: 3\n  <<: [*b, *a]\n"
    assert plain(read(text))["c"] == {"y": "3", "x": "2", "z": "2"}  # type: ignore[index]


def test_merges_of_merges_carry_on() -> None:
    text = "a: &a {x: 1}\nb: &b {<<: *a, y: 2}\nc: {<<: *b, z: 3}\n"
    assert plain(read(text))["c"] == {"z": "3", "y": "2", "x": "1"}  # type: ignore[index]


def test_a_quoted_merge_key_is_a_name() -> None:
    assert plain(read("'<<': {a: 1}\n")) == {"<<": {"a": "1"}}


def test_merging_leaves_the_merged_mapping_as_it_was() -> None:
    assert plain(read("a: &a {x: 1}\nb: {<<: *a, y: 2}\n"))["a"] == {"x": "1"}  # type: ignore[index]


@pytest.mark.usefixtures("_parser")
def test_nesting_is_bounded_exactly() -> None:
    deepest = "[" * tree.DEPTH_MAX + "]" * tree.DEPTH_MAX
    assert read(deepest).line == 1
    assert "nested deeper than" in fault(f"[{deepest}]")
    assert "nested deeper than" in fault("[" * 1_000_000)
    assert "nested deeper than" in fault("- " * 1_000_000)


def test_depth_counts_through_aliases() -> None:
    half = tree.DEPTH_MAX // 2
    inner = "[" * half + "]" * half
    outer = "[" * (half - 2) + " *a " + "]" * (half - 2)
    assert read(f"- &a {inner}\n- [{outer}]\n").line == 1
    assert "nested deeper than" in fault(f"- &a {inner}\n- [[{outer}]]\n")


def test_the_number_of_values_is_bounded_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "NODES_MAX", 10)
    assert read("[1,2,3,4,5,6,7,8,9]").line == 1
    assert "values" in fault("[1,2,3,4,5,6,7,8,9,10]")
    assert read("- &a [1,2,3]\n- *a\n- 9\n").line == 1
    assert "values" in fault("- &a [1,2,3]\n- *a\n- 9\n- 10\n")
    assert "values" in fault("- &a 1\n" + "- *a\n" * 9)


def test_the_size_of_the_text_is_bounded_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree, "TEXT_BYTES_MAX", 1 << 20)
    full = b"a: 1\n" + b"#" * ((1 << 20) - 5)
    assert plain(read(full)) == {"a": "1"}
    assert fault(full + b"#") == "f:1: the file is larger than 1 MiB"


@pytest.mark.usefixtures("_parser")
@pytest.mark.parametrize(
    "text",
    [
        'a: "\\UFFFFFFFF"',
        "%YAML 1." + "9" * 5000 + "\n--- {}",
        "%YAML 9.9\n--- {}",
        "a: !<tag:yaml.org,2002:int> 1",
        "a: !!python/object:os.system x",
        "a: *",
        "&",
        "? [a]: b",
        "{{a: 1}: 2}",
    ],
)
def test_odd_yaml_is_a_fault_and_not_a_crash(text: str) -> None:
    assert fault(text).startswith("f:1: ")


def test_comments_and_documents_marks_alone_are_an_empty_file() -> None:
    for text in ("", "\n\n", "# nothing\n", "\ufeff"):
        assert "got an empty file" in fault(text)
    assert plain(read("%YAML 1.2\n---\na: 1\n...\n")) == {"a": "1"}
