# SPDX-License-Identifier: Apache-2.0
"""The promised failover time, from a thousand starting phases, alone and beside a crash."""

import msgspec
import pytest

from maglev.core.settings import LbSettings
from maglev.messages import Check
from tests.aggregator.story import CHECK, CONF, backend, frontend, settings
from tests.sim.cluster import Cluster

QUICK = msgspec.structs.replace(
    CHECK, interval_s=2.0, fast_interval_s=0.5, down_interval_s=1.0, timeout_s=0.5
)
PAIR = settings(
    [backend("web1", check=QUICK), backend("web2", check=QUICK)],
    [frontend("www", {"web1": 100}, {"web2": 100})],
    healthchecks={"web": QUICK},
    lb=LbSettings(CONF, 30.0, 0.0, 5.0),
)
ADDRESS = "10.0.0.1"
STANDBY = "10.0.0.2"
SLACK_S = 0.1


def promised_s(check: Check, kind: str) -> float:
    """Return the longest time from a death to weight 0 in VPP, in seconds."""
    timeouts_s = check.fall * check.timeout_s if kind == "silent" else 0.0
    return 1.1 * check.interval_s + (check.fall - 1) * 1.1 * check.fast_interval_s + timeouts_s


def die_and_measure(cluster: Cluster, kind: str, longest_s: float) -> float:
    """Let the primary die now; return the seconds until VPP has it at weight 0."""
    world = cluster.world
    died_s = world.now_s
    cluster.truth[ADDRESS] = kind
    while True:
        (ases,) = cluster.vpp.weights().values()
        if ases[ADDRESS] == 0:
            assert ases[STANDBY] == 100, "the standby carries before the primary is at zero"
            return world.now_s - died_s
        assert world.now_s - died_s <= longest_s, f"{kind}: not within {longest_s} s"
        world.run(0.005)


def recover(cluster: Cluster) -> None:
    """Let the primary come back; afterwards it carries, and the standby is drained."""
    cluster.truth[ADDRESS] = "up"
    cluster.world.run(QUICK.rise * 1.1 * QUICK.down_interval_s + 1.0)
    assert cluster.vpp.weights() == cluster.weights_true()
    cluster.world.run(cluster.world.random.uniform(3.0, 8.0))  # a phase of its own each time


@pytest.mark.parametrize("kind", ["refuse", "silent"])
def test_a_death_at_any_moment_is_at_weight_zero_within_the_promised_time(kind: str) -> None:
    cluster = Cluster(1, PAIR)
    cluster.world.run(20.0)
    longest_s = promised_s(QUICK, kind) + SLACK_S
    times = []
    for _ in range(1000):
        times.append(die_and_measure(cluster, kind, longest_s))
        recover(cluster)
    assert max(times) > 0.8 * longest_s, "the phases do not reach the worst case"


@pytest.mark.parametrize("kind", ["refuse", "silent"])
@pytest.mark.parametrize("victim", ["aggregator", "programmer", "prober-0", "prober-1"])
def test_a_death_beside_a_crash_is_late_by_the_restart_at_most(victim: str, kind: str) -> None:
    cluster = Cluster(2, PAIR)
    cluster.world.run(20.0)
    restart_s = 1.0
    longest_s = promised_s(QUICK, kind) + SLACK_S + restart_s + 3.0
    for _ in range(100):
        moment_s = cluster.world.random.uniform(0.0, promised_s(QUICK, kind))
        cluster.world.after(moment_s, lambda: cluster.crash(victim, restart_s))
        die_and_measure(cluster, kind, longest_s)
        cluster.world.run(8.0)
        recover(cluster)


def test_crashes_change_no_weight_while_everything_is_healthy() -> None:
    cluster = Cluster(3, PAIR)
    cluster.world.run(40.0)
    cluster.vpp.calls.clear()
    for victim in cluster.names * 10:
        cluster.crash(victim, cluster.world.random.uniform(0.1, 5.0))
        cluster.world.run(cluster.world.random.uniform(0.1, 9.0))
    cluster.world.run(60.0)
    assert cluster.vpp.calls == []


def test_all_killed_at_once_with_and_without_a_disk_change_no_weight() -> None:
    for keeps_disk in (True, False):
        cluster = Cluster(4, PAIR)
        cluster.world.run(40.0)
        cluster.vpp.calls.clear()
        for victim in cluster.names:
            cluster.crash(victim, 3.0)
        if not keeps_disk:
            cluster.disk.verdicts, cluster.disk.wishes = {}, ()
        cluster.world.run(120.0)
        assert cluster.vpp.calls == []
