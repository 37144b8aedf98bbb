# SPDX-License-Identifier: Apache-2.0
"""From a configuration file to the right weights in VPP, and what becomes of them on failures."""

from __future__ import annotations

from tests.system.system import System


def test_a_configuration_file_becomes_weights_in_vpp(small: System) -> None:
    assert small.weights() == {
        "www": {"web1": 100, "web2": 100, "web3": 0},
        "api": {"web4": 100, "web5": 100, "web6": 100},
    }


def test_a_backend_that_dies_loses_its_weight_and_gets_it_back_after_its_rise(
    small: System,
) -> None:
    since = small.mark()
    died_s = small.backends.be("refuse", small.address["web4"])
    gone_s = small.wait_set(since, "web4", 0)
    since = small.mark()
    back_s = small.backends.be("ok", small.address["web4"])
    again_s = small.wait_set(since, "web4", 100)
    print(gone_s - died_s, small.pace.promise_s(silent=False), again_s - back_s)
