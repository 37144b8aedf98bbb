# SPDX-License-Identifier: Apache-2.0
"""The first seconds: nothing is sent too early; a start with full verdicts waits for nothing."""

from dataclasses import replace

import msgspec

from maglev.core.settings import LbSettings
from maglev.messages import DesiredSettings, DesiredVip, Verdict
from tests.aggregator.story import CONF, Story, backend, frontend, settings

TWO = settings(
    [backend("web1"), backend("web2")],
    [frontend("www", {"web1": 100}), frontend("api2", {"web2": 100})],
    lb=LbSettings(CONF, 30.0, 5.0, 30.0),
)


def phase(story: Story) -> str:
    return story.level(DesiredSettings).phase


def old(name: str, state: str, generation: int = 7) -> Verdict:
    """A verdict from before this aggregator started."""
    return Verdict(
        backend=name, prober="prober-0", generation=generation, state=state, counter=4, changes=1
    )  # type: ignore[arg-type]


def test_nothing_may_be_sent_before_the_minimum_delay() -> None:
    story = Story(TWO).prober().all_up().later(4.9)
    assert phase(story) == "wait"
    assert not story.says(DesiredVip, "www")
    story.later(0.2)
    assert phase(story) == "full"
    assert story.weights() == {"web1": 100}


def test_a_frontend_is_released_when_all_its_backends_are_known() -> None:
    story = Story(TWO).prober().hears("web1", "up").later(5.1)
    assert phase(story) == "release"
    assert story.says(DesiredVip, "www")
    assert not story.says(DesiredVip, "api2")
    story.hears("web2", "down")
    assert story.weights("api2") == {"web2": 0}
    assert phase(story) == "full"


def test_after_the_maximum_delay_what_is_unknown_holds() -> None:
    story = Story(TWO).prober().hears("web1", "up").later(30.1)
    assert phase(story) == "full"
    assert story.weights("api2") == {"web2": None}


def test_no_warm_up_when_the_probers_speak_for_every_backend() -> None:
    story = Story(TWO).prober("prober-0", old("web1", "up"), old("web2", "down"))
    assert phase(story) == "full"
    assert story.weights("www") == {"web1": 100}
    assert story.weights("api2") == {"web2": 0}


def remembering() -> Story:
    """An aggregator with young verdicts from disk: web1 and web2 up; its prober knows nothing."""
    first = Story(replace(TWO, lb=LbSettings(CONF, 30.0, 0.0, 0.0))).prober().all_up().later(3)
    return Story(TWO, remembered=first.saved_verdicts).prober()


def test_with_young_verdicts_on_disk_a_frontend_waits_for_nothing_but_a_probe_of_each_backend() -> (
    None
):
    story = remembering()
    assert (story.state("web1"), phase(story)) == ("up", "release")
    assert not story.says(DesiredVip, "www")
    story.hears("web1", "up")
    assert story.weights("www") == {"web1": 100}
    assert not story.says(DesiredVip, "api2")
    story.hears("web2", "up")
    assert (story.weights("api2"), phase(story)) == ({"web2": 100}, "full")


def test_a_verdict_on_disk_that_is_older_than_what_vpp_was_told_gives_no_dead_backend_weight() -> (
    None
):
    story = remembering()
    for counter in (3, 2):
        story.hears("web1", "up", counter=counter)
        assert not story.says(DesiredVip, "www")
    story.hears("web1", "down")
    assert story.weights("www") == {"web1": 0}


def test_what_no_probe_confirmed_within_the_maximum_delay_is_believed() -> None:
    story = remembering().later(30.1)
    assert phase(story) == "full"
    assert story.weights("www") == {"web1": 100}


def test_verdicts_of_two_probers_the_later_assignment_is_right() -> None:
    story = Story(TWO, probers=("prober-0", "prober-1"))
    story.prober("prober-0", old("web1", "up", 7), old("web2", "up", 8))
    late = replace_prober(old("web1", "down", 9))
    story.prober("prober-1", late)
    assert story.state("web1") == "down"


def replace_prober(verdict: Verdict) -> Verdict:
    return msgspec.structs.replace(verdict, prober="prober-1")


def test_a_prober_that_never_comes_is_waited_for_three_seconds_only() -> None:
    story = Story(TWO, probers=("prober-0", "prober-1")).prober("prober-0")
    assert story.aggregator.state.inheriting
    story.later(3.1)
    assert not story.aggregator.state.inheriting


def test_what_was_remembered_and_changed_meanwhile_is_a_transition_with_its_flush() -> None:
    first = Story(replace(TWO, lb=LbSettings(CONF, 30.0, 0.0, 0.0))).prober().all_up().later(3)
    story = Story(TWO, remembered=first.saved_verdicts)
    number = story.aggregator.state.backends["web1"].number
    story.prober("prober-0", old("web1", "down"), old("web2", "up"))
    assert story.aggregator.state.backends["web1"].number == number + 1
    assert story.flushes("www") == {"web1": 1}


def test_a_reload_does_not_restart_the_clock() -> None:
    story = Story(TWO).prober().hears("web1", "up").later(4)
    story.reloads(TWO)
    story.later(1.2)
    assert phase(story) == "release"
