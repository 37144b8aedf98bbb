# SPDX-License-Identifier: Apache-2.0
"""What the watchdog decides, told as time goes by; real processes are in tests/daemon."""

from dataclasses import replace

import pytest

from maglev.actor import Effect, Heard, Instant, Publish, WakeAt, Woke
from maglev.actor import Log as LogEffect
from maglev.core.timers import Timers
from maglev.messages import ActorStatus, Heartbeat
from maglev.process import Life
from maglev.supervisor_rpc import ProcessInfo
from maglev.watchdog import Kill, Look, ProcessesSeen, SupervisordFailed, Watchdog

TIMERS = Timers()


class World:
    """A supervisord, actors that beat once a second while they live, and a clock."""

    def __init__(self, *names: str) -> None:
        self.watchdog = Watchdog(TIMERS)
        self.now_s = 1000.0
        self.processes = {
            name: ProcessInfo(name, name, "RUNNING", 100 + number, 5 * 10**9)
            for number, name in enumerate(names)
        }
        self.lives = {
            name: Life(process.pid, works_from_s=self.now_s, works=True)
            for name, process in self.processes.items()
        }
        self.silent: set[str] = set()
        self.loads: set[str] = set()  # these go to work when their wait is over
        self.supervisord_answers = True
        self.killed: list[tuple[str, float]] = []
        self.said: dict[str, ActorStatus] = {}
        self.logged: list[str] = []
        self.wake_s = 0.0
        self.take(self.watchdog.start(self.now))

    @property
    def now(self) -> Instant:
        return Instant(self.now_s, 0)

    def take(self, effects: object) -> None:
        assert isinstance(effects, list)
        for effect in effects:
            self.take_one(effect)

    def take_one(self, effect: Effect) -> None:
        match effect:
            case WakeAt(mono_s):
                self.wake_s = mono_s
            case Look() if self.supervisord_answers:
                processes = tuple(self.processes.values())
                self.take(self.watchdog.handle(ProcessesSeen(processes, self.lives), self.now))
            case Look():
                self.take(self.watchdog.handle(SupervisordFailed("timed out"), self.now))
            case Kill(process):
                self.killed.append((process.name, self.now_s))
            case Publish(ActorStatus() as status):
                self.said[status.actor] = status
            case LogEffect(_, msg, _):
                self.logged.append(msg)
            case _:
                raise AssertionError(effect)

    def beat(self, name: str) -> None:
        pid = self.processes[name].pid
        beat = Heartbeat(actor=name, pid=pid, started_ns=0, positions={}, lag_ms_max=1.5)
        self.take(self.watchdog.handle(Heard(name, beat), self.now))

    def pass_s(self, seconds: float) -> None:
        """Let time go by in steps of a quarter of a second."""
        for _ in range(int(seconds * 4)):
            self.now_s += 0.25
            for name in self.loads:
                life = self.lives[name]
                self.lives[name] = replace(life, works=self.now_s >= life.works_from_s)
            if self.now_s % 1 == 0:
                for name in self.processes:
                    if name not in self.silent:
                        self.beat(name)
            if self.now_s >= self.wake_s:
                self.take(self.watchdog.handle(Woke(), self.now))

    def sleep_s(self, seconds: float) -> None:
        """Stop everybody, the watchdog included, and go on."""
        self.now_s += seconds
        self.take(self.watchdog.handle(Woke(), self.now))

    def restart(self, name: str, wait_s: float = 0.0, loads: bool = True) -> None:
        """Give an actor a new process, that has its program loaded after wait_s or never."""
        process = self.processes[name]
        self.processes[name] = replace(process, pid=process.pid + 1000)
        starts = self.lives[name].starts + 1
        self.lives[name] = Life(process.pid + 1000, starts, 1, self.now_s + wait_s)
        if loads:
            self.loads.add(name)


def test_nobody_who_beats_is_replaced() -> None:
    world = World("aggregator", "prober-0")
    world.pass_s(300)
    assert world.killed == []


def test_who_runs_and_is_silent_for_ten_seconds_is_replaced_within_two_more() -> None:
    world = World("aggregator", "prober-0")
    world.pass_s(20)
    world.silent = {"prober-0"}
    world.pass_s(10)
    assert world.killed == []
    world.pass_s(2.25)
    assert [name for name, _ in world.killed] == ["prober-0"]
    assert "actor-replaced" in world.logged


def test_who_has_begun_and_never_beats_is_replaced() -> None:
    world = World("aggregator")
    world.silent = {"aggregator"}
    world.pass_s(13)
    assert [name for name, _ in world.killed] == ["aggregator"]


@pytest.mark.parametrize("state", ["STARTING", "STOPPING", "STOPPED", "EXITED", "BACKOFF"])
def test_who_does_not_run_is_not_replaced(state: str) -> None:
    world = World("aggregator")
    world.processes["aggregator"] = replace(world.processes["aggregator"], state=state)
    world.silent = {"aggregator"}
    world.pass_s(100)
    assert world.killed == []
    assert world.said["aggregator"].state == state


def test_who_waits_after_a_crash_is_left_alone_until_the_wait_is_over() -> None:
    world = World("aggregator")
    world.pass_s(20)
    world.restart("aggregator", wait_s=60)
    world.silent = {"aggregator"}
    world.pass_s(70)
    assert world.killed == []
    world.pass_s(5)
    assert len(world.killed) == 1


def test_who_has_waited_has_a_minute_to_load_its_program() -> None:
    world = World("aggregator")
    world.pass_s(20)
    world.restart("aggregator", wait_s=60, loads=False)
    world.silent = {"aggregator"}
    world.pass_s(118)
    assert world.killed == []
    world.pass_s(6)
    assert len(world.killed) == 1


def test_who_has_not_even_its_lock_has_a_minute_to_get_it() -> None:
    world = World("aggregator")
    world.pass_s(20)
    del world.lives["aggregator"]
    process = world.processes["aggregator"]
    world.processes["aggregator"] = replace(process, pid=9)
    world.silent = {"aggregator"}
    world.pass_s(59)
    assert world.killed == []
    world.pass_s(6)
    assert len(world.killed) == 1


def test_nobody_is_replaced_when_all_of_us_were_stopped() -> None:
    world = World("aggregator", "prober-0", "watchdog")
    world.pass_s(20)
    for _ in range(20):
        world.sleep_s(600)
        world.pass_s(1)
    assert world.killed == []


def test_a_stop_of_all_does_not_hide_who_is_silent_after_it() -> None:
    world = World("aggregator", "prober-0")
    world.silent = {"prober-0"}
    world.sleep_s(600)
    world.pass_s(13)
    assert [name for name, _ in world.killed] == ["prober-0"]


def test_one_is_replaced_at_a_time_the_one_that_is_silent_for_longest_first() -> None:
    world = World("aggregator", "programmer", "prober-0")
    world.pass_s(20)
    world.silent = {"prober-0"}
    world.pass_s(3)
    world.silent |= {"aggregator", "programmer"}
    world.pass_s(16)
    assert [name for name, _ in world.killed] == ["prober-0"]
    world.restart("prober-0")
    world.silent -= {"prober-0"}
    world.pass_s(5)
    assert len(world.killed) == 2


def test_who_does_not_come_back_holds_up_the_next_one_for_ten_seconds() -> None:
    world = World("aggregator", "prober-0")
    world.silent = {"aggregator", "prober-0"}
    world.pass_s(13)
    first, first_s = world.killed[0]
    world.restart(first, wait_s=60)
    world.pass_s(14)
    assert len(world.killed) == 2
    second, second_s = world.killed[1]
    assert second != first
    assert 10 < second_s - first_s <= 12.5


def test_the_watchdog_does_not_replace_itself_though_it_does_not_hear_itself() -> None:
    world = World("watchdog", "aggregator")
    world.silent = {"watchdog"}
    world.pass_s(100)
    assert world.killed == []
    assert world.said["watchdog"].heartbeat_age_s == 0


def test_nobody_is_replaced_while_supervisord_does_not_answer_and_that_is_logged_once() -> None:
    world = World("aggregator")
    world.pass_s(5)
    world.supervisord_answers = False
    world.silent = {"aggregator"}
    world.pass_s(60)
    assert world.killed == []
    assert world.logged == ["supervisord-silent"]
    world.supervisord_answers = True
    world.pass_s(2)
    assert len(world.killed) == 1


def test_only_one_look_is_under_way() -> None:
    watchdog = Watchdog(TIMERS)
    assert Look() in watchdog.start(Instant(0, 0))
    assert Look() not in watchdog.handle(Woke(), Instant(2, 0))
    watchdog.handle(SupervisordFailed(""), Instant(3, 0))
    assert Look() in watchdog.handle(Woke(), Instant(4, 0))


def test_every_process_is_told_with_its_age_and_restarts() -> None:
    world = World("aggregator")
    world.pass_s(20)
    world.restart("aggregator")
    world.pass_s(2)
    assert world.said["aggregator"] == ActorStatus(
        actor="aggregator",
        state="RUNNING",
        pid=1100,
        started_ns=5 * 10**9,
        restarts=1,
        heartbeat_age_s=0.0,
        lag_ms_max=1.5,
    )
