# SPDX-License-Identifier: Apache-2.0
"""The table of calls, and how its code is built."""

from __future__ import annotations

import configparser
import re
import subprocess
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

import maglev.rpc
from maglev.rpc.changes import CHANGES
from maglev.rpc.reads import READS
from maglev.rpc.service import METHODS, NAME

ROOT = Path(__file__).parents[2]


def test_every_call_is_answered_in_one_way() -> None:
    assert sorted([*READS, *CHANGES, "WatchEvents"]) == sorted(METHODS)


def test_only_calls_that_change_nothing_are_for_everybody() -> None:
    assert {name for name, change in CHANGES.items() if not change.mutates} == {
        "CheckConfig",
        "ListAudit",
    }


def test_a_call_knows_its_path_and_whether_it_streams() -> None:
    assert NAME == "maglev.Maglev"
    assert METHODS["GetBackend"].path == "/maglev.Maglev/GetBackend"
    assert [name for name, method in METHODS.items() if method.streams] == ["WatchEvents"]


def test_the_code_runs_with_every_protobuf_that_may_be_installed_with_it() -> None:
    generated = Path(maglev.rpc.__file__).with_name("maglev_pb2.py").read_text(encoding="utf-8")
    found = re.search(r"^# Protobuf Python Version: (\S+)$", generated, re.M)
    assert found
    config = configparser.RawConfigParser()
    config.read(ROOT / "setup.cfg")
    lines = config["options"]["install_requires"].split("\n")
    wanted = {one.name: one for one in map(Requirement, filter(None, lines))}["protobuf"]
    least = min(Version(one.version) for one in wanted.specifier if one.operator == ">=")
    assert Version(found[1]) <= least


def test_nothing_generated_is_committed() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "*_pb2*"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert listed.stdout == ""
