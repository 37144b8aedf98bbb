# SPDX-License-Identifier: Apache-2.0
"""Edges may be missed, and the heartbeat is one that every follower hears for itself."""

from maglev.actor import Event, Heard, Synced
from maglev.messages import Heartbeat, LogLine, ProbesSeen
from tests.bus.world import LEVELS, TIMERS, World, seen, synced


def test_a_missing_edge_fetches_nothing() -> None:
    world = World((*LEVELS, ProbesSeen))
    world.deliver()
    world.say(seen("web1"), seen("web2"), seen("web3"))
    del world.published[1]
    world.beat()
    world.deliver()
    assert world.fold.events == ["Synced", "Heard", "Heard"]
    assert world.follower.resyncs == 0


def test_who_hears_only_edges_needs_no_snapshot() -> None:
    world = World((Heartbeat, LogLine))
    while world.subscribing:
        world.subscribe_one()
    world.beat()
    world.beat()
    world.deliver()
    assert world.fold.events == ["Synced", "Heard", "Heard"]
    world.wait(TIMERS.silent_s + 0.1)
    world.live(1)
    assert world.fold.events[3:] == ["Lost", "Found", "Heard"]
    world.restart()
    world.live(2)
    assert world.fold.events[6:8] == ["Synced", "Heard"]


def test_the_heartbeat_is_told_only_to_who_asked_for_it() -> None:
    world = synced()
    world.live(3)
    assert world.fold.events == ["Synced"]
    world = World((*LEVELS, Heartbeat))
    world.live(3)
    assert world.fold.events[0] == "Synced"
    assert "Heard" in world.fold.events


def line(msg: str) -> LogLine:
    return LogLine(actor="speaker", at_ns=1, level="info", msg=msg, fields={})


def test_edges_can_be_listened_for_as_well_and_left_again() -> None:
    world = synced()
    world.say(line("before"))
    world.do(world.follower.listen(LogLine))
    world.deliver()
    world.say(line("one"), line("two"))
    world.deliver()
    assert world.fold.events == ["Synced", "Heard", "Heard"]
    world.say(line("under way"))
    world.do(world.follower.unlisten(LogLine))
    world.deliver()
    world.say(line("after"))
    world.live(3)
    assert world.fold.events == ["Synced", "Heard", "Heard"]
    assert world.notes == []
    world.do(world.follower.listen(LogLine))
    world.deliver()
    world.say(line("again"))
    world.deliver()
    assert world.fold.events == ["Synced", "Heard", "Heard", "Heard"]


def test_what_is_listened_for_is_heard_after_new_sockets_and_what_was_left_is_not() -> None:
    world = synced()
    world.do(world.follower.listen(LogLine))
    world.do(world.follower.listen(ProbesSeen))
    world.do(world.follower.unlisten(ProbesSeen))
    world.wait(TIMERS.rebuild_s)
    world.deliver()
    assert b"LogLine\0" in world.topics
    assert b"ProbesSeen\0" not in world.topics
    assert world.follower.names == ("Alarm", "AlarmCleared", "LogLine")


def test_an_edge_tells_its_sequence_and_a_snapshot_its_positions() -> None:
    world = World((*LEVELS, ProbesSeen))
    world.say(seen("web1"), seen("web2"))
    told: list[Event] = []
    world.fold.take = told.append  # type: ignore[method-assign,assignment]
    world.deliver()
    world.say(seen("web3"), seen("web4"))
    world.deliver()
    first, *others = told
    assert isinstance(first, Synced)
    assert first.positions == {"ProbesSeen": 2}
    assert [one.sequence for one in others if isinstance(one, Heard)] == [3, 4]
