# SPDX-License-Identifier: Apache-2.0
"""Where supervisord finds what to run."""

import configparser
from pathlib import Path

import pytest

from maglev.daemon.layout import shipped, supervisor_d, supervisord_conf
from maglev.environment import Environment

TREE = Path(__file__).parents[2]
PROGRAMS = sorted((TREE / "supervisor.d").glob("*.conf"))


def test_a_source_tree_brings_its_own_files(tmp_path: Path) -> None:
    assert shipped() == TREE
    assert supervisord_conf() == TREE / "conf" / "supervisord.conf"
    assert supervisor_d({}, tmp_path / "none") == str(TREE / "supervisor.d")


def test_files_in_etc_take_the_place_of_those_shipped(tmp_path: Path) -> None:
    assert supervisor_d({}, tmp_path) == str(TREE / "supervisor.d")
    (tmp_path / "aggregator.conf").touch()
    assert supervisor_d({}, tmp_path) == str(tmp_path)


def test_the_variable_beats_etc(tmp_path: Path) -> None:
    (tmp_path / "a.conf").touch()
    assert supervisor_d({"MAGLEV_SUPERVISOR_D": str(tmp_path)}, Path("/etc")) == str(tmp_path)


def test_a_name_with_spaces_is_made_one_that_supervisord_finds(tmp_path: Path) -> None:
    place = tmp_path / "a b"
    place.mkdir()
    (place / "a.conf").touch()
    assert supervisor_d({"MAGLEV_SUPERVISOR_D": str(place)}) == f"{tmp_path}/a?b"


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_every_program_is_restarted_for_ever(path: Path) -> None:
    parser = configparser.RawConfigParser()
    parser.read(path)
    (section,) = parser.sections()
    program = parser[section]
    assert section == f"program:{path.stem}"
    assert program["command"].startswith(
        '"%(ENV_MAGLEV_PYTHON)s" -m maglev.launch %(program_name)s'
    )
    assert f" maglev.{path.stem}" in program["command"]
    assert program["autorestart"] == "true"
    # EXITED and restart, however young it dies; FATAL only after that many failures to fork.
    assert program["startsecs"] == "0"
    assert int(program["startretries"]) >= 10**9
    assert program["redirect_stderr"] == "true"
    assert (program["stdout_logfile"], program["stdout_logfile_maxbytes"]) == ("/dev/fd/1", "0")


def test_all_programs_together_are_stopped_in_time() -> None:
    waits_s = 0
    for path in PROGRAMS:
        parser = configparser.RawConfigParser()
        parser.read(path)
        waits_s += parser.getint(f"program:{path.stem}", "stopwaitsecs")
    assert 0 < waits_s < 9


def test_there_is_a_file_for_every_actor() -> None:
    actors = {name.partition("-")[0] for name in Environment().actor_names}
    assert {path.stem for path in PROGRAMS} == actors
