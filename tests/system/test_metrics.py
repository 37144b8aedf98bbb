# SPDX-License-Identifier: Apache-2.0
"""Metrics of the whole system, as Prometheus sees them while processes are killed."""

from __future__ import annotations

import shutil
import signal
import subprocess
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from maglev.messages import OperateBackend
from tests.support import eventually
from tests.system.conftest import SCALE
from tests.system.places import addresses
from tests.system.system import System

Row = tuple[str, tuple[tuple[str, str], ...]]

BACKENDS = 4
OWNED = ("maglev_probe_total", "maglev_probe_duration_seconds", "maglev_backend_transitions")
"""Counters that must outlive every process."""


class Scraper:
    """Scrapes again and again, and notes every counter that fell."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.seen: dict[Row, float] = {}
        self.fallen: list[str] = []

    def text(self) -> str:
        """The page, once there is one."""
        return eventually(self._text, 60, f"a page: {self.system.lines[-20:]}")

    def _text(self) -> str:
        ports = [line["port"] for line in self.system.logged("metrics-listening")]
        if not ports:
            return ""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{ports[-1]}/metrics") as answer:
                return str(answer.read().decode())
        except OSError:
            return ""

    def scrape(self) -> dict[Row, float]:
        """All rows; counters that fell since the last time are noted."""
        rows: dict[Row, float] = {}
        for metric in text_string_to_metric_families(self.text()):
            for sample in metric.samples:
                rows[sample.name, tuple(sorted(sample.labels.items()))] = float(sample.value)
        for row, before in self.seen.items():
            if row[0].startswith(OWNED) and row in rows and rows[row] < before:
                self.fallen.append(f"{row}: {before} -> {rows[row]}")
        self.seen |= rows
        return rows

    def value(self, name: str, **labels: str) -> float:
        """The sum of the rows with these labels, in a fresh scrape."""
        return sum(
            value
            for (found, its), value in self.scrape().items()
            if found == name and labels.items() <= dict(its).items()
        )

    def probes(self) -> float:
        return self.value("maglev_probe_total")

    def wait_more(self, count: int = 4) -> None:
        """Wait until more passes are counted than anybody saw, of every backend."""
        before = {
            row: n
            for row, n in self.seen.items()
            if row[0] == "maglev_probe_total" and ("result", "ok") in row[1]
        }

        def more() -> bool:
            now = self.scrape()
            return bool(before) and all(now.get(row, 0) >= n + count for row, n in before.items())

        eventually(more, 60, f"more than {before}: {self.system.lines[-20:]}")


@pytest.fixture(scope="module")
def scraper() -> Iterator[Scraper]:
    system = System(SCALE)
    try:
        system.variables["MAGLEV_METRICS_ADDR"] = "127.0.0.1:0"
        system.begin(addresses(BACKENDS), {"www": {"all": ["web1", "web2", "web3", "web4"]}})
        system.start()
        system.wait_weights()
        scraper = Scraper(system)
        eventually(lambda: scraper.probes() > 0, 60, "probes are counted")
        yield scraper
        system.stop()
    finally:
        system.close()


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (package prometheus)")
def test_promtool_finds_nothing_wrong_with_a_scrape(scraper: Scraper) -> None:
    checked = subprocess.run(
        ["promtool", "check", "metrics"],
        input=scraper.text().encode(),
        capture_output=True,
        check=False,
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_the_page_tells_of_everything_that_runs(scraper: Scraper) -> None:
    eventually(lambda: scraper.value("maglev_actor_up") == 6, 30)
    assert scraper.value("maglev_vpp_connected") == 1
    assert scraper.value("maglev_vpp_connected_seconds") > 0
    assert scraper.value("maglev_backend_state", state="up") == BACKENDS
    assert scraper.value("maglev_frontend_pool_backend_effective_weight") == BACKENDS * 100
    eventually(lambda: scraper.value("maglev_vpp_lbsync_total", kind="as_added") == BACKENDS, 30)
    sent = ("lb_add_del_as_v2", "lb_add_del_as_v2_reply")
    assert [scraper.value("maglev_vpp_api_total", msg=msg) for msg in sent] == [BACKENDS, BACKENDS]
    eventually(lambda: scraper.value("maglev_probe_lateness_seconds_count") > 0, 30)
    assert scraper.value("grpc_server_started_total") == 0


def test_probes_are_counted_as_the_web_servers_count_them(scraper: Scraper) -> None:
    system = scraper.system
    served = sum(system.backends.served().values())
    eventually(lambda: scraper.probes() >= served, 30)
    assert scraper.probes() <= sum(system.backends.served().values())
    durations = scraper.value("maglev_probe_duration_seconds_count")
    assert durations <= scraper.probes()


def test_a_failover_is_counted_and_timed(scraper: Scraper) -> None:
    system = scraper.system
    failures = scraper.value("maglev_probe_total", result="fail", code="L4CON")
    failovers = scraper.value("maglev_failover_seconds_count")
    system.backends.be("refuse", system.address["web1"])
    count = "maglev_backend_transitions_total"
    eventually(lambda: scraper.value(count, backend="web1", to="down") >= 1, 60)
    eventually(lambda: scraper.value("maglev_failover_seconds_count") > failovers, 30)
    code = {"result": "fail", "code": "L4CON"}
    eventually(lambda: scraper.value("maglev_probe_total", **code) > failures, 30)
    system.backends.be("ok")
    system.wait_weights()


def test_an_operation_is_a_transition(scraper: Scraper) -> None:
    count = "maglev_backend_transitions_total"
    before = scraper.value(count, backend="web2", to="paused")
    for operation in ("pause", "resume"):
        asked = OperateBackend(backend="web2", operation=operation, who="a", origin="unix")  # type: ignore[arg-type]
        scraper.system.ask("aggregator", asked)
    eventually(lambda: scraper.value(count, backend="web2", to="paused") == before + 1, 30)
    scraper.system.wait_weights()


@pytest.mark.parametrize(
    "killed",
    [
        ["gateway"],
        ["aggregator"],
        ["prober-0", "prober-1"],
        ["aggregator", "prober-1", "gateway"],
    ],
    ids=", ".join,
)
def test_no_counter_falls_when_processes_are_killed(scraper: Scraper, killed: list[str]) -> None:
    scraper.scrape()
    scraper.system.kill(*killed)
    scraper.wait_more()
    assert scraper.fallen == []


def test_no_counter_falls_when_maglevd_is_killed_with_all_its_processes(scraper: Scraper) -> None:
    system = scraper.system
    scraper.scrape()
    (maglevd,) = system.started
    maglevd.send_signal(signal.SIGKILL)
    maglevd.communicate()
    system.started.clear()
    eventually(lambda: system.pids() == [], 20, "all gone with it")
    system.start()
    system.wait_up()
    scraper.wait_more()
    assert scraper.fallen == []
