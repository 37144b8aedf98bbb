# SPDX-License-Identifier: Apache-2.0
"""An aggregator that says 10,000 backends to a real gateway, and goes on counting their probes."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path
from zlib import crc32

from maglev.bus.node import Node
from maglev.core.timers import Timers
from maglev.core.totals import Tally
from maglev.messages import (
    BackendStatus,
    BackendTotals,
    ConfigStatus,
    FrontendStatus,
    Pool,
    PoolBackend,
    TotalsBlock,
    TransitionTally,
)

ROOT = Path(__file__).parents[2]
BLOCKS = 64
MEMBERS = 10
PROBES_AT_START = 50
STEPS = (TransitionTally("unknown", "up", 1), TransitionTally("up", "down", 2))


class World:
    """What the aggregator says; every backend is probed once a second."""

    def __init__(self, backends: int) -> None:
        self.names = [f"backend{number:05d}" for number in range(backends)]
        self.tallies = {name: Tally(name, "http") for name in self.names}
        self.blocks: list[list[str]] = [[] for _ in range(BLOCKS)]
        for name in self.names:
            self.blocks[crc32(name.encode()) % BLOCKS].append(name)
            self.count(name, PROBES_AT_START)

    def count(self, name: str, probes: int) -> None:
        for _ in range(probes):
            self.tallies[name].add("L7OK", random.expovariate(300))

    def block(self, number: int) -> TotalsBlock:
        told = (BackendTotals(n, (self.tallies[n].said(),), STEPS) for n in self.blocks[number])
        return TotalsBlock(block=number, backends=tuple(told))

    def statuses(self) -> list[BackendStatus]:
        return [
            BackendStatus(
                name=name,
                address=f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}",
                healthcheck="web",
                enabled=True,
                state="up",
                number=1,
                since_ns=1,
                counter=4,
            )
            for number, name in enumerate(self.names)
        ]

    def frontends(self) -> list[FrontendStatus]:
        return [
            FrontendStatus(
                name=f"front{at // MEMBERS}",
                description="",
                address="192.0.2.1",
                protocol="tcp",
                port=80,
                src_ip_sticky=False,
                flush_on_down=True,
                state="up",
                number=1,
                since_ns=1,
                pools=(Pool(name="all", active=True, backends=self._members(at)),),
            )
            for at in range(0, len(self.names), MEMBERS)
        ]

    def _members(self, at: int) -> tuple[PoolBackend, ...]:
        return tuple(
            PoolBackend(name=name, state="up", weight=100, weight_effective=100)
            for name in self.names[at : at + MEMBERS]
        )


class Aggregator:
    """Says a World in a thread of its own: each block anew every totals_say_s."""

    def __init__(self, run_dir: Path, world: World) -> None:
        says = (BackendStatus, FrontendStatus, ConfigStatus, TotalsBlock)
        objects = 4 * len(world.names)
        self._node = Node(run_dir, "aggregator", says, {}, Timers(), objects=objects)
        self._world = world
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()
        self._node.close()

    def _run(self) -> None:
        node, world = self._node, self._world
        for level in (*world.statuses(), *world.frontends(), *map(world.block, range(BLOCKS))):
            node.publish(level)
        node.publish(
            ConfigStatus(
                revision=1,
                path="",
                accepted_at_ns=1,
                backends=len(world.names),
                frontends=len(world.names) // MEMBERS,
                healthchecks=(),
            )
        )
        beat_s = block_s = time.monotonic()
        number = 0
        while not self._ended.wait(0.002):
            now_s = time.monotonic()
            node.receive(now_s)
            if now_s >= beat_s:
                node.beat(0.0)
                beat_s = now_s + Timers().heartbeat_s
            if now_s >= block_s:
                block_s += Timers().totals_say_s / BLOCKS
                number = (number + 1) % BLOCKS
                for name in world.blocks[number]:
                    world.count(name, 5)
                node.publish(world.block(number))
            node.flush()
            node.tick(now_s)


class Gateway:
    """The real process."""

    def __init__(self, run_dir: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "maglev.gateway"],
            env=os.environ
            | {
                "PYTHONPATH": str(ROOT / "actors"),
                "MAGLEV_RUN_DIR": str(run_dir),
                "MAGLEV_STATE_DIR": str(run_dir),
                "MAGLEV_PROBERS": "1",
                "MAGLEV_GRPC_ADDR": "127.0.0.1:0",
                "MAGLEV_METRICS_ADDR": "127.0.0.1:0",
            },
            stdout=subprocess.PIPE,
        )
        self.ports = self._ports()

    def _ports(self) -> dict[str, int]:
        """Return the port of each listener, by the line that tells of it."""
        assert self.process.stdout is not None
        ports: dict[str, int] = {}
        for line in self.process.stdout:
            told = json.loads(line)
            if "port" in told:
                ports[told["msg"]] = told["port"]
            if len(ports) == 2:
                break
        threading.Thread(target=self.process.stdout.read, daemon=True).start()
        return ports

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()
