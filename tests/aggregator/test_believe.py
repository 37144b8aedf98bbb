# SPDX-License-Identifier: Apache-2.0
"""Nearly everything failing at once while VPP is away is not believed; anything else is."""

import pytest

from maglev.messages import Alarm, DesiredAs, DesiredVip
from tests.aggregator.story import Story, backend, frontend, settings

NAMES = ["web1", "web2", "web3", "web4", "web5"]
FIVE = settings([backend(name) for name in NAMES], [frontend("www", dict.fromkeys(NAMES, 100))])


def ready(vpp: bool) -> Story:
    return Story(FIVE).prober().all_up().vpp(vpp)


def fail(story: Story, names: list[str]) -> Story:
    for name in names:
        story.later(0.1).hears(name, "down")
    return story


def test_all_failing_while_vpp_is_away_is_held_shown_down_and_alarmed() -> None:
    story = fail(ready(vpp=False), NAMES)
    assert set(story.weights().values()) == {None}
    assert {one.weight_absent for one in desired(story)} == {100}, "a fresh VPP gets them back"
    assert set(story.flushes().values()) == {0}
    assert {story.state(name) for name in NAMES} == {"down"}
    assert story.says(Alarm, "mass-failure", "vpp")


def desired(story: Story) -> tuple[DesiredAs, ...]:
    return story.level(DesiredVip, "www").ases


def test_all_failing_while_vpp_is_there_is_believed() -> None:
    story = fail(ready(vpp=True), NAMES)
    assert set(story.weights().values()) == {0}


def test_a_minority_failing_while_vpp_is_away_is_believed() -> None:
    story = fail(ready(vpp=False), NAMES[:2])
    assert story.weights()["web1"] == 0
    assert not story.says(Alarm, "mass-failure", "vpp")


def test_failures_one_by_one_over_minutes_are_believed() -> None:
    story = ready(vpp=False)
    for name in NAMES:
        story.later(60).hears(name, "down")
    assert set(story.weights().values()) == {0}


def test_a_backend_seen_up_again_is_no_longer_held() -> None:
    story = fail(ready(vpp=False), NAMES).vpp(True)
    for name in NAMES:
        story.hears(name, "up")
    assert set(story.weights().values()) == {100}
    assert not story.says(Alarm, "mass-failure", "vpp")


def test_what_is_still_down_some_time_after_vpp_is_back_is_believed_with_its_flush() -> None:
    story = fail(ready(vpp=False), NAMES).vpp(True).later(60)
    assert set(story.weights().values()) == {0}
    assert set(story.flushes().values()) == {1}
    assert not story.says(Alarm, "mass-failure", "vpp")


def test_nothing_is_believed_while_vpp_stays_away() -> None:
    story = fail(ready(vpp=False), NAMES).later(3600)
    assert set(story.weights().values()) == {None}


def test_without_any_vpp_everything_is_believed() -> None:
    story = Story(FIVE, vpp_wanted=False).prober().all_up()
    assert set(fail(story, NAMES).weights().values()) == {0}


@pytest.mark.parametrize("operation", ["disable", "pause"])
def test_an_operator_ends_the_hold(operation: str) -> None:
    story = fail(ready(vpp=False), NAMES)
    story.operates("web1", operation)
    assert story.weights()["web1"] == 0
