# SPDX-License-Identifier: Apache-2.0
"""The page of metrics: to the letter as in golden/metrics.txt, and as Prometheus wants it.

After a change that is meant, MAGLEV_ACCEPT=1 writes the file anew; look at the difference.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from maglev.core.view import View
from maglev.gateway.metrics.counts import outcome
from maglev.gateway.metrics.page import FAMILIES, page
from maglev.gateway.metrics.text import Seen
from maglev.messages import BackendGone, BackendStatus, Level, TotalsBlock, VppStatus
from tests.gateway.seen import BACKENDS, EVERYTHING, seen

GOLDEN = Path(__file__).parent / "golden" / "metrics.txt"

CONTRACT = """
maglev_backend_state{backend,address,healthcheck,state} maglev_backend_health{backend}
maglev_backend_enabled{backend} maglev_frontend_pool_backend_weight{frontend,pool,backend}
maglev_probe_total{backend,type,result,code} maglev_probe_duration_seconds{backend,type}
maglev_backend_transitions_total{backend,from,to}
maglev_vpp_connected{} maglev_vpp_connected_seconds{} maglev_vpp_info{version,build_date,pid}
maglev_vpp_api_total{msg,direction,result} maglev_vpp_lbsync_total{scope,kind}
grpc_server_started_total{grpc_type,grpc_service,grpc_method}
grpc_server_handled_total{grpc_type,grpc_service,grpc_method,grpc_code}
grpc_server_msg_received_total{grpc_type,grpc_service,grpc_method}
grpc_server_msg_sent_total{grpc_type,grpc_service,grpc_method}
grpc_server_handling_seconds{grpc_type,grpc_service,grpc_method}
maglev_frontend_state{frontend,state}
maglev_frontend_pool_backend_effective_weight{frontend,pool,backend}
maglev_actor_up{actor} maglev_actor_restarts_total{actor}
maglev_actor_heartbeat_age_seconds{actor} maglev_bus_resyncs_total{actor}
maglev_bus_dropped_total{actor} maglev_probe_lateness_seconds{actor} maglev_failover_seconds{}
maglev_alarm{kind,about}
"""


def text(what: Seen) -> str:
    return "".join(page(what))


def parsed(what: Seen) -> dict[str, Metric]:
    """The families by name, read by somebody else's parser."""
    families = {}
    for metric in text_string_to_metric_families(text(what)):
        assert metric.documentation
        total = "_total" if metric.type == "counter" else ""
        families[metric.name.removesuffix("_total") + total] = metric
    return families


def value(what: Seen, name: str, **labels: str) -> float | None:
    """The value of one row; None if there is none."""
    for metric in text_string_to_metric_families(text(what)):
        for sample in metric.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                return float(sample.value)
    return None


def without(what: type[Level]) -> list[Level]:
    return [level for level in EVERYTHING if not isinstance(level, what)]


# --- the whole page -------------------------------------------------------------------------------


def test_the_page_is_as_it_was_accepted() -> None:
    found = text(seen())
    if os.environ.get("MAGLEV_ACCEPT"):
        GOLDEN.write_text(found, encoding="utf-8")
    assert found == GOLDEN.read_text(encoding="utf-8")


def test_every_family_of_the_contract_is_there_with_its_labels() -> None:
    families = parsed(seen())
    wanted = dict(re.findall(r"(\w+)\{([\w,]*)\}", CONTRACT))
    assert families.keys() == wanted.keys()
    for name, labels in wanted.items():
        for sample in families[name].samples:
            found = set(sample.labels) - {"le", "quantile"}
            assert found == set(filter(None, labels.split(","))), name


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (package prometheus)")
def test_promtool_finds_nothing_wrong_with_the_page() -> None:
    checked = subprocess.run(
        ["promtool", "check", "metrics"],
        input=text(seen()).encode(),
        capture_output=True,
        check=False,
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_a_family_is_one_piece_and_no_row_comes_twice() -> None:
    rows = [row for row in text(seen()).splitlines() if not row.startswith("#")]
    names = [row.rpartition(" ")[0] for row in rows]
    assert len(set(names)) == len(names)
    heads = re.findall(r"^# TYPE (\S+)", text(seen()), re.M)
    assert len(set(heads)) == len(heads) == len(FAMILIES)


def test_nothing_is_known_at_the_beginning_and_the_page_says_so() -> None:
    nothing = Seen(View(), {}, (), ("aggregator",), 3.0, seen().now)
    rows = [row for row in text(nothing).splitlines() if not row.startswith("#")]
    assert rows == ["maglev_vpp_connected 0", 'maglev_actor_up{actor="aggregator"} 0']


# --- backends -------------------------------------------------------------------------------------


@given(name=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_any_name_comes_back_as_it_was(name: str) -> None:
    one = BackendStatus(
        name=name,
        address="10.0.0.1",
        healthcheck=name,
        enabled=True,
        state="up",
        number=1,
        since_ns=1,
        counter=4,
    )
    found = parsed(seen([one]))["maglev_backend_state"].samples
    assert {sample.labels["backend"] for sample in found} == {name}
    assert {sample.labels["healthcheck"] for sample in found} == {name}


def test_a_backend_that_is_gone_leaves_the_page() -> None:
    what = seen()
    what.view.heard("aggregator", BackendGone(name="web1"))
    state = parsed(what)["maglev_backend_state"].samples
    assert "web1" not in {sample.labels["backend"] for sample in state}


def test_a_static_backend_has_a_state_and_no_probes() -> None:
    families = parsed(seen())
    states = [sample.labels for sample in families["maglev_backend_state"].samples]
    assert {one["healthcheck"] for one in states if one["backend"] == "static1"} == {""}
    probed = {sample.labels["backend"] for sample in families["maglev_probe_total"].samples}
    assert probed == {"web1", "web2"}


def test_the_buckets_of_durations_add_up() -> None:
    what = seen()
    rows = [row for row in text(what).splitlines() if "duration_seconds_bucket" in row]
    counts = [int(row.rpartition(" ")[2]) for row in rows if '"web1"' in row]
    assert counts == sorted(counts)
    name = "maglev_probe_duration_seconds_count"
    assert counts[-1] == value(what, name, backend="web1") == 4, "a fault has no duration"
    assert value(what, "maglev_probe_duration_seconds_sum", backend="web1") == 0.0186


def test_no_effective_weight_is_shown_while_vpp_keeps_what_it_has() -> None:
    name = "maglev_frontend_pool_backend_effective_weight"
    assert value(seen(), name, backend="web1") == 100
    assert value(seen(), name, backend="web2") is None
    assert value(seen(), "maglev_frontend_pool_backend_weight", backend="web2") == 50


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        *((code, "ok") for code in ("L4OK", "L6OK", "L7OK")),
        *((code, "fail") for code in ("L4CON", "L4TOUT", "L6TOUT", "L6RSP")),
        *((code, "fail") for code in ("L7TOUT", "L7RSP", "L7STS")),
        ("", "fault"),
    ],
)
def test_a_code_tells_how_a_probe_ended(code: str, wanted: str) -> None:
    assert outcome(code) == wanted


# --- VPP ------------------------------------------------------------------------------------------

GAUGES = ("maglev_vpp_connected_seconds", "maglev_vpp_info")


def test_gauges_of_vpp_are_absent_while_it_is_away_and_counters_stay() -> None:
    away = seen([*without(VppStatus), VppStatus(connected=False, error="no such file")])
    assert value(away, "maglev_vpp_connected") == 0
    assert [value(away, name) for name in GAUGES] == [None, None]
    assert value(away, "maglev_vpp_lbsync_total", scope="vip", kind="as_weight_updated") == 7


def test_a_vpp_of_which_nobody_tells_any_more_is_not_connected() -> None:
    what = seen()
    what.view.lost("programmer")
    assert value(what, "maglev_vpp_connected") == 0
    assert [value(what, name) for name in GAUGES] == [None, None]


def test_the_age_of_the_connection_is_counted_from_when_it_was_made() -> None:
    assert value(seen(), "maglev_vpp_connected_seconds") == 400


# --- the daemon itself ----------------------------------------------------------------------------


def test_an_actor_is_up_as_long_as_its_heartbeat_is_heard() -> None:
    what = seen()
    assert value(what, "maglev_actor_up", actor="aggregator") == 1
    assert value(what, "maglev_actor_up", actor="watchdog") == 0, "it was never heard"
    later = replace(what.now, mono_s=what.now.mono_s + 3.1)
    assert value(replace(what, now=later), "maglev_actor_up", actor="aggregator") == 0


def test_a_prober_that_is_silent_has_no_lateness() -> None:
    what = seen()
    assert value(what, "maglev_probe_lateness_seconds", quantile="0.99") == 0.0009
    what.view.lost("prober-0")
    assert value(what, "maglev_probe_lateness_seconds", quantile="0.99") is None


# --- while it is read -----------------------------------------------------------------------------


def pieces_while(what: Seen, change: Iterable[Level]) -> str:
    """The page, with something changing between any two pieces."""
    changes = iter(change)
    made = []
    for piece in page(what):
        made.append(piece)
        for level in changes:
            what.view.heard("aggregator", level)
            break
    return "".join(made)


def test_what_changes_while_the_page_is_made_never_breaks_it() -> None:
    what = seen()
    changes: list[Level] = [
        msgspec.structs.replace(BACKENDS[0], name=f"new{number}") for number in range(30)
    ]
    changes.append(TotalsBlock(block=7, backends=()))
    made = pieces_while(what, changes)
    assert "new0" in made
    for metric in text_string_to_metric_families(made):
        assert metric.type != "unknown"
