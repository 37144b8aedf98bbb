# SPDX-License-Identifier: Apache-2.0
"""Bounds of frontends that are too large for the corpus of bad files."""

import pytest

from maglev.config import ConfigError, Loaded, parse
from tests.config.test_document import VPP


def with_backends(count: int, pools: int = 1) -> Loaded:
    """Return what a file gives whose one frontend has so many backends, spread over pools."""
    lines = ["maglev:", "  backends:"]
    lines += [f"    b{i}: {{address: 10.0.{i >> 8}.{i & 255}}}" for i in range(1, count + 1)]
    lines += ["  frontends:", "    www:", "      address: 203.0.113.1", "      pools:"]
    for pool in range(pools):
        lines += [f"        - name: pool{pool}", "          backends:"]
        lines += [f"            b{i}:" for i in range(1, count + 1) if i % pools == pool]
    return parse("\n".join(lines) + "\n" + VPP, "maglev.yaml")


@pytest.mark.parametrize("pools", [1, 3])
@pytest.mark.parametrize(("count", "warned"), [(100, False), (101, True), (1024, True)])
def test_above_100_backends_a_frontend_is_warned_of(count: int, pools: int, warned: bool) -> None:
    loaded = with_backends(count, pools)
    assert [warning.path for warning in loaded.warnings] == ["maglev.frontends.www.pools"] * warned
    if warned:
        assert loaded.warnings[0].text == f"{count} backends; above 100 VPP's shares get uneven"


@pytest.mark.parametrize("pools", [1, 3])
def test_above_1024_backends_a_frontend_is_refused(pools: int) -> None:
    with pytest.raises(ConfigError) as caught:
        with_backends(1025, pools)
    assert caught.value.stage == "meaning"
    assert str(caught.value) == (
        "maglev.yaml:1031: maglev.frontends.www.pools: 1025 backends; VPP takes at most 1024"
    )


@pytest.mark.parametrize("length", [1024, 1025])
def test_a_description_is_bounded(length: int) -> None:
    frontend = (
        f"address: 203.0.113.1, description: {'x' * length}, pools: [{{name: a, backends: }}]"
    )
    text = f"maglev:\n  frontends: {{a: {{{frontend}}}}}\n{VPP}"
    if length > 1024:
        with pytest.raises(ConfigError, match="at most 1024"):
            parse(text, "f")
    else:
        assert parse(text, "f").settings.frontends["a"].description == "x" * length
