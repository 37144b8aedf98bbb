# SPDX-License-Identifier: Apache-2.0
"""The command line of maglevd, up to where it starts something."""

from pathlib import Path

import pytest

from maglev import version
from maglev.daemon import FLAGS, run
from tests.daemon.running import GOOD


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "maglev.yaml"
    path.write_text(GOOD)
    return path


Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize("flag", ["-version", "--version"])
def test_version_tells_version_commit_and_date(flag: str, capsys: Capture) -> None:
    assert run([flag], {}) == 0
    assert capsys.readouterr().out == version.current().text("maglevd") + "\n"


@pytest.mark.parametrize("flag", ["-h", "-help", "--help"])
def test_help_tells_every_flag(flag: str, capsys: Capture) -> None:
    assert run([flag], {}) == 0
    text = capsys.readouterr().out
    assert all(f"--{one.name}\n" in text for one in FLAGS)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--cofnig", "x"], "maglevd: unknown flag --cofnig; did you mean --config?\n"),
        (["start"], "maglevd: wanted flags only, got 'start'\n"),
        (["--probers", "0"], "maglevd: --probers (MAGLEV_PROBERS): wanted a number from 1 to 64"),
    ],
)
def test_a_bad_command_line_ends_with_2(arguments: list[str], error: str, capsys: Capture) -> None:
    assert run(arguments, {}) == 2
    assert capsys.readouterr().err.startswith(error)


def test_a_bad_variable_ends_with_2_unless_a_flag_beats_it(config: Path, capsys: Capture) -> None:
    variables = {"MAGLEV_LOG_LEVEL": "loud", "MAGLEV_CONFIG": str(config)}
    assert run(["-check"], variables) == 2
    assert "MAGLEV_LOG_LEVEL" in capsys.readouterr().err
    assert run(["-check", "-log-level", "warn"], variables) == 0


def test_check_says_that_a_good_file_is_good(config: Path, capsys: Capture) -> None:
    assert run(["-check", f"-config={config}"], {}) == 0
    assert capsys.readouterr() == ("config ok\n", "")


def test_check_shows_warnings_of_a_good_file(config: Path, capsys: Capture) -> None:
    many = "".join(f"    b{n}: {{address: 10.2.0.{n}}}\n" for n in range(1, 102))
    used = ", ".join(f"b{n}: {{}}" for n in range(1, 102))
    text = GOOD.replace("  frontends:", f"{many}  frontends:").replace("{web1: {}}", f"{{{used}}}")
    config.write_text(text)
    assert run(["-check", "-config", str(config)], {}) == 0
    out, error = capsys.readouterr()
    assert out == "config ok\n"
    assert error.startswith(f"{config}:")
    assert error.endswith("(warning)\n")


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("maglev: [", 1),
        (GOOD.replace("address: 10.0.0.2", "adress: 10.0.0.2"), 1),
        (GOOD.replace("{web1: {}}", "{web7: {}}"), 2),
    ],
)
def test_check_tells_structure_from_meaning(
    config: Path, capsys: Capture, text: str, status: int
) -> None:
    config.write_text(text)
    assert run(["-check", "-config", str(config)], {}) == status
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith(f"{config}:")


def test_check_of_a_missing_file_is_one_of_structure(tmp_path: Path, capsys: Capture) -> None:
    assert run(["-check", "-config", str(tmp_path / "none.yaml")], {}) == 1
    assert "none.yaml: cannot be read: No such file or directory" in capsys.readouterr().err
