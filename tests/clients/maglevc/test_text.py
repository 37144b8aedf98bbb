# SPDX-License-Identifier: Apache-2.0
"""How every answer reads, against golden texts for a wide terminal and for one of 40 columns.

MAGLEV_ACCEPT=1 writes the golden texts anew; they are to be read before they are committed.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from maglev.clients.maglevc.actions import Call
from maglev.clients.maglevc.parse import parse
from maglev.clients.maglevc.table import COMMANDS
from maglev.clients.maglevc.text.backends import operated
from maglev.clients.maglevc.text.healthchecks import duration
from maglev.clients.maglevc.text.vpp import lb_state, synced
from maglev.clients.render import Line, Page, painted
from maglev.rpc.maglev_pb2 import (
    VPPLBVIP,
    BackendInfo,
    CheckConfigResponse,
    FrontendInfo,
    ListAuditResponse,
    ReloadConfigResponse,
    SyncVPPLBStateResponse,
    VPPLBState,
)
from tests.clients.maglevc.fake import all_is_well
from tests.clients.maglevc.samples import NOW_NS, WEB1, WWW

GOLDEN = Path(__file__).parent / "golden"
LINES = (
    "show frontends",
    "show frontends www",
    "show frontends dns6",
    "show backends",
    "show backends web1",
    "show backends web2",
    "show backends web4",
    "show backends web5",
    "show healthchecks",
    "show healthchecks web",
    "show healthchecks ping",
    "show vpp info",
    "show vpp lb state",
    "show actors",
    "show audit",
)
WIDTHS = {"wide": None, "40": 40}


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def rendered(line: str, width: int | None, answers: dict[str, Any] | None = None) -> str:
    """Return what a line prints, without a daemon."""
    parsed = parse(COMMANDS, line.split())
    call = parsed.command.action
    assert isinstance(call, Call)
    answer = (answers or all_is_well())[call.rpc]
    if callable(answer):
        answer = answer(SimpleNamespace(name=next(iter(parsed.values.values()))))
    return plain(call.render(answer, Page(width, NOW_NS)))


def plain(lines: list[Line]) -> str:
    return painted(lines, color=False)


@pytest.mark.parametrize("width", WIDTHS)
def test_every_answer_reads_as_accepted(width: str) -> None:
    told = "".join(f"maglev> {line}\n{rendered(line, WIDTHS[width])}" for line in LINES)
    path = GOLDEN / f"{width}.txt"
    if "MAGLEV_ACCEPT" in os.environ:
        path.write_text(told, encoding="utf-8")
    assert told == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("line", LINES)
def test_nothing_but_single_words_is_wider_than_40_columns(line: str) -> None:
    for told in rendered(line, 40).splitlines():
        assert len(told) <= 40


def page() -> Page:
    return Page(None, NOW_NS)


def test_a_vip_is_written_without_its_prefix_length() -> None:
    told = rendered("show vpp lb state", None)
    assert "192.0.2.80 " in told
    assert "2001:db8::53 " in told
    assert "/" not in told


def test_an_empty_vpp_is_told_as_that_if_it_should_be_empty() -> None:
    assert plain(lb_state(VPPLBState(in_sync=True), page())) == "VPP has no VIPs\n"


def test_a_vip_that_is_missing_in_vpp_is_told() -> None:
    vip = VPPLBVIP(prefix="192.0.2.1/32", protocol="any", in_sync=True)
    told = plain(lb_state(VPPLBState(vips=[vip], in_sync=False), page()))
    assert told.endswith("VPP does not have all that it should have\n")


def test_what_is_stale_is_told_as_that() -> None:
    vip = VPPLBVIP(prefix="192.0.2.1/32", protocol="any", in_sync=True)
    assert "stale" in plain(lb_state(VPPLBState(vips=[vip], stale=True), page()))
    stale = all_is_well()
    stale["GetBackend"] = BackendInfo(name="web1", state="up", last_transition_ns=1, stale=True)
    assert "(stale:" in rendered("show backends web1", None, stale)
    assert "[stale]" in rendered("show frontends", None)


@pytest.mark.parametrize("operation", ["pause", "resume", "disable", "enable"])
def test_an_operation_tells_what_it_led_to(operation: str) -> None:
    told = rendered(f"set backend web1 {operation}", None, {f"{operation.title()}Backend": WEB1})
    assert told == "backend web1: down -> up\n"


def test_an_operation_that_changed_nothing_tells_only_that() -> None:
    assert plain(operated(BackendInfo(name="web1", note="it is up already"), page())) == (
        "it is up already\n"
    )


def test_a_weight_that_was_set_is_shown_with_all_that_it_led_to() -> None:
    line = "set frontend www pool primary backend web1 weight 7"
    noted = FrontendInfo()
    noted.CopyFrom(WWW)
    noted.note = "the weight is 7 already: nothing changed"
    for answer, first in ((WWW, "frontend www"), (noted, noted.note)):
        told = rendered(line, None, {"SetFrontendPoolBackendWeight": answer})
        assert told.splitlines()[0] == first
        assert "  web3  weight  50  effective   0  [disabled]\n" in told


def test_a_sync_tells_what_it_did() -> None:
    assert plain(synced(SyncVPPLBStateResponse(text="2 weights set"), page())) == "2 weights set\n"
    assert plain(synced(SyncVPPLBStateResponse(), page())) == "VPP has what it should have\n"


def test_an_empty_audit_is_told_as_that() -> None:
    assert rendered("show audit", None, {"ListAudit": ListAuditResponse()}) == (
        "nothing was changed so far\n"
    )


@pytest.mark.parametrize(
    ("line", "answer", "told", "problem"),
    [
        ("config check", CheckConfigResponse(ok=True), "config ok\n", ""),
        ("config check", CheckConfigResponse(parse_error="a:1: no"), "", "a:1: no"),
        ("config check", CheckConfigResponse(semantic_error="a:2: no"), "", "a:2: no"),
        ("config reload", ReloadConfigResponse(ok=True), "config reloaded\n", ""),
        ("config reload", ReloadConfigResponse(reload_error="disk full"), "", "disk full"),
        ("config reload", ReloadConfigResponse(), "", "the daemon refused the configuration"),
    ],
)
def test_a_configuration_is_good_or_what_is_wrong_with_it_is_told(
    line: str, answer: Any, told: str, problem: str
) -> None:
    call = parse(COMMANDS, line.split()).command.action
    assert isinstance(call, Call)
    assert call.problem is not None
    assert call.problem(answer).startswith(problem)
    assert bool(call.problem(answer)) is bool(problem)
    if told:
        assert plain(call.render(answer, page())) == told


@pytest.mark.parametrize(
    ("value_ns", "text"),
    [
        (0, "0ms"),
        (1_500_000, "1.5ms"),
        (500_000_000, "500ms"),
        (2_500_000_000, "2.5s"),
        (90_000_000_000, "1m30s"),
        (3_600_000_000_000, "1h"),
        (3_660_500_000_000, "1h1m0.5s"),
    ],
)
def test_a_duration_reads_as_in_the_file(value_ns: int, text: str) -> None:
    assert duration(value_ns) == text
