# SPDX-License-Identifier: Apache-2.0
"""Another configuration in force: what did not change is not touched."""

from dataclasses import replace

import msgspec
import pytest

from maglev.actor import Asked, Caller
from maglev.aggregator.events import ReadConfig
from maglev.core.settings import BackendConf
from maglev.messages import (
    Assignment,
    BackendGone,
    BackendStatus,
    Check,
    CheckConfig,
    ConfigAnswer,
    ConfigStatus,
    DesiredSettings,
    DesiredVip,
    Done,
    FrontendGone,
    ReloadConfig,
    VipWithdrawn,
)
from tests.aggregator.story import CHECK, PRIMARY_AND_STANDBY, Story, backend, frontend, settings

BASE = PRIMARY_AND_STANDBY


def ready() -> Story:
    return Story(BASE).prober().all_up()


def backends_with(check: Check) -> dict[str, BackendConf]:
    return {name: replace(one, check=check) for name, one in BASE.backends.items()}


def test_a_reload_of_the_same_file_changes_nothing_but_the_revision() -> None:
    story = ready()
    generation = story.level(Assignment, "web1").generation
    desired = story.level(DesiredVip, "www")
    revision = story.level(DesiredSettings).revision
    assert story.reloads(BASE) == ConfigAnswer()
    assert story.level(Assignment, "web1").generation == generation
    assert story.level(DesiredVip, "www") is desired
    assert story.level(DesiredSettings).revision == revision + 1
    assert story.level(ConfigStatus).revision == 2


def test_a_bad_file_is_refused_and_what_runs_stays() -> None:
    story = ready()
    answer = story.reloads(None)
    assert answer == ConfigAnswer(parse_error="maglev.yaml:1: broken")
    assert story.weights() == {"web1": 100, "web2": 100, "web9": 0}
    assert [log.level for log in story.logs if log.msg == "config-reload"] == ["error"]


def test_a_changed_timeout_keeps_state_weight_and_counter_and_is_assigned_anew() -> None:
    story = ready().hears("web1", "up", counter=3)
    before = story.level(DesiredVip, "www")
    generation = story.level(Assignment, "web1").generation
    longer = msgspec.structs.replace(CHECK, timeout_s=9.0)
    story.reloads(replace(BASE, healthchecks={"web": longer}, backends=backends_with(longer)))
    assigned = story.level(Assignment, "web1")
    assert assigned.generation > generation
    assert assigned.check == longer
    assert (assigned.state, assigned.counter) == ("up", 3)
    assert story.level(DesiredVip, "www").ases == before.ases


def test_changed_rise_and_fall_keep_the_verdict() -> None:
    story = ready().hears("web2", "down")
    other = msgspec.structs.replace(CHECK, rise=5, fall=7)
    story.reloads(replace(BASE, healthchecks={"web": other}, backends=backends_with(other)))
    assert (story.state("web1"), story.state("web2")) == ("up", "down")
    assert story.level(Assignment, "web1").counter == 11
    assert story.level(Assignment, "web2").counter == 0


def test_a_changed_address_starts_from_unknown_and_holds() -> None:
    story = ready()
    moved = {**BASE.backends, "web1": replace(BASE.backends["web1"], address="10.0.1.1")}
    story.reloads(replace(BASE, backends=moved))
    assert story.state("web1") == "unknown"
    assert story.weights()["web1"] is None
    assert story.level(Assignment, "web1").state == "unknown"


def test_a_removed_backend_makes_one_last_transition_and_leaves() -> None:
    story = ready()
    left = settings([backend("web1"), backend("web2")], [frontend("www", {"web1": 100})])
    story.reloads(left)
    last = [m for m in story.messages if isinstance(m, BackendStatus) and m.name == "web9"][-1]
    assert last.state == "removed"
    assert BackendGone(name="web9") in story.messages
    assert not story.says(BackendStatus, "web9")
    assert not story.says(Assignment, "web9")
    assert story.weights() == {"web1": 100}
    assert story.state("web2") == "up", "used by no frontend, shown and probed all the same"
    assert story.level(Assignment, "web2").prober == "prober-0"


def test_a_new_backend_starts_from_unknown_beside_the_old_ones() -> None:
    story = ready()
    grown = settings(
        [*BASE.backends.values(), backend("web3")],
        [frontend("www", {"web1": 100, "web2": 100, "web3": 50}, {"web9": 100})],
    )
    story.reloads(grown)
    assert story.weights() == {"web1": 100, "web2": 100, "web3": None, "web9": 0}
    story.hears("web3", "up")
    assert story.weights()["web3"] == 50


def test_a_removed_frontend_is_withdrawn_and_a_new_one_is_wanted_at_once() -> None:
    story = ready()
    story.reloads(replace(BASE, frontends={"api2": frontend("api2", {"web1": 10})}))
    assert FrontendGone(name="www") in story.messages
    assert VipWithdrawn(frontend="www") in story.messages
    assert story.weights("api2") == {"web1": 10}


def test_a_changed_vip_address_is_another_vip() -> None:
    story = ready()
    moved = replace(BASE.frontends["www"], address="192.0.2.200")
    story.reloads(replace(BASE, frontends={"www": moved}))
    assert story.level(DesiredVip, "www").prefix == "192.0.2.200/32"
    assert story.weights() == {"web1": 100, "web2": 100, "web9": 0}


def test_changed_stickiness_is_said() -> None:
    story = ready()
    sticky = replace(BASE.frontends["www"], src_ip_sticky=True)
    story.reloads(replace(BASE, frontends={"www": sticky}))
    assert story.level(DesiredVip, "www").src_ip_sticky


def test_an_operators_weight_survives_a_reload_that_does_not_touch_it_and_loses_to_an_edit() -> (
    None
):
    story = ready()
    story.weighs("www p0 web1", 7)
    story.reloads(replace(BASE, transition_history=9))
    assert story.weights()["web1"] == 7
    edited = frontend("www", {"web1": 60, "web2": 100}, {"web9": 100})
    story.reloads(replace(BASE, frontends={"www": edited}))
    assert story.weights()["web1"] == 60
    assert story.saved_wishes == ()
    story.reloads(BASE)
    assert story.weights()["web1"] == 100, "a wish that lost does not come back"


def test_enabled_edited_in_the_file_wins_over_a_wish() -> None:
    story = ready()
    off = {**BASE.backends, "web1": replace(BASE.backends["web1"], enabled=False)}
    story.reloads(replace(BASE, backends=off))
    assert story.state("web1") == "disabled"
    assert story.flushes()["web1"] == 1
    story.operates("web1", "enable")
    story.reloads(BASE)
    assert story.state("web1") != "disabled"
    assert story.saved_wishes == ()


def test_a_pause_survives_a_reload_with_another_check() -> None:
    story = ready()
    story.operates("web1", "pause")
    other = msgspec.structs.replace(CHECK, path="/other")
    story.reloads(replace(BASE, healthchecks={"web": other}, backends=backends_with(other)))
    assert story.state("web1") == "paused"
    assert story.level(Assignment, "web1").prober == ""


def test_a_check_that_is_taken_away_makes_the_backend_static() -> None:
    story = ready().hears("web1", "down")
    conf = {**BASE.backends, "web1": replace(BASE.backends["web1"], check=None)}
    story.reloads(replace(BASE, backends=conf))
    assert story.state("web1") == "up"
    assert story.level(Assignment, "web1").prober == ""
    story.reloads(BASE)
    assert story.state("web1") == "up"
    assert story.level(Assignment, "web1").state == "up"


def test_a_changed_netns_is_assigned_to_everybody() -> None:
    story = ready()
    story.reloads(replace(BASE, netns="dataplane"))
    assert {story.level(Assignment, name).netns for name in BASE.backends} == {"dataplane"}


def test_one_reload_runs_one_waits_and_the_others_share_its_result() -> None:
    story = ready()
    story.hold_disk = True
    story.file = BASE
    for number in range(4):
        story.tell(Asked(Caller(b"c", number), ReloadConfig(who="ana", origin="unix")))
    assert len(story.held_saves) == 1
    while story.held_saves:
        story.disk(story.held_saves.pop(0))
    assert [caller.request_id for caller in story.answered] == [0, 1, 2, 3]
    reads = story.aggregator.state.reload.read_id
    assert reads == 2


def test_a_full_disk_refuses_a_reload_and_what_runs_stays() -> None:
    story = ready()
    story.disk_error = "no space left on device"
    answer = story.reloads(replace(BASE, frontends={}))
    assert isinstance(answer, ConfigAnswer)
    assert "no space left" in answer.reload_error
    assert story.says(DesiredVip, "www")


def test_a_wish_being_written_is_not_lost_to_a_reload() -> None:
    story = ready()
    story.hold_disk = True
    story.operates("web1", "pause")
    story.file = BASE
    story.tell(Asked(Caller(b"c", 99), ReloadConfig(who="ana", origin="unix")))
    story.operates("web2", "pause")
    while story.held_saves:
        story.disk(story.held_saves.pop(0))
    assert {wish.backend for wish in story.saved_wishes} == {"web1", "web2"}
    assert (story.state("web1"), story.state("web2")) == ("paused", "paused")
    assert sum(isinstance(answer, Done) for answer in story.answers) == 2


def test_a_check_of_the_file_puts_nothing_in_force() -> None:
    story = ready()
    story.file = replace(BASE, frontends={})
    story.tell(Asked(Caller(b"c", 1), CheckConfig()))
    assert story.answers == [ConfigAnswer()]
    assert story.says(DesiredVip, "www")


@pytest.mark.parametrize("first", [True, False])
def test_a_check_beside_a_reload_answers_each_its_own(first: bool) -> None:
    story = ready()
    story.hold_disk = True
    story.tell(Asked(Caller(b"c", 1), CheckConfig()))
    story.tell(Asked(Caller(b"c", 2), ReloadConfig(who="ana", origin="unix")))
    story.file = BASE
    reads = [one for one in story.held_saves if isinstance(one, ReadConfig)]
    story.held_saves.clear()
    story.hold_disk = False
    for effect in reads if first else reversed(reads):
        story.disk(effect)
    assert {caller.request_id for caller in story.answered} == {1, 2}
