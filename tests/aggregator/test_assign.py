# SPDX-License-Identifier: Apache-2.0
"""Who probes what when probers come, go, return and crash."""

from maglev.actor import Found, Heard, Lost
from maglev.messages import Alarm, Assignment, BackendStatus, ProberPresent
from tests.aggregator.story import CHECK, Story, backend, frontend, settings

NAMES = [f"web{index}" for index in range(1, 21)]
TWENTY = settings([backend(name) for name in NAMES], [frontend("www", dict.fromkeys(NAMES, 100))])


def pair() -> Story:
    story = Story(TWENTY, probers=("prober-0", "prober-1"))
    return story.prober("prober-0").prober("prober-1").all_up()


def owners(story: Story) -> dict[str, str]:
    return {name: story.level(Assignment, name).prober for name in NAMES}


def test_backends_are_shared_and_every_backend_has_one_prober() -> None:
    shares = list(owners(pair()).values())
    assert set(shares) == {"prober-0", "prober-1"}
    assert min(shares.count(one) for one in set(shares)) >= 4


def test_a_lost_probers_share_moves_with_its_counters_and_moves_back() -> None:
    story = pair()
    before = owners(story)
    mine = next(name for name in NAMES if before[name] == "prober-0")
    story.hears(mine, "up", counter=3)
    story.tell(Lost("prober-0"))
    assert set(owners(story).values()) == {"prober-1"}
    moved = story.level(Assignment, mine)
    assert (moved.state, moved.counter) == ("up", 3)
    assert story.says(Alarm, "prober-silent", "prober-0")
    story.tell(Found("prober-0"))
    assert owners(story) == before
    assert not story.says(Alarm, "prober-silent", "prober-0")


def test_generations_only_grow_also_over_a_restart_of_the_aggregator() -> None:
    story = pair()
    first = max(story.level(Assignment, name).generation for name in NAMES)
    story.tell(Lost("prober-0")).tell(Found("prober-0"))
    again = [story.level(Assignment, name).generation for name in NAMES]
    assert len(set(again)) == len(NAMES)
    assert max(again) > first


def test_no_weight_changes_when_every_prober_is_lost_and_all_is_shown_stale() -> None:
    story = pair()
    before = story.weights()
    story.tell(Lost("prober-0")).tell(Lost("prober-1"))
    assert story.weights() == before
    assert all(story.level(BackendStatus, name).stale for name in NAMES)
    assert all(story.state(name) == "up" for name in NAMES)
    story.tell(Found("prober-1"))
    assert set(owners(story).values()) == {"prober-1"}


def test_a_prober_that_was_stopped_gets_its_share_again_under_new_generations() -> None:
    story = pair()
    before = {name: story.level(Assignment, name).generation for name in NAMES}
    story.tell(Heard("prober-0", ProberPresent(prober="prober-0", incarnation=2)))
    for name, owner in owners(story).items():
        changed = story.level(Assignment, name).generation != before[name]
        assert changed == (owner == "prober-0")


def test_a_backend_handled_at_two_crashes_is_set_aside_held_and_alarmed() -> None:
    story = pair()
    story.prober("prober-0", epoch=2, suspect="web1", suspect_at_ns=1)
    assert story.level(Assignment, "web1").prober
    story.prober("prober-1", epoch=2, suspect="web1", suspect_at_ns=2)
    assert story.level(Assignment, "web1").prober == ""
    assert story.weights()["web1"] == 100, "no verdict is no reason to lower a weight"
    assert "set aside" in story.level(BackendStatus, "web1").fault
    assert story.says(Alarm, "set-aside", "web1")


def test_one_crash_told_twice_is_one_crash() -> None:
    story = pair()
    story.prober("prober-0", epoch=2, suspect="web1", suspect_at_ns=1)
    story.prober("prober-0", epoch=2, suspect="web1", suspect_at_ns=1)
    assert story.level(Assignment, "web1").prober


def test_an_operator_can_have_a_set_aside_backend_probed_again() -> None:
    story = pair()
    story.prober("prober-0", epoch=2, suspect="web1", suspect_at_ns=1)
    story.prober("prober-1", epoch=2, suspect="web1", suspect_at_ns=2)
    story.operates("web1", "enable")
    assert story.level(Assignment, "web1").prober
    assert not story.says(Alarm, "set-aside", "web1")


def test_assignments_carry_the_whole_check() -> None:
    assert pair().level(Assignment, "web1").check == CHECK


def test_a_backend_that_is_paused_while_its_prober_is_lost_is_not_stale_for_ever() -> None:
    story = pair()
    story.tell(Lost("prober-0")).tell(Lost("prober-1"))
    story.operates("web1", "pause")
    assert not story.level(BackendStatus, "web1").stale
