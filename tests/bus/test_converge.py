# SPDX-License-Identifier: Apache-2.0
"""Whatever the links do, a follower ends up with what the speaker retains."""

from hypothesis import given
from hypothesis import strategies as st

from tests.bus.world import LEVELS, World, alarm, cleared, seen

about = st.sampled_from("ab")
says = st.one_of(
    st.tuples(st.just("say"), st.builds(alarm, about, st.sampled_from("xy"))),
    st.tuples(st.just("say"), st.builds(cleared, about)),
    st.just(("say", seen("a"))),
    st.just(("beat", None)),
    st.just(("refresh", None)),
)
slow = st.sampled_from(
    [("subscribe", None), ("answer", None), ("fetch", None), ("hear", None), ("hear", None)]
)
faults = st.sampled_from(
    [
        ("lose", None),
        ("double", None),
        ("swap", None),
        ("lose-answer", None),
        ("lose-question", None),
        ("double-answer", None),
        ("restart", None),
        ("wait", 0.3),
        ("wait", 4.0),
        ("wait", 7.0),
    ]
)


def play(world: World, step: tuple[str, object]) -> None:
    match step:
        case ("say", message):
            world.say(message)  # type: ignore[arg-type]
        case ("beat", _):
            world.beat()
        case ("refresh", _):
            world.now_s += 1.0
            world.send(world.speaker.refresh(world.now_s))
        case ("subscribe", _):
            world.subscribe_one()
        case ("answer", _):
            world.answer_one()
        case ("fetch", _):
            world.fetch_one()
        case ("hear", _):
            world.hear_one()
        case ("lose", _) if world.published:
            world.published.popleft()
        case ("double", _):
            world.hear_one(keep=True)
        case ("swap", _) if len(world.published) > 1:
            world.published[0], world.published[1] = world.published[1], world.published[0]
        case ("lose-answer", _) if world.answering:
            world.answering.popleft()
        case ("lose-question", _) if world.asking:
            world.asking.popleft()
        case ("double-answer", _):
            world.fetch_one(keep=True)
        case ("restart", _):
            world.restart()
        case ("wait", seconds):
            world.wait(seconds)  # type: ignore[arg-type]


@given(
    st.lists(st.one_of(says, slow, slow, faults), max_size=80),
    st.integers(0, 3),
    st.sampled_from([3, 1000]),
)
def test_after_loss_delay_duplicates_and_restarts_the_reader_has_the_state_of_the_speaker(
    steps: list[tuple[str, object]], seed: int, backlog_max: int
) -> None:
    world = World((*LEVELS,), seed=seed, backlog_max=backlog_max)
    for step in steps:
        play(world, step)
    world.live(8)
    assert world.fold.levels == world.said.levels
    assert world.fold.told_alive()


@given(st.lists(st.one_of(says, slow, slow), max_size=80))
def test_over_links_that_only_delay_the_reader_is_never_ahead_behind_a_hole_or_backwards(
    steps: list[tuple[str, object]],
) -> None:
    world = World()
    at = 0
    for step in steps:
        play(world, step)
        if "Synced" in world.fold.events:
            # What the reader has is what the speaker had after one of its messages, later each
            # time: anything else is a hole between snapshot and stream.
            at = world.history.index(world.fold.levels, at)
    assert world.follower.resyncs == 0
    world.deliver()
    assert world.fold.events.count("Synced") == 1
    assert world.fold.levels == world.said.levels
