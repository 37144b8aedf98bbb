# SPDX-License-Identifier: Apache-2.0
"""Commands carried out against a daemon: what is asked, what is printed, what goes wrong."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest

from maglev.clients.connect import Server, Tls
from maglev.clients.maglevc.daemon import Daemon
from maglev.clients.maglevc.output import Output
from maglev.clients.maglevc.run import carry_out
from maglev.clients.maglevc.trouble import BadLine, Trouble
from maglev.rpc.maglev_pb2 import (
    BackendInfo,
    BackendRequest,
    CheckConfigResponse,
    ListAuditRequest,
    SetWeightRequest,
    SyncVPPLBStateRequest,
    SyncVPPLBStateResponse,
)
from tests.clients.maglevc import samples
from tests.clients.maglevc.fake import FakeDaemon, Refusal

Run = Callable[..., str]


@pytest.fixture
def client(daemon: FakeDaemon) -> Iterator[Daemon]:
    one = Daemon(Server(host="127.0.0.1", port=daemon.port), Tls())
    yield one
    one.close()


@pytest.fixture
def run(client: Daemon) -> Run:
    """Return a function that carries out a line and returns what it printed."""

    def carry(line: str, *, as_json: bool = False, color: bool = False) -> str:
        told: list[str] = []
        warn: Callable[[str], None] = lambda text: told.append(f"! {text}")  # noqa: E731
        output = Output(told.append, told.append, warn, lambda: None, color=color, json=as_json)
        carry_out(line.split(), client, output)
        return "".join(told)

    return carry


def test_a_list_is_asked_for_and_printed(run: Run, daemon: FakeDaemon) -> None:
    assert run("show backends").splitlines()[1].startswith("web1  127.0.0.11    up")
    assert [name for name, _ in daemon.asked] == ["ListBackends"]


@pytest.mark.parametrize(
    ("line", "rpc", "request_"),
    [
        ("set backend web1 pause", "PauseBackend", BackendRequest(name="web1")),
        ("se ba web1 r", "ResumeBackend", BackendRequest(name="web1")),
        ("se ba web1 d", "DisableBackend", BackendRequest(name="web1")),
        ("se ba web1 e", "EnableBackend", BackendRequest(name="web1")),
        (
            "set frontend www pool primary backend web1 weight 0",
            "SetFrontendPoolBackendWeight",
            SetWeightRequest(frontend="www", pool="primary", backend="web1", weight=0),
        ),
        ("sync vpp lb state", "SyncVPPLBState", SyncVPPLBStateRequest()),
        ("sync vpp lb state www", "SyncVPPLBState", SyncVPPLBStateRequest(frontend_name="www")),
        ("show audit", "ListAudit", ListAuditRequest()),
        ("show audit num 7", "ListAudit", ListAuditRequest(num=7)),
    ],
)
def test_a_command_becomes_its_call(
    run: Run, daemon: FakeDaemon, line: str, rpc: str, request_: Any
) -> None:
    daemon.answers |= {
        "SetFrontendPoolBackendWeight": samples.WWW,
        "SyncVPPLBState": SyncVPPLBStateResponse(text="nothing to do"),
    }
    for operation in ("Pause", "Resume", "Disable", "Enable"):
        daemon.answers[f"{operation}Backend"] = samples.WEB1
    run(line)
    assert daemon.asked == [(rpc, request_)]


def test_the_begin_of_a_name_is_enough_to_look_at_something(run: Run) -> None:
    assert run("sh fr w") == run("show frontends www")
    assert run("sh he pi").startswith("name            ping\n")


def test_the_begin_of_several_names_lists_them(run: Run) -> None:
    with pytest.raises(Trouble, match=r"^backend 'web' is ambiguous: web1, web2, .*, web5$"):
        run("sh ba web")


def test_a_name_that_nobody_has_is_what_the_daemon_says(run: Run) -> None:
    with pytest.raises(Trouble, match=r"^no backend is called 'nope'$"):
        run("sh ba nope")


def test_the_begin_of_a_name_is_not_enough_to_change_something(
    run: Run, daemon: FakeDaemon
) -> None:
    text = "no backend is called 'web'"
    daemon.answers["PauseBackend"] = Refusal(grpc.StatusCode.NOT_FOUND, text)
    with pytest.raises(Trouble, match=f"^{text}$"):
        run("set backend web pause")
    assert [name for name, _ in daemon.asked] == ["PauseBackend"]


@pytest.mark.parametrize(
    "refusal",
    [
        Refusal(grpc.StatusCode.UNAVAILABLE, "VPP is not connected"),
        Refusal(grpc.StatusCode.FAILED_PRECONDITION, "backend 'web1' is disabled: enable it first"),
        Refusal(grpc.StatusCode.PERMISSION_DENIED, "only operators may do this; ..."),
        Refusal(grpc.StatusCode.DEADLINE_EXCEEDED, "the programmer did not answer within 5 s"),
    ],
)
def test_a_refusal_is_the_text_of_the_daemon_alone(
    run: Run, daemon: FakeDaemon, refusal: Refusal
) -> None:
    daemon.answers["GetVPPInfo"] = refusal
    with pytest.raises(Trouble) as error:
        run("show vpp info")
    assert str(error.value) == refusal.text


def test_a_call_the_daemon_does_not_know_is_told(run: Run, daemon: FakeDaemon) -> None:
    del daemon.answers["ListActors"]
    with pytest.raises(Trouble, match=r"^this daemon does not know ListActors$"):
        run("show actors")


def test_a_daemon_that_was_away_is_reached_by_the_next_command(
    run: Run, daemon: FakeDaemon
) -> None:
    run("show version")
    port = daemon.port
    daemon.stop()
    for _ in range(3):
        with pytest.raises(Trouble, match=rf"^127.0.0.1:{port}: connection refused; is maglevd"):
            run("show version")
    daemon.start(f"127.0.0.1:{port}")
    assert "abc1234" in run("show version")


def test_a_connection_that_ends_under_a_call_is_told(run: Run, daemon: FakeDaemon) -> None:
    daemon.answers["GetVPPInfo"] = Refusal(grpc.StatusCode.UNAVAILABLE, "Socket closed")
    with pytest.raises(Trouble, match=r"^127.0.0.1:\d+: the connection was lost \(Socket closed\)"):
        run("show vpp info")


def test_an_answer_may_be_larger_than_grpc_takes_by_itself(run: Run, daemon: FakeDaemon) -> None:
    large = 5 * 1024 * 1024
    daemon.answers["GetBackend"] = BackendInfo(name="web1", detail="x" * large)
    assert len(run("show backends web1", as_json=True)) > large


def test_what_is_stale_is_said_besides_the_answer(run: Run, daemon: FakeDaemon) -> None:
    daemon.metadata["ListFrontends"] = (("maglev-stale", "aggregator silent for 12 s"),)
    assert run("show frontends").endswith("\n! aggregator silent for 12 s\n")


def test_json_is_the_answer_with_all_its_keys(run: Run) -> None:
    told = json.loads(run("show frontends", as_json=True))
    assert [one["name"] for one in told["frontends"]] == ["www", "dns6"]
    assert told["frontends"][0]["srcIpSticky"] is False
    assert told["frontends"][1]["lastTransitionNs"] == str(samples.NOW_NS - 2 * samples.S)
    assert told["frontends"][1]["transitions"] == []
    assert json.loads(run("show backends web2", as_json=True))["enabled"] is True


def test_a_bad_configuration_is_a_trouble_in_json_too(run: Run, daemon: FakeDaemon) -> None:
    daemon.answers["CheckConfig"] = CheckConfigResponse(parse_error="maglev.yaml:1: no")
    for as_json in (False, True):
        with pytest.raises(Trouble, match=r"^maglev.yaml:1: no$"):
            run("config check", as_json=as_json)
    daemon.answers["CheckConfig"] = CheckConfigResponse(ok=True)
    assert run("config check") == "config ok\n"
    assert json.loads(run("config check", as_json=True))["ok"] is True


def test_labels_are_dark_blue_where_colour_is_on(run: Run) -> None:
    assert run("show vpp info", color=True).startswith("\x1b[34mversion\x1b[0m")
    assert "\x1b" not in run("show vpp info")


def test_a_question_mark_at_the_end_is_answered_with_what_may_stand_there(run: Run) -> None:
    assert run("set backend web1 ?").splitlines()[0].startswith("  pause    stop probing")
    assert run("show backends ?").splitlines()[0] == "  web1  127.0.0.11, up"
    assert run("set frontend www pool primary backend ?").splitlines() == [
        "  web1  weight 100, up",
        "  web2  weight 100, down",
        "  web3  weight 50, disabled",
    ]
    assert run("set frontend www pool ?").splitlines() == [
        "  primary  3 backends, active",
        "  standby  2 backends",
    ]
    assert run("show healthchecks ?").splitlines()[:2] == ["  web   https 8080", "  ping  icmp"]


def test_without_a_daemon_an_argument_is_offered_as_what_it_is(
    run: Run, daemon: FakeDaemon
) -> None:
    daemon.stop()
    assert run("show backends ?").splitlines()[0] == "  <backend>  name of a backend"


def test_of_very_many_names_only_some_are_offered(run: Run, daemon: FakeDaemon) -> None:
    daemon.answers["ListBackends"] = type(samples.BACKENDS)(backends=[samples.WEB1] * 1000)
    offered = run("show backends ?").splitlines()
    assert len(offered) == 101
    assert offered[-1] == "  ...   and 901 more"


def test_help_lists_the_commands_or_some_of_them(run: Run, daemon: FakeDaemon) -> None:
    assert len(run("help").splitlines()) > 20
    assert {line.split()[0] for line in run("help sh").splitlines()} == {"show"}
    assert daemon.asked == []


def test_a_line_that_is_no_command_asks_the_daemon_nothing(run: Run, daemon: FakeDaemon) -> None:
    with pytest.raises(BadLine):
        run("set backend web1 explode")
    assert daemon.asked == []
