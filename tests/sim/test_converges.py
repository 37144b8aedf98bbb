# SPDX-License-Identifier: Apache-2.0
"""Whatever happens on the way, the daemon ends where a fresh start would: many seeds of trouble.

MAGLEV_SIM_SEEDS says how many; a failing seed is printed and can be played again alone.
"""

import os
from dataclasses import replace
from random import Random

import msgspec
import pytest

from maglev.core.settings import LbSettings, Settings
from maglev.messages import SetWeight
from tests.aggregator.story import CHECK, CONF, backend, frontend, settings
from tests.sim.cluster import Cluster

SEEDS = int(os.environ.get("MAGLEV_SIM_SEEDS", "500"))
CHUNK = 25

QUICK = msgspec.structs.replace(
    CHECK, interval_s=2.0, fast_interval_s=0.5, down_interval_s=1.0, timeout_s=0.5
)
NAMES = ["web1", "web2", "web3", "web4", "web5"]
BASE = settings(
    [*(backend(name, check=QUICK) for name in NAMES), backend("web6", check=None)],
    [
        frontend("www", {"web1": 100, "web2": 50}, {"web3": 100}),
        frontend("api2", {"web3": 100, "web4": 0, "web6": 10}),
        frontend("mail5", {"web5": 100}, {"web1": 100}),
    ],
    healthchecks={"web": QUICK},
    lb=LbSettings(CONF, 30.0, 2.0, 8.0),
)


def other_files() -> list[Settings]:
    """Files to reload: another timeout, a member less, a frontend more, an address moved."""
    longer = msgspec.structs.replace(QUICK, timeout_s=0.7)
    slower = {
        name: replace(one, check=longer) if one.check else one
        for name, one in BASE.backends.items()
    }
    moved = {**BASE.backends, "web2": replace(BASE.backends["web2"], address="10.0.1.2")}
    fewer = {**BASE.frontends, "www": frontend("www", {"web1": 100}, {"web3": 100})}
    more = {**BASE.frontends, "extra55": frontend("extra55", {"web4": 100, "web5": 30})}
    sticky = {**BASE.frontends, "www": replace(BASE.frontends["www"], src_ip_sticky=True)}
    return [
        BASE,
        replace(BASE, healthchecks={"web": longer}, backends=slower),
        replace(BASE, backends=moved),
        replace(BASE, frontends=fewer),
        replace(BASE, frontends=more),
        replace(BASE, frontends=sticky),
    ]


def trouble(cluster: Cluster, random: Random) -> None:
    """Do one bad thing, or one thing that operators do."""
    world = cluster.world
    name = random.choice(cluster.names)
    address = random.choice(list(cluster.truth))
    match random.randrange(12):
        case 0 | 1 | 2:
            cluster.truth[address] = random.choice(["up", "refuse", "silent"])
        case 3 | 4:
            cluster.crash(name, random.uniform(0.1, 6.0))
        case 5:
            cluster.pause(name, random.uniform(0.1, 8.0))
        case 6:
            cluster.operate(random.choice(NAMES), random.choice(["pause", "resume"]))
        case 7:
            cluster.operate(random.choice(NAMES), random.choice(["disable", "enable"]))
        case 8:
            cluster.reload(random.choice(other_files()))
        case 9:
            weight = random.choice([0, 1, 100])
            cluster.ask(
                SetWeight(
                    frontend="www", pool="p0", backend="web1", weight=weight, who="s", origin="s"
                )
            )
        case 10:
            cluster.vpp_up = not cluster.vpp_up
            if random.random() < 0.5:
                cluster.vpp.vips.clear()  # VPP itself was restarted
        case _:
            world.faults.lost = random.choice([0.0, 0.02, 0.2])
            world.faults.repeated = random.choice([0.0, 0.1])
            world.faults.delay_s_max = random.choice([0.001, 0.05, 0.5])


def play(seed: int) -> Cluster:
    """Trouble for a minute or so, then time to recover."""
    cluster = Cluster(seed, BASE)
    random = Random(~seed)
    for _ in range(random.randrange(5, 40)):
        cluster.world.run(random.expovariate(0.7))
        trouble(cluster, random)
    cluster.vpp_up = True
    cluster.world.faults.lost = cluster.world.faults.repeated = 0.0
    cluster.world.faults.delay_s_max = 0.002
    cluster.world.run(75.0)
    return cluster


def verify(cluster: Cluster) -> None:
    """Everything is as it should be, computed from nothing."""
    state = cluster.aggregator.state
    assert {name: one.state for name, one in state.backends.items()} == cluster.states_true()
    assert cluster.vpp.weights() == cluster.weights_true()
    assert not state.alarms, state.alarms
    assert not [name for name, one in state.backends.items() if one.stale]
    owned = [
        name
        for process in cluster.world.processes.values()
        if process.name in cluster.prober_names
        for name in process.actor.state.backends
    ]
    assert sorted(owned) == sorted(n for n, one in state.backends.items() if one.probed)
    cluster.vpp.calls.clear()
    cluster.world.run(65.0)
    assert not cluster.vpp.calls, "a sync that finds nothing to do sends nothing but reads"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_the_state_converges_to_that_of_a_fresh_start(first: int) -> None:
    for seed in range(first, min(first + CHUNK, SEEDS)):
        try:
            verify(play(seed))
        except Exception as error:
            raise AssertionError(f"{seed=}: {error}") from error
