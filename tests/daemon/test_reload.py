# SPDX-License-Identifier: Apache-2.0
"""What the log says of a reload."""

from pathlib import Path

import pytest

from maglev.daemon.reload import ask_reload, describe
from maglev.environment import Environment
from maglev.messages import Answer, ConfigAnswer, Done, Refused


def test_a_good_reload_is_told_as_good() -> None:
    assert describe(ConfigAnswer()) == ("info", "config-reload", {"ok": True})


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (ConfigAnswer(parse_error="m.yaml:1: x"), "m.yaml:1: x"),
        (ConfigAnswer(semantic_error="m.yaml:2: y"), "m.yaml:2: y"),
        (ConfigAnswer(reload_error="disk full"), "disk full"),
        (Refused(code="deadline", text="too late"), "deadline: too late"),
        (Done(), "unexpected answer Done"),
    ],
)
def test_a_refused_reload_is_told_with_its_reason(answer: Answer, error: str) -> None:
    assert describe(answer) == ("error", "config-reload", {"ok": False, "error": error})


def test_without_an_aggregator_a_reload_is_refused_after_a_while(tmp_path: Path) -> None:
    answer = ask_reload(Environment(run_dir=tmp_path, time_scale=0.01))
    assert isinstance(answer, Refused)
    assert answer.code == "unavailable"
