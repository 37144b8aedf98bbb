# SPDX-License-Identifier: Apache-2.0
"""The whole daemon in one World: aggregator, programmer, probers, a disk, a VPP, and backends.

Each process can be killed and started at any moment; what the real shells keep on disk is kept in
`Disk`.  Backends answer, refuse or say nothing, as `truth` says.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from maglev.actor import Effect
from maglev.aggregator.actor import Aggregator
from maglev.aggregator.events import (
    Audit,
    ConfigRead,
    ConfigSaved,
    ReadConfig,
    Remembered,
    SaveConfig,
    SaveTotals,
    SaveVerdicts,
    SaveWishes,
    TotalsSaved,
    WishesSaved,
)
from maglev.aggregator.files import kept_in
from maglev.aggregator.new import Surroundings, new_state
from maglev.aggregator.state import Accepted, Wish
from maglev.core.frontend import survey
from maglev.core.schedule import first_wait_s, wait_s
from maglev.core.settings import PoolConf, Settings
from maglev.messages import (
    OperateBackend,
    ProberPresent,
    ProbeTotals,
    ReloadConfig,
    SetWeight,
    Verdict,
    VerdictWithdrawn,
    VppStatus,
)
from maglev.prober.actor import Prober
from maglev.prober.state import Backend, BeginProbing, EndProbing, EnterNetns, Stopped
from maglev.probes.result import Result
from maglev.programmer.actor import Programmer
from maglev.programmer.events import (
    ConnectVpp,
    LbConfAnswered,
    OperationsAnswered,
    PingVpp,
    PushLbConf,
    ReadVpp,
    SendOperations,
    VppConnected,
    VppLost,
)
from tests.programmer.world import Vpp
from tests.sim.network import Process, World

PASSED = Result(True, "L7OK", "HTTP 200")
REFUSED = Result(False, "L4CON", "connection refused")
SILENT = Result(False, "L4TOUT", "connect timed out")


@dataclass
class Disk:
    """What outlives processes."""

    config: Settings  # the file
    accepted: Settings | None = None
    wishes: tuple[Wish, ...] = ()
    verdicts: dict[str, Remembered] = field(default_factory=dict)
    totals: tuple[bytes, ...] = ()


class Cluster:
    """All of it; `truth` maps addresses to 'up', 'refuse' or 'silent'."""

    def __init__(self, seed: int, config: Settings, probers: int = 2) -> None:
        self.world = World(seed)
        self.disk = Disk(config)
        self.vpp = Vpp()
        self.vpp_up = True
        self.truth = {one.address: "up" for one in config.backends.values()}
        self.prober_names = tuple(f"prober-{index}" for index in range(probers))
        self.names = ("aggregator", "programmer", *self.prober_names)
        self.weight_seen: list[tuple[float, object]] = []
        self.requests = 0
        self.probes: Counter[str] = Counter()  # ended, by backend
        self._vpp_life = 0
        for name in self.names:
            self.start(name)

    # --- processes --------------------------------------------------------------------------------

    def start(self, name: str) -> None:
        """Begin a process, if it does not run."""
        if name in self.world.processes:
            return
        if name == "aggregator":
            self._start_aggregator()
        elif name == "programmer":
            self._start_programmer()
        else:
            ProberShell(self, name)

    def crash(self, name: str, back_after_s: float) -> None:
        """Kill a process; it comes back by itself."""
        self.world.kill(name)
        self.world.after(back_after_s, lambda: self.start(name))

    def pause(self, name: str, seconds: float) -> None:
        """Stop a process for a while."""
        process = self.world.processes.get(name)
        if process is None or process.stopped:
            return
        process.stop()

        def go_on() -> None:
            if not process.dead:
                if seconds > self.world.timers.stopped_s and name in self.prober_names:
                    process.feed(Stopped(seconds))
                process.go_on()

        self.world.after(seconds, go_on)

    def _start_aggregator(self) -> None:
        disk, world = self.disk, self.world
        if disk.accepted is None:
            disk.accepted = disk.config
        around = Surroundings(
            "maglev.yaml", world.timers, self.prober_names, True, int(world.now_s * 1e6), 0
        )
        state = new_state(disk.accepted, disk.wishes, around, world.now)
        state.totals.recall(kept_in(disk.totals), state.backends, self.prober_names)
        words = (ProberPresent, Verdict, VerdictWithdrawn, ProbeTotals)
        follows = {**dict.fromkeys(self.prober_names, words), "programmer": (VppStatus,)}
        Process(world, Aggregator(state, disk.verdicts, ()), follows, self._disk)

    def _start_programmer(self) -> None:
        self._vpp_life += 1
        shell = VppShell(self, self._vpp_life)
        programmer = Programmer(self.world.timers)
        follows = {"aggregator": Programmer.hears}
        Process(self.world, programmer, follows, shell.perform)

    def _disk(self, process: Process, effect: Effect) -> None:
        wait_s = 0.001 + 0.01 * self.world.random.random()
        self.world.after(wait_s, lambda: None if process.dead else self._written(process, effect))

    def _written(self, process: Process, effect: Effect) -> None:
        disk = self.disk
        match effect:
            case SaveWishes(wishes, _):
                disk.wishes = wishes
                process.feed(WishesSaved())
            case SaveConfig(accepted, wishes):
                disk.accepted, disk.wishes = accepted.settings, wishes
                process.feed(ConfigSaved(accepted))
            case SaveVerdicts(backends):
                disk.verdicts = backends
            case SaveTotals(blocks):
                disk.totals = blocks
                process.feed(TotalsSaved())
            case ReadConfig(read_id):
                process.feed(ConfigRead(read_id, Accepted("", disk.config)))
            case Audit():
                pass
            case _:
                raise AssertionError(effect)

    # --- what operators do ------------------------------------------------------------------------

    def ask(self, request: OperateBackend | SetWeight | ReloadConfig) -> None:
        """Ask the aggregator, if it is there."""
        process = self.world.processes.get("aggregator")
        if process is not None:
            self.requests += 1
            process.asked(request, self.requests)

    def operate(self, backend: str, operation: str) -> None:
        self.ask(OperateBackend(backend=backend, operation=operation, who="sim", origin="sim"))  # type: ignore[arg-type]

    def reload(self, config: Settings) -> None:
        self.disk.config = config
        for backend in config.backends.values():
            self.truth.setdefault(backend.address, "up")
        self.ask(ReloadConfig(who="sim", origin="sim"))

    # --- what should be ---------------------------------------------------------------------------

    @property
    def aggregator(self) -> Aggregator:
        actor = self.world.processes["aggregator"].actor
        assert isinstance(actor, Aggregator)
        return actor

    def states_true(self) -> dict[str, str]:
        """Return the state each backend has when everything works."""
        accepted = self.disk.accepted
        assert accepted is not None
        states = {}
        modes = {wish.backend: wish.value for wish in self.disk.wishes if not wish.frontend}
        for name, conf in accepted.backends.items():
            mode = modes.get(name, "run" if conf.enabled else "disabled")
            alive = conf.check is None or self.truth[conf.address] == "up"
            states[name] = ("up" if alive else "down") if mode == "run" else str(mode)
        return states

    def weights_true(self) -> dict[tuple[str, int], dict[str, int]]:
        """Return what VPP has when everything works, computed from nothing."""
        accepted = self.disk.accepted
        assert accepted is not None
        states = self.states_true()
        set_by_hand = {
            (wish.frontend, wish.pool, wish.backend): wish.value
            for wish in self.disk.wishes
            if wish.frontend
        }
        wanted = {}
        for name, conf in accepted.frontends.items():
            pools = [
                PoolConf(
                    pool.name,
                    {
                        backend: int(set_by_hand.get((name, pool.name, backend), weight))
                        for backend, weight in pool.weights.items()
                    },
                )
                for pool in conf.pools
            ]
            surveyed, _ = survey(pools, states)  # type: ignore[arg-type]
            wanted[f"{conf.address}/32", conf.port] = {
                accepted.backends[one.name].address: one.weight_effective or 0
                for pool in surveyed
                for one in pool.backends
            }
        return wanted


class ProberShell:
    """Probes by looking at the truth."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.cluster = cluster
        self.rounds: dict[str, int] = {}  # backend -> which series of rounds is in force
        actor = Prober(name, cluster.world.timers)
        self.actor = actor
        self.process = Process(
            cluster.world, actor, {"aggregator": Prober.hears}, lambda _, effect: self._do(effect)
        )

    def _do(self, effect: Effect) -> None:
        world = self.cluster.world
        match effect:
            case BeginProbing(backend, first):
                series = self.rounds[backend.name] = self.rounds.get(backend.name, 0) + 1
                soon = first == "soon"
                chance = world.random.random()
                wait = 0.0001 if soon else first_wait_s(backend.check, backend.health, chance)
                self._later(backend, series, wait, self._begin)
            case EndProbing(name):
                self.rounds[name] = self.rounds.get(name, 0) + 1
            case EnterNetns():
                pass
            case _:
                raise AssertionError(effect)

    def _later(
        self,
        backend: Backend,
        series: int,
        wait: float,
        step: Callable[[Backend, int], None],
    ) -> None:
        def happen() -> None:
            self.process._when_running(
                lambda: step(backend, series) if self.rounds[backend.name] == series else None
            )

        self.cluster.world.after(wait, happen)

    def _begin(self, backend: Backend, series: int) -> None:
        truth = self.cluster.truth[backend.address]
        silent = truth == "silent"
        took = backend.check.timeout_s if silent else 0.0005
        result = {"up": PASSED, "refuse": REFUSED, "silent": SILENT}[truth]
        self._later(backend, series, took, lambda b, s: self._end(b, s, result, took))

    def _end(self, backend: Backend, series: int, result: Result, took: float) -> None:
        world = self.cluster.world
        now = world.now
        self.cluster.probes[backend.name] += 1
        if self.actor.finished(backend, result, took, now.mono_s, now.unix_ns):
            self.process.speaker.say(backend.verdict(self.actor.name))
            self.process._turn()
        wait = wait_s(backend.check, backend.health, world.random.random())
        self._later(backend, series, wait, self._begin)


class VppShell:
    """Carries calls to the simulated VPP and its answers back, in order, one life of a connection
    after the other."""

    def __init__(self, cluster: Cluster, life: int) -> None:
        self.cluster = cluster
        self.connection = 0
        self.calls: deque[Effect] = deque()

    def perform(self, process: Process, effect: Effect) -> None:
        cluster, world = self.cluster, self.cluster.world
        match effect:
            case ConnectVpp():
                self.connection += 1
                if cluster.vpp_up:
                    event = VppConnected("26.10", "", "", 1)
                    world.after(0.002, lambda: process.feed(event))
                else:
                    world.after(0.002, lambda: process.feed(VppLost("no such file")))
            case PingVpp():
                connection = self.connection
                if not cluster.vpp_up:
                    world.after(0.01, lambda: self._lose(process, connection))
            case ReadVpp():
                self._call(process, lambda: cluster.vpp.read(), 0.003)
            case PushLbConf(conf):
                self._call(process, lambda: LbConfAnswered(conf, cluster.vpp.answer(effect)))
            case SendOperations(operations):
                for operation in operations:
                    self._call(process, self._operation(operation))
            case _:
                raise AssertionError(effect)

    def _operation(self, operation: object) -> Callable[[], OperationsAnswered]:
        def answer() -> OperationsAnswered:
            retval = self.cluster.vpp.answer(operation)
            self.cluster.weight_seen.append((self.cluster.world.now_s, operation))
            return OperationsAnswered((retval,))

        return answer

    def _call(self, process: Process, answer: Callable[[], object], took_s: float = 0.0001) -> None:
        """Let VPP carry out a call a moment later; if it is gone by then, the connection is."""
        connection = self.connection

        def happen() -> None:
            if connection != self.connection or process.dead:
                return
            if not self.cluster.vpp_up:
                self._lose(process, connection)
                return
            event = answer()
            process.feed(event)  # type: ignore[arg-type]

        world = self.cluster.world
        link = ("programmer", "vpp", str(id(self)))
        at_s = max(world._link_s.get(link, 0.0), world.now_s) + took_s
        world._link_s[link] = at_s
        world.at(at_s, happen)

    def _lose(self, process: Process, connection: int) -> None:
        if connection == self.connection:
            self.connection += 1
            process.feed(VppLost("connection reset"))


def with_delays(config: Settings, min_s: float, max_s: float) -> Settings:
    """Return the configuration with other delays of the warm-up."""
    lb = replace(config.lb, startup_delay_min_s=min_s, startup_delay_max_s=max_s)
    return replace(config, lb=lb)
