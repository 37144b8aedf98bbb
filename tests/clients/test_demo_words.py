# SPDX-License-Identifier: Apache-2.0
"""What happens to frontends, VPP and the daemon, in plain words."""

import pytest
from msgspec.structs import replace

from maglev.clients.demo.sentence import Rank, Tone
from maglev.clients.demo.words import (
    of_change,
    of_edge,
    of_heartbeat,
    of_silence,
)
from maglev.core.view import View
from maglev.messages import (
    ActualAs,
    Alarm,
    AlarmCleared,
    FrontendGone,
    Heartbeat,
    ProbesSeen,
    VipForgotten,
    VppStatus,
)
from tests.clients.said import SETTINGS, backend, frontend, sync, told, vip

# --- frontends -----------------------------------------------------------------------------------


def test_a_backend_that_loses_its_traffic_and_one_that_gets_it_back() -> None:
    both = frontend("up", "primary", web1=100, web2=50)
    one = frontend("up", "primary", web1=100, web2=0)
    assert told(both, one) == ["www: web2's traffic goes to web1"]
    assert told(one, both) == ["www: web2 gets traffic, beside web1"]


def test_traffic_that_comes_from_nobody_has_nobody_beside_it() -> None:
    none = frontend("up", "primary")
    assert told(none, frontend("up", "primary", web1=1, web2=1)) == [
        "www: web1 and web2 get traffic"
    ]


def test_a_backend_that_is_held_neither_loses_nor_gets_traffic() -> None:
    held = frontend("up", "primary", web1=100, web2=None)
    assert told(frontend("up", "primary", web1=100, web2=50), held) == []


def test_a_weight_that_changes_is_told_with_both_values() -> None:
    before = frontend("up", "primary", web1=100, web2=50)
    assert told(before, frontend("up", "primary", web1=20, web2=50)) == [
        "www: the weight of web1 is 20 now, it was 100"
    ]


def test_a_pool_takes_over_and_gives_back() -> None:
    primary = frontend("up", "primary", web1=100)
    standby = frontend("up", "standby", web3=100)
    assert told(primary, standby) == [
        "www: pool primary has nobody left, pool standby takes over: web3 100"
    ]
    assert told(standby, primary) == [
        "www: pool primary serves again, pool standby stands by: web1 100"
    ]


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ("down", "www is down: nobody is left to take its traffic"),
        ("unknown", "www is unknown: none of its backends was probed"),
    ],
)
def test_a_frontend_that_carries_nothing_says_why_and_no_more(state: str, text: str) -> None:
    assert told(frontend("up", "standby", web3=100), frontend(state, "primary")) == [text]


def test_a_frontend_that_comes_up_says_so() -> None:
    assert told(frontend("down", "primary"), frontend("up", "primary", web1=100)) == ["www is up"]


def test_during_the_warm_up_weights_are_not_told() -> None:
    waiting = replace(SETTINGS, phase="wait")
    before, after = frontend("up", "standby", web3=9), frontend("up", "primary", web1=9)
    assert told(before, waiting, after) == []


def test_a_frontend_is_new_without_a_word_and_leaves_with_one() -> None:
    www = frontend("up", "primary", web1=100)
    assert told(www) == []
    assert told(www, FrontendGone(name="www")) == ["www left the configuration"]


# --- VPP -----------------------------------------------------------------------------------------


def test_weights_in_vpp_are_told_by_name_in_the_order_of_the_pools() -> None:
    story = (backend("web2"), backend("web1"), backend("web3"), frontend("up", "primary"))
    assert told(*story, vip(web3=0, web2=50, web1=100)) == [
        "www: VPP has web1 100, web2 50, web3 0"
    ]
    changed = vip(failover_s=0.0021, web1=100, web2=0, web3=0)
    assert told(*story, vip(web1=100, web2=50, web3=0), changed) == [
        "www: VPP has web1 100, the others 0, 2.1 ms after the verdict"
    ]


def test_the_time_of_an_earlier_failover_is_not_told_again() -> None:
    before, after = vip(failover_s=0.002, web1=1), vip(failover_s=0.002, web1=2)
    assert told(before, after) == ["www: VPP has 192.0.2.11 2"]


def test_an_address_that_belongs_to_nobody_is_told_as_it_is() -> None:
    assert told(vip(web9=7)) == ["www: VPP has 192.0.2.19 7"]


def test_buckets_alone_are_no_news() -> None:
    before = vip(web1=1)
    filled = replace(before, ases=(ActualAs(address="192.0.2.11", weight=1, buckets=9),))
    assert told(before, filled) == []


def test_what_vpp_refuses_is_told_once() -> None:
    assert told(vip("no such entry", web1=1)) == [
        "www: VPP refused something: no such entry",
        "www: VPP has 192.0.2.11 1",
    ]
    assert told(vip("no such entry", web1=1), vip("no such entry", web1=1, failover_s=1.0)) == []


def test_a_vip_without_servers_is_bad_and_one_that_is_forgotten_is_silent() -> None:
    assert told(vip(web1=1), vip()) == ["www: VPP has lost all its servers"]
    assert told(vip(web1=1), VipForgotten(frontend="www")) == []


def test_vpp_comes_and_goes() -> None:
    there = VppStatus(connected=True, weights=True, version="26.10")
    away = VppStatus(connected=False, error="closed")
    assert told(there) == ["VPP 26.10 is connected"]
    assert told(there, away) == ["VPP is gone: closed; trying again"]
    assert told(away) == ["VPP is not programmed: closed"]
    assert told(away, there) == ["VPP 26.10 is connected"]
    old = replace(there, weights=False, error="too old")
    assert told(there, old) == ["VPP is not programmed: too old"]
    assert told(old) == ["VPP 26.10 is connected", "VPP is not programmed: too old"]


@pytest.mark.parametrize(
    ("phase", "text"),
    [
        ("wait", "nothing goes to VPP before the backends have been probed"),
        ("release", "a VIP whose backends have all been probed goes to VPP now"),
        ("full", "the warm-up is over: VPP gets all of it"),
    ],
)
def test_the_warm_up_is_told_phase_by_phase(phase: str, text: str) -> None:
    other = replace(SETTINGS, phase="release" if phase == "full" else "full")
    assert told(other, replace(SETTINGS, phase=phase)) == [text]  # type: ignore[arg-type]


def test_a_daemon_found_in_service_tells_nothing_of_a_warm_up() -> None:
    view = View()
    change = view.heard("aggregator", SETTINGS)
    assert change is not None
    assert of_change(change, view) == []


def test_a_sync_is_told_only_if_it_found_something() -> None:
    assert sync() == []
    assert sync(scope="vip", as_weight_updated=1) == []
    assert sync(vip_added=2, as_added=1, as_weight_updated=1) == [
        "VPP compared with what it should have; put right: "
        "2 VIPs added, 1 server added, 1 weight set (12 ms)"
    ]
    assert sync(failed=1) == ["VPP compared with what it should have; refused: 1 change (12 ms)"]
    assert sync(failed=2, as_added=1)[0].endswith(
        "; put right: 1 server added; refused: 2 changes (12 ms)"
    )


# --- the daemon ----------------------------------------------------------------------------------


def test_an_alarm_is_told_when_it_is_raised_and_when_it_is_over() -> None:
    alarm = Alarm(kind="k", about="a", text="not heard", since_ns=0)
    assert told(alarm) == ["Alarm: not heard"]
    assert told(alarm, AlarmCleared(kind="k", about="a")) == ["Alarm over: not heard"]


def test_an_actor_is_back_when_another_process_is_heard() -> None:
    beat = Heartbeat(actor="programmer", pid=7, started_ns=0, positions={}, lag_ms_max=0.0)
    assert of_heartbeat(None, beat) == []
    assert of_heartbeat(beat, beat) == []
    (sentence,) = of_heartbeat(beat, replace(beat, pid=8))
    assert sentence.text.startswith("programmer is back, as process 8")


@pytest.mark.parametrize(
    ("actor", "text"),
    [
        ("aggregator", "nobody decides"),
        ("programmer", "nobody changes VPP"),
        ("watchdog", "nobody would notice"),
        ("prober-1", "the other probers take over"),
    ],
)
def test_the_silence_of_each_actor_means_something_else(actor: str, text: str) -> None:
    (sentence,) = of_silence(actor)
    assert sentence.text.startswith(f"{actor} is silent: {text}")
    assert sentence.tone is Tone.DOUBT


def test_an_edge_without_a_meaning_is_silent() -> None:
    assert of_edge(ProbesSeen(prober="prober-0", backends=("web1",))) == []


def test_causes_come_before_effects() -> None:
    assert Rank.YOU < Rank.DAEMON < Rank.BACKEND < Rank.FRONTEND < Rank.VPP < Rank.SYNC
