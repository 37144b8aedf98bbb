# SPDX-License-Identifier: Apache-2.0
"""Bad files and the exact texts they give: bad/*.txt.

A case is a title (`## ...`), a file, the stage (`--- structure` or `--- meaning`) and the faults
without the name of the file.  A case that does not speak of the vpp block gets a good one
at its end.
"""

from pathlib import Path

import pytest

from maglev.config import ConfigError, parse

GOOD_VPP = '  vpp: {lb: {ipv4-src-address: 192.0.2.1, ipv6-src-address: "2001:db8::1"}}\n'


def _cases() -> list[object]:
    cases: list[object] = []
    for file in sorted((Path(__file__).parent / "bad").glob("*.txt")):
        for case in file.read_text().split("## ")[1:]:
            title, rest = case.split("\n", 1)
            text, outcome = rest.split("--- ")
            stage, *faults = outcome.strip().split("\n")
            if "vpp:" not in text:
                text += GOOD_VPP
            cases.append(pytest.param(text, stage, faults, id=f"{file.stem}: {title}"))
    return cases


@pytest.mark.parametrize(("text", "stage", "faults"), _cases())
def test_a_bad_file_is_refused_with_exactly_these_texts(
    text: str, stage: str, faults: list[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, "maglev.yaml")
    assert caught.value.stage == stage
    assert str(caught.value).split("\n") == [f"maglev.yaml:{fault}" for fault in faults]
