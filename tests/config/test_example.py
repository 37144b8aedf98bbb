# SPDX-License-Identifier: Apache-2.0
"""conf/maglev.yaml, which operators read first, is true."""

import re
from pathlib import Path

import pytest

from maglev.config import load, parse
from maglev.config.block import Keys
from maglev.config.document import (
    BACKEND_KEYS,
    HEALTHCHECKER_KEYS,
    LB_KEYS,
    MAGLEV_KEYS,
    VPP_KEYS,
)
from maglev.config.frontends import FRONTEND_KEYS, MEMBER_KEYS, POOL_KEYS
from maglev.config.healthchecks import CHECK_KEYS, PARAMS_KEYS

EXAMPLE = Path(__file__).parents[2] / "conf" / "maglev.yaml"
TEXT = EXAMPLE.read_text()
LINES = TEXT.splitlines(keepends=True)
# A knob that is shown but not used: the comment sign stands right before the key.
UNUSED = re.compile(r"^( *)#(?=[a-z0-9-]+: )", re.MULTILINE)


def test_the_example_is_good_and_gives_no_warnings() -> None:
    assert load(EXAMPLE).warnings == ()


def test_the_example_stays_good_with_every_unused_knob_in_use() -> None:
    text, count = UNUSED.subn(r"\1", TEXT)
    assert count == 3
    assert parse(text, "maglev.yaml").settings.netns == "dataplane"


@pytest.mark.parametrize(
    "keys",
    [
        MAGLEV_KEYS, HEALTHCHECKER_KEYS, VPP_KEYS, LB_KEYS, CHECK_KEYS, PARAMS_KEYS, BACKEND_KEYS,
        FRONTEND_KEYS, POOL_KEYS, MEMBER_KEYS,
    ],
)  # fmt: skip
def test_the_example_shows_every_knob(keys: Keys) -> None:
    shown = set(re.findall(r"^ *(?:- )?#?([a-z0-9-]+):", TEXT, re.MULTILINE))
    assert keys.known <= shown


def test_every_type_of_check_is_shown() -> None:
    settings = load(EXAMPLE).settings
    types = {check.type for check in settings.healthchecks.values()}
    assert types == {"icmp", "tcp", "http", "https"}


@pytest.mark.parametrize("number", [n for n, line in enumerate(LINES) if "[default" in line])
def test_without_a_line_marked_default_nothing_changes(number: int) -> None:
    if "#" in LINES[number].split("[default")[0].split(":")[0]:
        return  # the explanation of the mark
    without = "".join(LINES[:number] + LINES[number + 1 :])
    if LINES[number].strip().startswith("description"):
        assert "empty" in LINES[number]
        return
    assert parse(without, "f").settings == load(EXAMPLE).settings
