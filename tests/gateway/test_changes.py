# SPDX-License-Identifier: Apache-2.0
"""Calls that another actor carries out, over a real server: what is asked, what comes back."""

from __future__ import annotations

import getpass
import threading
import time

import grpc
import pytest

from maglev.messages import (
    Answer,
    AuditEntry,
    AuditRead,
    CheckConfig,
    ConfigAnswer,
    ConfigStatus,
    Done,
    Message,
    NoteOperation,
    OperateBackend,
    ReadAudit,
    Refusal,
    Refused,
    ReloadConfig,
    Request,
    SetWeight,
    SyncVpp,
)
from maglev.rpc.service import METHODS
from tests.gateway.actors import CONFIG, backend, frontend, moved
from tests.gateway.rig import PLAIN, Rig
from tests.gateway.test_reads import error_of
from tests.support import eventually

Answered = tuple[Answer, type[Message] | None] | None

OPERATIONS = {
    "PauseBackend": "pause",
    "ResumeBackend": "resume",
    "EnableBackend": "enable",
    "DisableBackend": "disable",
}


def asked(rig: Rig, name: str = "aggregator") -> Request:
    return rig.actors[name].asked[-1]


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_goes_to_the_aggregator_with_who_and_where_from(
    shared: Rig, name: str
) -> None:
    shared.actors["aggregator"].answering = lambda request: (Done(), None)
    found = shared.call(name, name="web1")
    request = asked(shared)
    assert isinstance(request, OperateBackend)
    assert (request.backend, request.operation, request.who) == (
        "web1",
        OPERATIONS[name],
        "loopback",
    )
    assert request.origin.startswith("127.0.0.1:")
    assert (found.name, found.note) == ("web1", "")


def test_the_unix_socket_tells_the_user(shared: Rig) -> None:
    channel = shared.channel(f"unix:{shared.run_dir / 'grpc.sock'}")
    shared.call("PauseBackend", channel, name="web1")
    request = asked(shared)
    assert isinstance(request, OperateBackend)
    assert (request.who, request.origin) == (getpass.getuser(), "unix")


def test_the_unix_socket_is_for_its_owner_and_group_and_the_inner_one_for_nobody_else(
    shared: Rig,
) -> None:
    modes = {path.name: path.stat().st_mode & 0o777 for path in shared.run_dir.glob("grpc*")}
    assert modes == {"grpc.sock": 0o660, "grpc-inner.sock": 0o600}


def test_whoever_gets_past_the_door_may_change_nothing(shared: Rig) -> None:
    channel = shared.channel(f"unix:{shared.run_dir / 'grpc-inner.sock'}")
    assert shared.call("GetBackend", channel, name="web1").name == "web1"
    with pytest.raises(grpc.RpcError) as caught:
        shared.call("PauseBackend", channel, name="web1")
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED


def test_a_weight_goes_to_the_aggregator(shared: Rig) -> None:
    shared.actors["aggregator"].answering = lambda request: (Done(text="same", changed=False), None)
    fields = {"frontend": "www", "pool": "primary", "backend": "web1", "weight": 7}
    found = shared.call("SetFrontendPoolBackendWeight", **fields)
    request = asked(shared)
    assert isinstance(request, SetWeight)
    assert (request.frontend, request.pool, request.backend, request.weight) == (
        "www",
        "primary",
        "web1",
        7,
    )
    assert (found.name, found.note) == ("www", "same")


CODES: dict[Refusal, grpc.StatusCode] = {
    "not_found": grpc.StatusCode.NOT_FOUND,
    "failed_precondition": grpc.StatusCode.FAILED_PRECONDITION,
    "invalid_argument": grpc.StatusCode.INVALID_ARGUMENT,
    "unavailable": grpc.StatusCode.UNAVAILABLE,
    "deadline": grpc.StatusCode.DEADLINE_EXCEEDED,
    "internal": grpc.StatusCode.INTERNAL,
}


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("name", [*OPERATIONS, "SetFrontendPoolBackendWeight", "SyncVPPLBState"])
def test_a_refusal_comes_back_as_its_code_in_the_actors_words(
    shared: Rig, name: str, code: Refusal
) -> None:
    for actor in ("aggregator", "programmer"):
        shared.actors[actor].answering = lambda request: (Refused(code=code, text="because"), None)
    error = error_of(shared, name)
    assert (error.code(), error.details()) == (CODES[code], "because")


def test_a_change_is_answered_when_a_following_read_shows_it(rig: Rig) -> None:
    aggregator = rig.actors["aggregator"]
    number = 3

    def pause(request: Request) -> Answered:
        nonlocal number
        number += 1
        aggregator.say(backend("web1", moved(number, "up", "paused", "pause")))
        return Done(), type(PLAIN[0])

    # Said in the same turn, as an aggregator does: the reply goes out behind it.
    aggregator.answering = pause
    for _ in range(50):
        assert rig.call("PauseBackend", name="web1").transitions[0].number == number
        assert rig.call("GetBackend", name="web1").transitions[0].number == number


def test_a_reload_is_answered_when_its_effects_are_visible(rig: Rig) -> None:
    aggregator = rig.actors["aggregator"]

    def reload(request: Request) -> Answered:
        aggregator.say(backend("web3"), frontend("dns"), CONFIG)
        return ConfigAnswer(), ConfigStatus

    aggregator.answering = reload
    answer = rig.call("ReloadConfig")
    assert (answer.ok, answer.parse_error) == (True, "")
    assert rig.call("GetBackend", name="web3").name == "web3"
    request = asked(rig)
    assert isinstance(request, ReloadConfig)
    assert request.who == "loopback"


@pytest.mark.parametrize("field", ["parse_error", "semantic_error", "reload_error"])
def test_what_is_wrong_with_a_configuration_is_an_answer_not_an_error(
    shared: Rig, field: str
) -> None:
    answer = ConfigAnswer(**{field: "maglev.yaml:3: no"})
    shared.actors["aggregator"].answering = lambda request: (answer, None)
    reloaded = shared.call("ReloadConfig")
    assert (reloaded.ok, getattr(reloaded, field)) == (False, "maglev.yaml:3: no")
    checked = shared.call("CheckConfig")
    assert not checked.ok
    assert "maglev.yaml:3: no" in (checked.parse_error, checked.semantic_error)
    assert isinstance(asked(shared), CheckConfig)


def test_checks_are_made_a_few_at_a_time(rig: Rig) -> None:
    aggregator = rig.actors["aggregator"]
    aggregator.answering = lambda request: None
    answers: list[object] = []
    checking = [
        threading.Thread(target=lambda: answers.append(rig.call("CheckConfig"))) for _ in range(2)
    ]
    for one in checking:
        one.start()
    eventually(lambda: len(aggregator.asked) == 2)
    error = error_of(rig, "CheckConfig")
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "2 checks are under way" in error.details()
    aggregator.answering = lambda request: (ConfigAnswer(), None)
    rig.restart("aggregator").say(CONFIG, *PLAIN)
    for one in checking:
        one.join(30)
    assert len(answers) == 2
    assert rig.call("CheckConfig").ok


def test_a_sync_goes_to_the_programmer_and_into_the_audit(shared: Rig) -> None:
    shared.actors["aggregator"].answering = lambda request: (Done(), None)
    shared.actors["programmer"].answering = lambda request: (Done(text="nothing to do"), None)
    assert shared.call("SyncVPPLBState", frontend_name="www").text == "nothing to do"
    request = asked(shared, "programmer")
    assert isinstance(request, SyncVpp)
    assert (request.frontend, request.who) == ("www", "loopback")
    noted = asked(shared)
    assert isinstance(noted, NoteOperation)
    told = (noted.entry.who, noted.entry.action, noted.entry.about, noted.entry.result)
    assert told == ("loopback", "sync", "frontend www", "done")
    shared.call("SyncVPPLBState")
    request = asked(shared, "programmer")
    assert isinstance(request, SyncVpp)
    assert request.frontend == ""


def test_a_sync_that_cannot_be_audited_is_done_all_the_same_and_logged(rig: Rig) -> None:
    refused = Refused(code="unavailable", text="disk full")
    rig.actors["aggregator"].answering = lambda request: (refused, None)
    rig.call("SyncVPPLBState")
    assert rig.logged("audit-lost")["about"] == "all frontends"


def test_the_audit_is_asked_of_the_aggregator(shared: Rig) -> None:
    entry = AuditEntry(5, "ana", "unix", "pause", "backend web1", "up", "paused", "done")
    shared.actors["aggregator"].answering = lambda request: (AuditRead(entries=(entry,)), None)
    (told,) = shared.call("ListAudit", num=7).entries
    assert asked(shared) == ReadAudit(entries_max=7)
    assert (told.at_ns, told.who, told.origin, told.action) == (5, "ana", "unix", "pause")
    assert (told.about, told.before, told.after, told.result) == (
        "backend web1",
        "up",
        "paused",
        "done",
    )
    shared.call("ListAudit")
    assert asked(shared) == ReadAudit(entries_max=100)


def test_with_the_aggregator_away_changes_are_unavailable_with_words_and_reads_go_on(
    rig: Rig,
) -> None:
    rig.actors["aggregator"].pause(on=True)
    rig.until(lambda: rig.call("GetBackend", name="web1").stale)
    for name in (*OPERATIONS, "ReloadConfig", "ListAudit"):
        begun_s = time.monotonic()
        error = error_of(rig, name)
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        assert "the aggregator is away and nothing was changed" in error.details()
        assert time.monotonic() - begun_s < 10
    rig.actors["aggregator"].pause(on=False)
    rig.until(lambda: rig.call("PauseBackend", name="web1"))


def test_an_aggregator_killed_while_it_is_asked_is_asked_again_when_it_is_back(rig: Rig) -> None:
    first = rig.actors["aggregator"]
    first.answering = lambda request: None
    answers: list[object] = []
    calling = threading.Thread(target=lambda: answers.append(rig.call("ReloadConfig")), daemon=True)
    calling.start()
    eventually(lambda: first.asked)
    second = rig.restart("aggregator")
    second.answering = lambda request: (ConfigAnswer(), None)
    second.say(CONFIG, *PLAIN)
    calling.join(30)
    assert len(answers) == 1
    assert len(second.asked) == 1


def test_a_call_that_nobody_answers_ends_in_time(rig: Rig) -> None:
    rig.actors["aggregator"].answering = lambda request: None
    error = error_of(rig, "PauseBackend", name="web1")
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert "did not answer" in error.details()


def test_a_callers_own_deadline_ends_it_earlier(rig: Rig) -> None:
    rig.actors["aggregator"].answering = lambda request: None
    method = METHODS["ReloadConfig"]
    begun_s = time.monotonic()
    with pytest.raises(grpc.RpcError) as caught:
        rig.channel().unary_unary(method.path)(b"", timeout=0.5)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert time.monotonic() - begun_s < 10
