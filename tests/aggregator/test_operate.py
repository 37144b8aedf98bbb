# SPDX-License-Identifier: Apache-2.0
"""What operators ask for: which weights follow, what is refused, what survives."""

import pytest

from maglev.actor import Heard
from maglev.messages import Assignment, BackendStatus, Done, Refused
from tests.aggregator.story import PRIMARY_AND_STANDBY, Story, backend, frontend, settings


def ready() -> Story:
    return Story(PRIMARY_AND_STANDBY).prober().all_up()


def test_pause_drains_without_a_flush_and_probing_stops() -> None:
    story = ready()
    assert story.operates("web1", "pause") == Done()
    assert story.weights()["web1"] == 0
    assert story.flushes()["web1"] == 0
    assert story.level(Assignment, "web1").prober == ""
    late = story.verdict("web1", "down")
    story.tell(Heard("prober-0", late))
    assert story.state("web1") == "paused"


def test_disable_flushes() -> None:
    story = ready()
    story.operates("web1", "disable")
    assert story.weights()["web1"] == 0
    assert story.flushes()["web1"] == 1
    assert not story.level(BackendStatus, "web1").enabled


def test_resume_holds_until_the_first_verdict() -> None:
    story = ready()
    story.operates("web1", "pause")
    story.operates("web1", "resume")
    assert story.state("web1") == "unknown"
    assert story.weights()["web1"] is None
    story.hears("web1", "up")
    assert story.weights()["web1"] == 100


def test_codes_of_operator_transitions_are_the_operations() -> None:
    story = ready()
    for operation in ("pause", "resume", "disable", "enable"):
        story.operates("web1", operation)
    codes = [transition.code for transition in story.level(BackendStatus, "web1").history]
    assert codes[:4] == ["enable", "disable", "resume", "pause"]


@pytest.mark.parametrize("operation", ["pause", "resume"])
def test_pause_and_resume_of_a_disabled_backend_are_refused(operation: str) -> None:
    story = ready()
    story.operates("web1", "disable")
    answer = story.operates("web1", operation)
    assert isinstance(answer, Refused)
    assert answer.code == "failed_precondition"


@pytest.mark.parametrize("operation", ["resume", "enable"])
def test_resume_or_enable_of_a_running_backend_changes_nothing_and_says_so(operation: str) -> None:
    story = ready()
    number = story.level(BackendStatus, "web1").number
    answer = story.operates("web1", operation)
    assert isinstance(answer, Done)
    assert not answer.changed
    assert "nothing changed" in answer.text
    assert story.level(BackendStatus, "web1").number == number


def test_enable_of_a_paused_backend_resumes_it() -> None:
    story = ready()
    story.operates("web1", "pause")
    assert story.operates("web1", "enable") == Done()
    assert story.state("web1") == "unknown"


@pytest.mark.parametrize(
    ("where", "weight", "code"),
    [
        ("nope p0 web1", 1, "not_found"),
        ("www nope web1", 1, "not_found"),
        ("www p1 web1", 1, "not_found"),
        ("www p0 web1", 101, "invalid_argument"),
        ("www p0 web1", -1, "invalid_argument"),
    ],
)
def test_bad_weights_are_refused_with_a_code(where: str, weight: int, code: str) -> None:
    story = ready()
    answer = story.weighs(where, weight)
    assert isinstance(answer, Refused)
    assert answer.code == code
    assert story.weights() == {"web1": 100, "web2": 100, "web9": 0}


def test_unknown_backend_is_refused() -> None:
    answer = ready().operates("web77", "pause")
    assert isinstance(answer, Refused)
    assert answer.code == "not_found"


def test_setting_all_weights_of_a_pool_to_zero_drains_it_to_the_next() -> None:
    story = ready()
    story.weighs("www p0 web1", 0)
    assert story.weights() == {"web1": 0, "web2": 100, "web9": 0}
    story.weighs("www p0 web2", 0)
    assert story.weights() == {"web1": 0, "web2": 0, "web9": 100}


def test_nothing_is_changed_or_answered_before_the_wish_is_on_disk() -> None:
    story = ready()
    story.hold_disk = True
    assert story.operates("web1", "pause") is None
    assert story.state("web1") == "up"
    story.hold_disk = False
    story.disk(story.held_saves.pop())
    assert story.answers[-1] == Done()
    assert story.state("web1") == "paused"


def test_a_full_disk_refuses_the_wish_and_changes_nothing() -> None:
    story = ready()
    story.disk_error = "no space left on device"
    answer = story.operates("web1", "pause")
    assert isinstance(answer, Refused)
    assert "no space left" in answer.text
    assert story.state("web1") == "up"
    story.disk_error = ""
    assert story.operates("web1", "pause") == Done()


def test_requests_are_carried_out_one_after_the_other() -> None:
    story = ready()
    story.hold_disk = True
    story.operates("web1", "pause")
    story.operates("web1", "pause")
    story.operates("web1", "resume")
    story.hold_disk = False
    story.disk(story.held_saves.pop())
    done = [answer.changed for answer in story.answers if isinstance(answer, Done)]
    assert done == [True, False, True]
    assert story.state("web1") == "unknown"


def test_wishes_survive_a_restart_and_what_undoes_itself_is_no_wish() -> None:
    story = ready()
    story.operates("web1", "disable")
    story.weighs("www p0 web2", 7)
    story.weighs("www p1 web9", 5)
    story.weighs("www p1 web9", 100)
    assert len(story.saved_wishes) == 2
    again = Story(PRIMARY_AND_STANDBY, wishes=story.saved_wishes).prober()
    again.hears("web2", "up").hears("web9", "up")
    assert again.weights() == {"web1": 0, "web2": 7, "web9": 0}
    assert again.state("web1") == "disabled"


def test_every_mutation_is_audited_with_who_where_before_after_result() -> None:
    story = ready()
    story.weighs("www p0 web1", 5)
    story.weighs("www p0 web1", 500)
    first, second = story.audit
    assert (first.who, first.origin, first.before, first.after, first.result) == (
        "ana",
        "unix",
        "100",
        "5",
        "done",
    )
    assert second.result.startswith("refused: weight must be 0..100")


def test_a_static_backend_is_up_with_code_static_and_up_again_after_resume() -> None:
    conf = settings([backend("web1", check=None)], [frontend("www", {"web1": 100})])
    story = Story(conf).prober()
    assert story.weights() == {"web1": 100}
    assert [t.code for t in story.level(BackendStatus, "web1").history] == ["static"]
    story.operates("web1", "pause")
    assert story.weights() == {"web1": 0}
    story.operates("web1", "resume")
    assert story.weights() == {"web1": 100}


def test_a_backend_disabled_in_the_file_can_be_enabled_and_that_is_a_wish() -> None:
    conf = settings([backend("web1", enabled=False)], [frontend("www", {"web1": 100})])
    story = Story(conf).prober()
    assert story.state("web1") == "disabled"
    assert story.weights() == {"web1": 0}
    story.operates("web1", "enable")
    assert story.state("web1") == "unknown"
    assert [wish.value for wish in story.saved_wishes] == ["run"]
