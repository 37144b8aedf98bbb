# SPDX-License-Identifier: Apache-2.0
"""Totals over everything that can go wrong: no reader ever sees one fall or count too much.

A Reader follows the aggregator as the gateway does.  Totals are compared with the probes that were
really made; what may be missing are those that a prober had not told yet when it died.
"""

import os
from collections.abc import Sequence
from random import Random
from typing import ClassVar

import pytest

from maglev.actor import Effect, Event, Found, Heard, Instant, Lost, Synced
from maglev.core.view import View
from maglev.messages import Message, Request, TotalsBlock
from tests.sim.cluster import Cluster
from tests.sim.network import Process
from tests.sim.test_converges import BASE, trouble

SEEDS = int(os.environ.get("MAGLEV_SIM_SEEDS", "500")) // 5
CHUNK = 20

Numbers = dict[tuple[str, ...], int]


class Reader:
    """Sees every total that the aggregator says, as the gateway does."""

    name = "reader"
    hears: ClassVar[tuple[type[Message], ...]] = (TotalsBlock,)
    says: ClassVar[tuple[type[Message], ...]] = ()
    answers: ClassVar[tuple[type[Request], ...]] = ()

    def __init__(self) -> None:
        self.view = View()
        self.seen: Numbers = {}
        self.fallen: list[str] = []

    def start(self, now: Instant) -> Sequence[Effect]:
        return []

    def handle(self, event: Event, now: Instant) -> Sequence[Effect]:
        match event:
            case Synced(speaker, _, messages):
                self.view.synced(speaker, messages)
            case Heard(speaker, message):
                self.view.heard(speaker, message)
            case Lost() | Found():
                return []
            case _:
                raise AssertionError(event)
        numbers = self._numbers()
        for key in self.seen.keys() & numbers.keys():
            if numbers[key] < self.seen[key]:
                self.fallen.append(f"{now.mono_s} {key}: {self.seen[key]} -> {numbers[key]}")
        self.seen |= numbers  # a restarted aggregator may not have said all yet
        return []

    def _numbers(self) -> Numbers:
        """Return {(backend, type, code) or (backend, before, after): count}."""
        found: Numbers = {}
        for block in self.view.all(TotalsBlock):
            for one in block.backends:
                for tally in one.probes:
                    found |= {(one.backend, tally.type, c): n for c, n in tally.codes.items()}
                for step in one.transitions:
                    found[one.backend, step.before, step.after] = step.count
        return found

    def probes(self) -> dict[str, int]:
        """Return {backend: probes}."""
        sums: dict[str, int] = {}
        for key, count in self.seen.items():
            if key[1] in ("http", "tcp", "https", "icmp"):
                sums[key[0]] = sums.get(key[0], 0) + count
        return sums


def watched(seed: int) -> tuple[Cluster, Reader]:
    """A cluster with a reader."""
    cluster = Cluster(seed, BASE)
    reader = Reader()
    Process(cluster.world, reader, {"aggregator": Reader.hears}, lambda _, effect: None)
    return cluster, reader


def recover(cluster: Cluster) -> None:
    """End all trouble, and leave time until everything was told."""
    cluster.vpp_up = True
    cluster.world.faults.lost = cluster.world.faults.repeated = 0.0
    cluster.world.faults.delay_s_max = 0.002
    cluster.world.run(75.0)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_no_total_falls_or_exceeds_what_was_probed(first: int) -> None:
    for seed in range(first, min(first + CHUNK, SEEDS)):
        cluster, reader = watched(seed)
        random = Random(~seed)
        for _ in range(random.randrange(5, 40)):
            cluster.world.run(random.expovariate(0.7))
            trouble(cluster, random)
        recover(cluster)
        assert not reader.fallen, f"{seed=} {reader.fallen[:3]}"
        for name, told in reader.probes().items():
            assert told <= cluster.probes[name], f"{seed=} {name}"


@pytest.mark.parametrize("seed", range(20))
def test_nothing_is_missing_but_what_a_killed_prober_had_not_told(seed: int) -> None:
    cluster, reader = watched(seed)
    random = Random(seed)
    cluster.world.run(20.0)
    cluster.world.faults.lost = 0.2
    killed = 0
    for _ in range(10):
        cluster.world.run(random.uniform(1.0, 5.0))
        name = random.choice(["aggregator", "prober-0", "prober-1"])
        killed += name.startswith("prober")
        cluster.crash(name, random.uniform(0.1, 2.0))
    recover(cluster)
    assert not reader.fallen, reader.fallen[:3]
    untold_max = killed * 5  # two probes a second, told once a second; a message may be lost
    for name, told in reader.probes().items():
        assert cluster.probes[name] - 5 - untold_max <= told <= cluster.probes[name], name
