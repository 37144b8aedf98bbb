# SPDX-License-Identifier: Apache-2.0
"""Which software this is: from the package, its build, or its tree."""

import subprocess
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path

import pytest

from maglev import version

TREE = Path(version.__file__).parents[2]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package directory of its own, in a tree of its own."""
    package = tmp_path / "actors" / "maglev"
    package.mkdir(parents=True)
    monkeypatch.setattr(version, "_PACKAGE", package)
    version.current.cache_clear()
    yield package
    version.current.cache_clear()


def test_the_version_is_the_one_of_setup_cfg() -> None:
    setup = ConfigParser()
    setup.read(TREE / "setup.cfg")
    assert version.current().version == setup["metadata"]["version"]


def test_commit_and_date_are_those_baked_in_at_build(package: Path) -> None:
    (package / "build.txt").write_text("abc1234 2025-01-02\n")
    assert version.current().text("maglevd").endswith("(commit abc1234, built 2025-01-02)")


@pytest.mark.parametrize("text", ["", "abc1234", "a b c"])
def test_a_damaged_build_file_counts_as_none(package: Path, text: str) -> None:
    (package / "build.txt").write_text(text)
    assert version.current().commit == "unknown"


def test_a_source_tree_asks_git(package: Path) -> None:
    tree = package.parents[1]
    settings = ("-c", "user.name=a", "-c", "user.email=a@b")
    for command in (("init", "-q"), (*settings, "commit", "-q", "--allow-empty", "-m", "x")):
        subprocess.run(["git", "-C", str(tree), *command], check=True)
    head = subprocess.run(
        ["git", "-C", str(tree), "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout
    assert head.startswith(version.current().commit)
    assert version.current().date.count("-") == 2


def test_a_tree_that_git_cannot_read_is_of_unknown_commit(package: Path) -> None:
    (package.parents[1] / ".git").write_text("gitdir: /nowhere")
    assert (version.current().commit, version.current().date) == ("unknown", "unknown")
