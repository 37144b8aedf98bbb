# SPDX-License-Identifier: Apache-2.0
"""Watching events over a real server: what comes first, filters, logs, the end."""

from __future__ import annotations

import signal
import time

import grpc
import pytest

from maglev.messages import BackendGone, FrontendGone
from tests.gateway.actors import backend, frontend, moved
from tests.gateway.rig import Rig
from tests.support import eventually

BACKENDS_NOW = ["backend web1 up -> up 3", "backend web2 unknown -> unknown 0"]
FRONTEND_NOW = "frontend www up -> up 1"


def test_first_comes_how_everything_is_in_the_order_of_the_file(shared: Rig) -> None:
    stream = shared.watch()
    assert stream.wait(*BACKENDS_NOW, FRONTEND_NOW)[:3] == [*BACKENDS_NOW, FRONTEND_NOW]


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"backend": True}, BACKENDS_NOW),
        ({"frontend": True}, [FRONTEND_NOW]),
        ({"backend": True, "frontend": True}, [*BACKENDS_NOW, FRONTEND_NOW]),
    ],
)
def test_only_what_was_asked_for_comes(
    rig: Rig, fields: dict[str, bool], wanted: list[str]
) -> None:
    stream = rig.watch(**fields)
    rig.watch().wait(FRONTEND_NOW)
    rig.say("aggregator", frontend("www", moved(2, "up", "down"), moved(1, "unknown", "up")))
    rig.say("aggregator", backend("web2", moved(1, "unknown", "up")))
    live = ["frontend www up -> down 2", "backend web2 unknown -> up 1"]
    wanted = [*wanted, *(one for one in live if fields.get(one.split()[0]))]
    assert stream.wait(*wanted) == wanted


def test_every_transition_comes_once_in_order_even_if_levels_were_merged(rig: Rig) -> None:
    stream = rig.watch(backend=True)
    stream.wait(*BACKENDS_NOW)
    history = [moved(3, "down", "up")]
    for number in range(4, 40):
        before, after = ("up", "down") if number % 2 == 0 else ("down", "up")
        history.insert(0, moved(number, before, after))
        rig.say("aggregator", backend("web1", *history[:5]))
        if number % 4 == 3:  # no more than the history holds may be under way
            stream.wait(f"backend web1 {before} -> {after} {number}")
    told = [int(line.split()[-1]) for line in stream.told() if line.startswith("backend web1")]
    assert told == list(range(3, 40))


def test_what_history_does_not_reach_is_told_as_lost(rig: Rig) -> None:
    stream = rig.watch(backend=True)
    stream.wait(*BACKENDS_NOW)
    rig.say("aggregator", backend("web1", moved(9, "down", "up")))
    assert stream.wait("lost 5", "backend web1 down -> up 9")


def test_new_and_removed_objects_are_events(rig: Rig) -> None:
    stream = rig.watch()
    stream.wait(FRONTEND_NOW)
    rig.say("aggregator", backend("web3"), frontend("dns", moved(1, "unknown", "up")))
    stream.wait("backend web3 unknown -> unknown 0", "frontend dns unknown -> up 1")
    removed = backend("web3", moved(1, "unknown", "removed", "reload"))
    rig.say("aggregator", removed, BackendGone(name="web3"), FrontendGone(name="dns"))
    stream.wait("backend web3 unknown -> removed 1", "frontend dns up -> removed 2")


def test_a_restart_of_the_aggregator_ends_no_stream(rig: Rig) -> None:
    stream = rig.watch(backend=True)
    stream.wait(*BACKENDS_NOW)
    rig.restart("aggregator").say(
        backend("web1", moved(4, "up", "down"), moved(3, "down", "up")), backend("web2")
    )
    stream.wait("backend web1 up -> down 4")
    assert stream.error is None


@pytest.mark.parametrize(
    ("level", "wanted"),
    [
        ("debug", ["debug", "info", "warn", "error"]),
        ("", ["info", "warn", "error"]),
        ("info", ["info", "warn", "error"]),
        ("warn", ["warn", "error"]),
        ("error", ["error"]),
    ],
)
def test_log_lines_of_every_actor_come_from_the_level_on(
    shared: Rig, level: str, wanted: list[str]
) -> None:
    stream = shared.watch(log=True, log_level=level, backend=True)
    stream.wait(*BACKENDS_NOW)
    eventually(lambda: all(actor.logs_are_heard() for actor in shared.actors.values()))
    for actor in shared.actors.values():
        for said in ("debug", "info", "warn", "error"):
            actor.log(said, f"{level}-line", number=7, ok=True, text="ü", nothing=None)  # type: ignore[arg-type]
    eventually(lambda: len(mine(stream.told(), level)) == 4 * len(wanted))
    for name in shared.actors:
        assert [line.split()[2] for line in mine(stream.told(), level) if f" {name} " in line] == (
            wanted
        )
    (first, *_) = [event.log for event in stream if event.log.msg == f"{level}-line"]
    assert dict(first.fields) == {"number": "7", "ok": "true", "text": "ü", "nothing": "null"}


def mine(lines: list[str], level: str) -> list[str]:
    return [line for line in lines if line.endswith(f" {level}-line")]


def test_the_gateways_own_log_can_be_watched(rig: Rig) -> None:
    stream = rig.watch(log=True, log_level="debug")
    eventually(lambda: rig.actors["aggregator"].logs_are_heard())

    def noted() -> bool:
        rig.restart("programmer")  # a new epoch
        rig.until(lambda: rig.call("SyncVPPLBState"))
        return "log gateway info bus-resync" in stream.told()

    eventually(noted)


def test_log_lines_are_listened_for_only_while_somebody_watches_them(rig: Rig) -> None:
    aggregator = rig.actors["aggregator"]
    states = rig.watch(backend=True)
    states.wait(*BACKENDS_NOW)
    assert not aggregator.logs_are_heard()
    streams = [rig.watch(log=True), rig.watch()]
    eventually(aggregator.logs_are_heard)
    streams[0].call.cancel()
    streams[0].wait_end()
    aggregator.log("info", "still")
    streams[1].wait("log aggregator info still")
    streams[1].call.cancel()
    eventually(lambda: not aggregator.logs_are_heard())
    again = rig.watch(log=True)
    eventually(aggregator.logs_are_heard)
    aggregator.log("info", "again")
    again.wait("log aggregator info again")
    assert "lost" not in " ".join(again.told())


def test_a_level_that_is_none_is_an_invalid_argument(shared: Rig) -> None:
    error = shared.watch(log=True, log_level="loud").wait_end()
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert error.details() == "log_level: wanted one of debug, info, warn, error, got 'loud'"


def test_before_the_aggregator_was_heard_nobody_can_watch(rig: Rig) -> None:
    rig.kill()
    for actor in rig.actors.values():
        actor.stop()
    rig.start()
    assert rig.watch().wait_end().code() is grpc.StatusCode.UNAVAILABLE


def test_a_stop_ends_streams_with_words_and_in_time(rig: Rig) -> None:
    streams = [rig.watch() for _ in range(5)]
    for stream in streams:
        stream.wait(FRONTEND_NOW)
    begun_s = time.monotonic()
    assert rig.end(signal.SIGTERM) == 0
    assert time.monotonic() - begun_s < 5
    for stream in streams:
        error = stream.wait_end()
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        assert "connect again" in error.details()
    assert not (rig.run_dir / "grpc.sock").exists()
