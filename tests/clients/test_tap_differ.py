# SPDX-License-Identifier: Apache-2.0
"""What is different between two messages."""

from msgspec import Struct
from msgspec.structs import replace

from maglev.clients.tap.differ import MISSING, Difference, differences, fields_of
from maglev.messages import FrontendStatus, Pool, PoolBackend, SyncFinished, Transition

WEB1 = PoolBackend(name="web1", state="up", weight=100, weight_effective=100)
WEB2 = PoolBackend(name="web2", state="up", weight=50, weight_effective=50)


def frontend(*members: PoolBackend, number: int = 1) -> FrontendStatus:
    return FrontendStatus(
        name="www",
        description="",
        address="192.0.2.1",
        protocol="tcp",
        port=80,
        src_ip_sticky=False,
        flush_on_down=True,
        state="up",
        number=number,
        since_ns=0,
        pools=(Pool(name="primary", active=True, backends=members),),
    )


def found(before: Struct, after: Struct) -> list[Difference]:
    return list(differences(before, after))


def test_equal_messages_have_no_difference() -> None:
    assert found(frontend(WEB1), frontend(WEB1)) == []


def test_a_field_is_named_with_both_values() -> None:
    assert found(frontend(number=1), frontend(number=2)) == [Difference("number", 1, 2)]


def test_a_member_of_a_list_is_found_by_its_name() -> None:
    down = replace(WEB2, state="down", weight_effective=0)
    assert found(frontend(WEB1, WEB2), frontend(WEB1, down)) == [
        Difference("pools[primary].backends[web2].state", "up", "down"),
        Difference("pools[primary].backends[web2].weight_effective", 50, 0),
    ]


def test_a_member_more_or_less_is_one_difference() -> None:
    path = "pools[primary].backends[web1]"
    assert found(frontend(WEB2), frontend(WEB1, WEB2)) == [Difference(path, MISSING, WEB1)]
    assert found(frontend(WEB1, WEB2), frontend(WEB2)) == [Difference(path, WEB1, MISSING)]


def test_another_order_is_a_difference_by_itself() -> None:
    path = "pools[primary].backends.order"
    names = (("web1", "web2"), ("web2", "web1"))
    assert found(frontend(WEB1, WEB2), frontend(WEB2, WEB1)) == [Difference(path, *names)]


def test_history_is_not_told_again() -> None:
    before = frontend(WEB1)
    told = Transition(number=1, before="unknown", after="up", at_ns=1)
    assert found(before, replace(before, history=(told,))) == []


class Bag(Struct):
    plain: tuple[int, ...] = ()
    by_name: dict[str, int] = {}


def test_members_without_a_name_are_compared_as_a_whole() -> None:
    assert found(Bag((1, 2)), Bag((1, 3))) == [Difference("plain", (1, 2), (1, 3))]


def test_dictionaries_are_compared_by_key() -> None:
    assert found(Bag((), {"a": 1, "b": 1}), Bag((), {"b": 2, "c": 1})) == [
        Difference("by_name[a]", 1, MISSING),
        Difference("by_name[b]", 1, 2),
        Difference("by_name[c]", MISSING, 1),
    ]


def test_fields_are_plain_values_all_the_way_down_defaults_included() -> None:
    assert fields_of(Bag((1,), {"a": 1})) == {"plain": [1], "by_name": {"a": 1}}
    assert fields_of(frontend(WEB1))["pools"] == [
        {
            "name": "primary",
            "active": True,
            "backends": [
                {"name": "web1", "state": "up", "weight": 100, "weight_effective": 100},
            ],
        }
    ]
    assert fields_of(SyncFinished(scope="all", duration_s=0.5))["failed"] == 0
