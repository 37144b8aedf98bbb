# SPDX-License-Identifier: Apache-2.0
"""One follower of one speaker, told as conversations over links that the test moves by hand."""

import pytest

from maglev.actor import Heard
from maglev.bus import wire
from maglev.bus.follow import AskSnapshot, Unsubscribe
from maglev.messages import Alarm, Heartbeat, Message, ProbesSeen
from tests.bus.world import HELD, LEVELS, NAME, TIMERS, World, alarm, cleared, synced


def test_a_snapshot_is_asked_for_only_when_the_token_has_come_back() -> None:
    world = World()
    world.say(alarm("web1"))
    while world.subscribing:
        assert not world.asking
        world.subscribe_one()
    assert not world.asking
    world.hear_one()
    assert [type(one) for one in world.asking] == [AskSnapshot]
    world.deliver()
    assert world.fold.levels == HELD


def test_the_token_is_subscribed_after_all_classes_and_taken_back_at_once() -> None:
    world = World()
    topics = [one.topic for one in world.subscribing]
    assert topics[:-1] == [b"Alarm\0", b"AlarmCleared\0", b"Heartbeat\0"]
    assert topics[-1].startswith(wire.TOKEN_MARK)
    world.deliver()
    assert world.topics == topics[:-1]


def test_what_the_snapshot_covers_is_dropped_and_the_rest_is_applied() -> None:
    world = World()
    while world.subscribing:
        world.subscribe_one()
    world.hear_one()
    world.say(alarm("web1"), alarm("web2"))
    world.answer_one()
    world.say(cleared("web2"), alarm("web3"))
    world.deliver()
    assert world.fold.events == ["Synced", "Heard", "Heard"]
    assert world.fold.levels == world.said.levels


def test_a_message_said_before_the_subscription_is_in_the_snapshot() -> None:
    world = World()
    world.say(alarm("web1"))
    world.deliver()
    assert world.fold.levels == HELD


def test_a_message_heard_twice_is_told_once() -> None:
    world = synced()
    world.say(alarm("web2"))
    world.hear_one(keep=True)
    world.hear_one()
    assert world.fold.events == ["Synced", "Heard"]


def test_a_missing_sequence_fetches_the_state_again_and_tells_nothing_meanwhile() -> None:
    world = synced()
    world.say(alarm("web1", "lost"), alarm("web2"), alarm("web3"))
    world.published.popleft()
    world.deliver()
    assert world.fold.events == ["Synced"]
    assert world.notes[-1].text == "Alarm 2 wanted, got 3"
    world.live(1)
    assert world.fold.events == ["Synced", "Synced"]
    assert world.fold.levels == world.said.levels
    assert world.follower.resyncs == 1


def test_a_message_lost_at_the_end_is_missed_by_the_next_heartbeat() -> None:
    world = synced()
    world.say(cleared("web1"))
    world.published.clear()
    world.beat()
    world.deliver()
    assert world.notes[-1].text == "AlarmCleared 1 was said, 0 was heard"
    world.live(1)
    assert world.fold.levels == {}
    assert world.follower.resyncs == 1


def test_a_late_copy_of_an_old_heartbeat_is_no_hole() -> None:
    world = synced()
    world.beat()
    old = world.published[0]
    world.say(alarm("web2"))
    world.beat()
    world.deliver()
    world.published.append(old)
    world.deliver()
    assert world.follower.resyncs == 0


def test_messages_in_the_wrong_order_fetch_the_state_again() -> None:
    world = synced()
    world.say(alarm("web1", "older"), alarm("web1", "newer"))
    world.published.rotate(1)
    world.deliver()
    world.live(1)
    assert world.fold.levels == {("Alarm", ("test", "web1")): alarm("web1", "newer")}


def test_a_hole_in_the_backlog_is_seen_after_the_snapshot() -> None:
    world = World()
    while world.subscribing:
        world.subscribe_one()
    world.hear_one()
    world.answer_one()
    world.say(alarm("web1"), alarm("web2"))
    world.published.popleft()
    world.deliver()
    assert world.follower.resyncs == 1
    world.live(1)
    assert world.fold.levels == world.said.levels


def test_more_than_the_backlog_holds_asks_again_instead_of_growing() -> None:
    world = World(backlog_max=10)
    while world.subscribing:
        world.subscribe_one()
    world.hear_one()
    for number in range(30):
        world.say(alarm(f"web{number}"))
    while world.published:
        world.hear_one()
    assert world.notes[-1].text == "more was said than can be kept during a snapshot"
    world.live(2)
    assert world.fold.levels == world.said.levels


def test_followers_that_lost_the_same_message_do_not_ask_at_the_same_time() -> None:
    waits = set()
    for seed in range(20):
        world = World(seed=seed)
        world.deliver()
        world.say(alarm("web1"), alarm("web2"))
        world.published.popleft()
        world.hear_one()
        waits.add(round(world.follower.due_s() - world.now_s, 3))
    assert len(waits) > 10
    assert all(0 <= wait_s <= 0.2 for wait_s in waits)


def test_a_new_epoch_is_a_new_snapshot_and_the_old_one_is_told_until_then() -> None:
    world = synced()
    world.restart()
    world.say(alarm("web9"))
    world.beat()
    world.deliver()
    assert world.fold.levels == HELD
    world.live(1)
    assert world.fold.events == ["Synced", "Synced"]
    assert world.fold.levels == world.said.levels
    assert world.follower.resyncs == 1


def test_a_frame_of_an_older_epoch_is_ignored() -> None:
    world = synced()
    world.say(alarm("web1", "from the grave"))
    (frame,) = world.published
    world.restart()
    world.live(2)
    world.published.append(frame)
    world.deliver()
    assert world.fold.levels == {}


def test_a_snapshot_of_a_process_that_is_gone_is_not_used() -> None:
    world = World()
    world.say(alarm("web1"))
    while world.subscribing:
        world.subscribe_one()
    world.hear_one()
    world.answer_one()
    stale = list(world.answering)
    world.restart()
    world.beat()
    while world.subscribing:
        world.subscribe_one()
    world.beat()
    while world.published:
        world.hear_one()
    world.answering.extend(stale)
    world.fetch_one()
    assert world.fold.events == []
    world.live(3)
    assert world.fold.levels == world.said.levels == {}


def test_a_snapshot_that_does_not_come_is_asked_for_again_after_snapshot_s() -> None:
    world = World()
    world.say(alarm("web1"))
    while world.subscribing:
        world.subscribe_one()
    world.hear_one()
    world.asking.clear()
    world.deliver()
    world.wait(TIMERS.snapshot_s - 0.1)
    assert not world.subscribing
    world.wait(0.2)
    world.deliver()
    assert world.fold.levels == HELD


def test_a_part_of_a_snapshot_that_is_lost_is_not_taken_for_the_whole() -> None:
    world = World()
    for number in range(600):
        world.say(alarm(f"web{number}"))
    while world.subscribing:
        world.subscribe_one()
    world.hear_one()
    world.answer_one()
    assert len(world.answering) == 3
    del world.answering[1]
    world.deliver()
    assert world.fold.events == []
    world.live(3)
    assert len(world.fold.levels) == 600


def test_parts_of_a_snapshot_may_come_twice_and_in_any_order() -> None:
    world = World()
    for number in range(600):
        world.say(alarm(f"web{number}"))
    while world.subscribing:
        world.subscribe_one()
    world.hear_one()
    world.answer_one()
    world.answering.rotate(1)
    world.fetch_one(keep=True)
    world.deliver()
    assert world.fold.events == ["Synced"]
    assert world.fold.levels == world.said.levels


def test_a_body_that_does_not_decode_is_counted_and_not_fetched_for_ever() -> None:
    world = synced()
    world.say(alarm("web2"))
    name, header, _ = world.published.popleft()
    world.published.append((name, header, b"\xc1"))
    world.say(alarm("web3"))
    world.live(2)
    assert [note.kind for note in world.notes] == ["garbage"]
    assert world.notes[0].peer == NAME
    assert ("Alarm", ("test", "web3")) in world.fold.levels


def test_a_topic_nobody_asked_for_is_garbage() -> None:
    world = synced()
    header = wire.Header(NAME, world.epoch, 1, 0.0)
    actions = world.follower.heard(world.now_s, "Verdict", header, b"\x80")
    assert [type(action).__name__ for action in actions] == ["Note"]


def test_the_token_of_somebody_else_starts_nothing() -> None:
    world = World()
    header = wire.Header(NAME, world.epoch, 0, 0.0)
    assert world.follower.heard(world.now_s, "~reader.0000", header, b"") == []


def test_the_order_between_classes_is_kept() -> None:
    world = synced()
    world.say(alarm("web2"), cleared("web1"), alarm("web1", "back"), cleared("web2"))
    told: list[Message] = []
    while world.published:
        name, frame, body = world.published.popleft()
        for action in world.follower.heard(world.now_s, name, frame, body):
            assert isinstance(action, Heard)
            told.append(action.message)
    assert told == [alarm("web2"), cleared("web1"), alarm("web1", "back"), cleared("web2")]


@pytest.mark.parametrize("classes", [LEVELS, (Alarm, ProbesSeen), (Heartbeat,)])
def test_a_follower_never_asks_to_be_called_in_the_past(
    classes: tuple[type[Message], ...],
) -> None:
    world = World(classes)
    for step in range(400):
        if step % 7 == 0:
            world.restart()
        if step % 3:
            world.live(1)
        world.wait(0.37)
        assert world.follower.due_s() > world.now_s


def fetching(count: int = 600) -> World:
    """A follower whose snapshot is asked for and not answered yet."""
    world = World()
    for number in range(count):
        world.say(alarm(f"web{number}"))
    while world.subscribing:
        world.subscribe_one()
    world.hear_one()
    while world.subscribing:
        world.subscribe_one()
    return world


def test_parts_of_an_earlier_snapshot_are_not_used() -> None:
    world = fetching(1)
    world.answer_one()
    stale = list(world.answering)
    world.answering.clear()
    world.wait(TIMERS.snapshot_s)
    world.say(alarm("web1"))
    while world.subscribing:
        world.subscribe_one()
    while world.published:
        world.hear_one()
    world.answering.extend(stale)
    world.fetch_one()
    assert world.fold.events == []
    world.deliver()
    assert world.fold.events == ["Synced"]
    assert world.fold.levels == world.said.levels


def test_what_came_of_an_earlier_snapshot_is_forgotten_with_it() -> None:
    world = fetching()
    world.answer_one()
    world.answering.rotate(1)
    world.fetch_one()
    world.answering.clear()
    for number in range(600):
        world.say(cleared(f"web{number}"))
    world.wait(TIMERS.snapshot_s)
    world.deliver()
    assert world.fold.events == ["Synced"]
    assert world.fold.levels == {}


def test_a_new_epoch_during_a_snapshot_begins_again_at_once_and_forgets_the_old_stream() -> None:
    world = fetching()
    for number in range(700):
        world.say(alarm("web1", f"old {number}"))
    while world.published:
        world.hear_one()
    world.restart()
    world.deliver()
    world.beat()
    world.deliver()
    world.say(alarm("web1", "new"))
    world.deliver()
    assert world.fold.events == ["Synced", "Heard"]
    assert world.fold.levels == world.said.levels
    assert world.follower.resyncs == 0


def test_every_token_is_taken_back_once() -> None:
    world = fetching(1)
    taken: list[bytes] = []
    for _ in range(3):
        world.asking.clear()
        world.wait(TIMERS.snapshot_s)
        taken += [one.topic for one in world.subscribing if isinstance(one, Unsubscribe)]
        while world.subscribing:
            world.subscribe_one()
        while world.published:
            world.hear_one()
        taken += [one.topic for one in world.subscribing if isinstance(one, Unsubscribe)]
        while world.subscribing:
            world.subscribe_one()
    assert len(taken) == len(set(taken)) == 3
    assert world.topics == [b"Alarm\0", b"AlarmCleared\0", b"Heartbeat\0"]
