# SPDX-License-Identifier: Apache-2.0
"""Starting an actor's program in the place of its name, also one that cannot be loaded."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from maglev.process import life_path, read_life

PROGRAM = """
import json, os, sys
from maglev import environment, process
with process.begin("actor", environment.read(os.environ)) as life:
    print(json.dumps([__name__, sys.argv, life.starts, life.works]))
"""

Launch = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launch]:
    launched: list[subprocess.Popen[bytes]] = []
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "broken.py").write_text("import nothing_of_this_name")

    def one(*arguments: str, **variables: str) -> subprocess.Popen[bytes]:
        surroundings = {"PYTHONPATH": str(tmp_path), "MAGLEV_RUN_DIR": str(tmp_path)}
        launched.append(
            subprocess.Popen(
                [sys.executable, "-m", "maglev.launch", *arguments],
                env={**os.environ, **surroundings, "MAGLEV_TIME_SCALE": "0.1", **variables},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        )
        return launched[-1]

    yield one
    for process in launched:
        process.kill()
        process.communicate()


def test_the_program_runs_with_its_arguments_in_the_place_taken_for_it(launch: Launch) -> None:
    out, _ = launch("actor", "program", "--index", "3").communicate()
    name, arguments, starts, works = json.loads(out)
    assert (name, arguments[1:], starts, works) == ("__main__", ["--index", "3"], 1, True)


def test_a_program_that_cannot_be_loaded_is_slowed_down(launch: Launch, tmp_path: Path) -> None:
    for crashes in range(3):
        process = launch("actor", "broken")
        out, error = process.communicate()
        assert process.returncode == 1
        assert b"nothing_of_this_name" in error
        assert (b"actor-backoff" in out) is (crashes > 0)
        life = read_life(life_path(tmp_path, "actor"))
        assert life is not None
        assert (life.crashes, life.works, life.ended) == (crashes, False, False)


@pytest.mark.parametrize(
    "variables", [{"MAGLEV_PROBERS": "many"}, {"MAGLEV_RUN_DIR": "/nowhere/at/all"}]
)
def test_without_a_usable_run_dir_it_does_not_come_back_at_once(
    launch: Launch, variables: dict[str, str]
) -> None:
    process = launch("actor", "program", **variables)
    assert process.stderr is not None
    assert process.stderr.readline().startswith(b"actor: ")
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    process.terminate()
    assert process.wait(10) != 0


def test_too_few_words_are_told_how_it_is_used(launch: Launch) -> None:
    process = launch("actor")
    _, error = process.communicate()
    assert process.returncode == 1
    assert error == b"usage: python -m maglev.launch NAME MODULE [ARGUMENTS]\n"
