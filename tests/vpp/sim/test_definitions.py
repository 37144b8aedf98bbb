# SPDX-License-Identifier: Apache-2.0
"""The table of messages is consistent in itself; that it is VPP's is proved by the recordings."""

import json

import pytest

from maglev.vpp.sim.codec import codecs, message_table
from maglev.vpp.sim.definitions import api_json, definitions

VERSIONS = ("26.10", "26.06")
WEIGHTS = {"lb_conf_get", "lb_add_del_as_v2", "lb_as_set_weight", "lb_as_v2_dump"}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_reply_has_the_id_after_its_request(version):
    known = codecs(version)
    replies = [name for name in known if name.endswith("_reply")]
    assert all(known[name].id == known[name.removesuffix("_reply")].id + 1 for name in replies)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_greeting_has_the_ids_that_every_client_knows(version):
    known = codecs(version)
    assert (known["sockclnt_create"].id, known["sockclnt_create_reply"].id) == (15, 16)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_message_served_is_in_the_message_table(version):
    table = message_table(version)
    served = [row for module in json.loads(api_json(version)) for row in module["messages"]]
    assert {f"{row[0]}_{row[-1]['crc'][2:]}" for row in served} <= table.keys()
    assert len(set(table.values())) == len(table)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_request_served_says_what_answers_it(version):
    for module in json.loads(api_json(version)):
        names = {row[0] for row in module["messages"]}
        told = {name for s in module["services"].items() for name in (s[0], s[1]["reply"])}
        assert names == told, module["module"]


def test_only_the_weight_messages_are_missing_from_26_06():
    missing = {one.name for one in definitions("26.10")} - {
        one.name for one in definitions("26.06")
    }
    requests = {name for name in missing if not name.endswith(("_reply", "_details"))}
    assert requests == WEIGHTS


def test_nested_types_become_one_flat_struct():
    codec = codecs("26.10")["lb_as_set_weight"]
    assert codec.fixed.format == ">HIIB16sBBHB16sB?"
    assert codec.names[2:6] == ("pfx.address.af", "pfx.address.un", "pfx.len", "protocol")
