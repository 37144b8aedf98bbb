# SPDX-License-Identifier: Apache-2.0
"""A speaker that falls silent: lost, found, fetched again, heard through new sockets."""

from random import Random

from maglev.bus.follow import Follower, Rebuild, Subscribe, Unsubscribe
from tests.bus.world import HELD, LEVELS, NAME, TIMERS, World, alarm, synced


def test_a_speaker_that_is_silent_for_silent_s_is_lost_once() -> None:
    world = synced()
    world.wait(TIMERS.silent_s - 0.01)
    assert world.fold.told_alive()
    world.wait(0.02)
    assert world.fold.events == ["Synced", "Lost"]
    world.wait(100.0)
    assert world.fold.events == ["Synced", "Lost"]
    assert world.fold.levels == HELD, "stale, and never taken away"


def test_a_speaker_that_was_never_there_is_not_lost() -> None:
    world = World()
    world.wait(100.0)
    assert world.fold.events == []


def test_a_lost_speaker_that_says_the_next_message_is_found() -> None:
    world = synced()
    world.wait(TIMERS.silent_s + 0.1)
    world.say(alarm("web2"))
    world.deliver()
    assert world.fold.events == ["Synced", "Lost", "Found", "Heard"]


def test_a_lost_speaker_of_whom_something_was_missed_is_not_found_but_synced() -> None:
    world = synced()
    world.wait(TIMERS.silent_s + 0.1)
    world.say(alarm("web2"), alarm("web3"))
    world.published.popleft()
    world.deliver()
    assert world.fold.events == ["Synced", "Lost"]
    world.live(1)
    assert world.fold.events == ["Synced", "Lost", "Synced"]


def test_after_a_pause_of_ours_the_speaker_gets_a_fresh_chance() -> None:
    world = synced()
    world.now_s += 60.0
    world.follower.excuse(world.now_s)
    world.wait(TIMERS.silent_s - 0.1)
    assert world.fold.events == ["Synced"]
    world.wait(0.2)
    assert world.fold.events == ["Synced", "Lost"]


def test_a_state_known_to_have_a_hole_is_stale_although_frames_come() -> None:
    world = synced()
    world.say(alarm("web2"), alarm("web3"))
    world.published.popleft()
    for _ in range(12):
        world.beat()
        while world.published:
            world.hear_one()
        world.wait(0.5)
        world.asking.clear()
    assert world.fold.events == ["Synced", "Lost"]
    world.live(3)
    assert world.fold.events == ["Synced", "Lost", "Synced"]


def test_no_heartbeat_for_rebuild_s_makes_new_sockets_and_a_new_snapshot() -> None:
    world = synced()
    world.topics.remove(b"Heartbeat\0")
    for number in range(7):
        world.say(alarm(f"web{number}"))
        world.deliver()
        world.wait(1.0)
    assert [note.kind for note in world.notes] == ["rebuild"]
    world.live(1)
    assert world.fold.events.count("Synced") == 2
    assert "Lost" not in world.fold.events
    assert world.fold.levels == world.said.levels


def test_new_sockets_are_subscribed_from_the_beginning() -> None:
    follower = Follower("reader", NAME, LEVELS, TIMERS, Random(1))
    first = follower.start(0.0)
    actions = follower.tick(TIMERS.rebuild_s)
    again = actions[actions.index(Rebuild()) + 1 :]
    assert again[:-1] == first[:-1]
    assert not any(isinstance(action, Unsubscribe) for action in again)
    assert isinstance(again[-1], Subscribe)
    assert again[-1] != first[-1], "a token is used once"


def test_a_speaker_is_found_once() -> None:
    world = synced()
    world.wait(TIMERS.silent_s + 0.1)
    world.say(alarm("web2"), alarm("web3"))
    world.deliver()
    assert world.fold.events == ["Synced", "Lost", "Found", "Heard", "Heard"]


def test_after_a_pause_of_ours_a_snapshot_under_way_gets_its_time_again() -> None:
    world = World()
    world.deliver()
    world.say(alarm("web1"), alarm("web2"))
    world.published.popleft()
    world.deliver()  # a hole
    world.wait(0.3)
    while world.subscribing:
        world.subscribe_one()
    world.hear_one()  # and the snapshot is asked for
    world.now_s += 60.0
    world.follower.excuse(world.now_s)
    world.do(world.follower.tick(world.now_s))
    assert [note.kind for note in world.notes] == ["resync"]
    world.deliver()
    assert world.fold.events == ["Synced", "Synced"]
    assert world.fold.levels == world.said.levels
