# SPDX-License-Identifier: Apache-2.0
"""What maglevd needs of the host: directories, locks, open files."""

import os
import resource
import stat
from pathlib import Path

import pytest

from maglev.daemon.place import (
    FILES_WANTED,
    Occupied,
    lock_run_dir,
    lock_vpp,
    make_dirs,
    raise_file_limit,
)
from maglev.environment import Environment


def settings(at: Path) -> Environment:
    return Environment(run_dir=at / "a" / "run", state_dir=at / "a" / "state")


def test_missing_directories_are_made_for_the_group_and_nobody_else(tmp_path: Path) -> None:
    make_dirs(settings(tmp_path))
    for name in ("run", "state"):
        assert stat.S_IMODE((tmp_path / "a" / name).stat().st_mode) == 0o750


def test_directories_that_are_there_stay_as_they_are(tmp_path: Path) -> None:
    make_dirs(settings(tmp_path))
    (tmp_path / "a" / "run").chmod(0o700)
    make_dirs(settings(tmp_path))
    assert stat.S_IMODE((tmp_path / "a" / "run").stat().st_mode) == 0o700


def test_a_directory_in_which_anybody_may_write_is_refused(tmp_path: Path) -> None:
    make_dirs(settings(tmp_path))
    (tmp_path / "a" / "run").chmod(0o777)
    with pytest.raises(PermissionError, match="a/run: wanted a directory of our own"):
        make_dirs(settings(tmp_path))


def test_a_directory_that_actors_cannot_write_into_is_refused_to_root_too(tmp_path: Path) -> None:
    make_dirs(settings(tmp_path))
    state = tmp_path / "a" / "state"
    state.chmod(0o500)
    with pytest.raises(PermissionError, match=f"got one of uid {os.geteuid()}, .* mode 500"):
        make_dirs(settings(tmp_path))


def test_a_run_dir_has_one_maglevd_and_the_second_is_told_its_pid(tmp_path: Path) -> None:
    with (
        lock_run_dir(tmp_path),
        pytest.raises(
            Occupied, match=f"{tmp_path} is in use by another maglevd, pid {os.getpid()}"
        ),
        lock_run_dir(tmp_path),
    ):
        pass
    with lock_run_dir(tmp_path):
        pass


def test_a_vpp_has_one_maglevd_and_the_second_is_told_its_pid(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    with (
        lock_vpp(str(tmp_path / "api.sock")),
        pytest.raises(Occupied, match=f"api.sock is programmed by .* pid {os.getpid()}"),
        lock_vpp(str(tmp_path / "link" / "api.sock")),
    ):
        pass
    with lock_vpp(str(tmp_path / "api.sock")), lock_vpp(str(tmp_path / "other.sock")):
        pass


def test_any_number_may_run_without_a_vpp() -> None:
    with lock_vpp(""), lock_vpp(""):
        pass


def test_the_limit_on_open_files_is_raised_as_far_as_it_goes() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        raise_file_limit()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert soft >= min(FILES_WANTED, hard)
        assert hard >= before[1]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
