# SPDX-License-Identifier: Apache-2.0
"""SIGSTOP: who stands still delays nobody else, and is replaced if that lasts."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from maglev.core.timers import Timers
from maglev.messages import ProberPace
from tests.support import eventually
from tests.system.conftest import SCALE
from tests.system.listener import Listener
from tests.system.stalls import Stalls
from tests.system.system import System

LATE_MS_MAX = 50
STOP_S = 1.5
TIMERS = Timers.scaled(SCALE)


@pytest.fixture
def listener(small: System) -> Iterator[Listener]:
    listener = Listener(small.run_dir, SCALE)
    listener.until(lambda: listener.all(ProberPace), what="the pace of a prober")
    yield listener
    listener.close()


@pytest.mark.parametrize("who", ["programmer", "VPP"])
def test_probes_go_on_in_time_and_the_failover_comes_in_the_end_while_one_stands_still(
    small: System, listener: Listener, who: str
) -> None:
    assert TIMERS.wedged_s > STOP_S, "or it is replaced"
    pid = small.vpp.process.pid if who == "VPP" else small.pid(who)
    since = small.mark()
    with Stalls() as stalls, small.stopped(pid):
        listener.forget()
        small.backends.be("refuse", small.address["web4"])
        listener.listen_for(STOP_S)
        paces = listener.all(ProberPace)
    assert len(paces) >= 2
    late_ms_max = max(pace.lateness_ms_max for pace in paces)
    assert late_ms_max <= LATE_MS_MAX + 1000 * stalls.seconds
    small.wait_set(since, "web4", 0)
    assert {small.name[one["as"]] for one in small.changes(since)} == {"web4"}


def test_a_vpp_that_stands_still_for_longer_than_a_reply_takes_gets_its_failover_afterwards(
    small: System,
) -> None:
    since = small.mark()
    with small.stopped(small.vpp.process.pid):
        small.backends.be("refuse", small.address["web4"])
        lost = len(small.logged("vpp-disconnect"))
        eventually(lambda: len(small.logged("vpp-disconnect")) > lost, 60, "VPP given up")
    small.wait_set(since, "web4", 0)
    small.wait_synced(since)
    assert {small.name[one["as"]] for one in small.changes(since)} == {"web4"}


@pytest.mark.parametrize("actor", ["prober-0", "aggregator", "programmer"])
def test_a_wedged_actor_is_replaced_and_no_weight_changes(small: System, actor: str) -> None:
    since, pid = small.mark(), small.pid(actor)
    with small.stopped(pid):
        eventually(lambda: small.actor_pids().get(actor, pid) != pid, 60, f"{actor} replaced")
    small.wait_up()
    small.wait_synced(since)
    small.assert_unchanged(since)
    assert [line["replaced"] for line in small.logged("actor-replaced")][-1] == actor


def test_nothing_is_replaced_and_no_weight_changes_when_everything_stood_still(
    small: System,
) -> None:
    since, pids = small.mark(), small.actor_pids()
    replaced = len(small.logged("actor-replaced"))
    with small.stopped(*small.pids()):
        until_s = time.monotonic() + 1.2 * TIMERS.wedged_s
        eventually(lambda: time.monotonic() > until_s, 60)
    small.wait_synced(since)
    until_s = time.monotonic() + TIMERS.wedged_s
    eventually(lambda: time.monotonic() > until_s, 60)
    assert small.actor_pids() == pids
    assert len(small.logged("actor-replaced")) == replaced
    small.assert_unchanged(since)
