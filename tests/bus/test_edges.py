# SPDX-License-Identifier: Apache-2.0
"""Edges may be missed, and the heartbeat is one that every follower hears for itself."""

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
