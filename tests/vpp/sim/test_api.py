# SPDX-License-Identifier: Apache-2.0
"""Whatever bytes and words come, the simulated VPP answers or keeps quiet, and goes on."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maglev.vpp.sim import cli
from maglev.vpp.sim.api import Api, Identity
from maglev.vpp.sim.codec import HEADER
from maglev.vpp.sim.plane import Crashed, Plane

VERSIONS = ("26.10", "26.06")
LINE = """lb vip as conf flush show vips verbose 192.0.2.1/32 192.0.2.1/33 ::/0 x/1 10.0.0.1 ::1
    protocol tcp udp port 80 encap gre4 gre6 l3dsr dscp new_len 1024 0 del weight 101
    ip4-src-address ip6-src-address buckets timeout -1"""
WORDS = st.sampled_from(LINE.split())


def api(version):
    plane = Plane(collect_after_s=60, weight_default=100, first_dpo=13)
    return Api(version, Identity(1, "26", "", ""), plane)


@pytest.mark.parametrize("version", VERSIONS)
@given(st.data())
def test_any_bytes_are_answered_with_whole_messages(version, data):
    vpp = api(version)
    for _ in range(5):
        codec, handler = data.draw(st.sampled_from(list(vpp.handlers.values())))
        size = codec.fixed.size
        message = codec.id.to_bytes(2, "big") + data.draw(st.binary(min_size=size, max_size=size))
        with suppress(Crashed):
            reply = handler(codec, message, 1.0)
            while reply:
                length = HEADER.unpack_from(reply)[1]
                assert len(reply) >= HEADER.size + length
                reply = reply[HEADER.size + length :]


@pytest.mark.parametrize("version", VERSIONS)
@given(st.lists(st.lists(WORDS, max_size=8), max_size=5))
def test_any_words_are_answered_with_whole_lines(version, lines):
    vpp = api(version)
    for line in lines:
        with suppress(Crashed):
            retval, text = cli.run(" ".join(line), vpp.plane, version, 1.0)
            assert retval in (0, -1)
            assert text == "" or text.endswith("\n")
