# SPDX-License-Identifier: Apache-2.0
"""Alerts and dashboard: they parse, they fire when they should, and speak of metrics there are."""

import itertools
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from maglev.gateway.metrics.page import page
from tests.gateway.seen import seen

CONF = Path(__file__).parents[2] / "conf"
RULES = CONF / "prometheus" / "maglev.rules.yml"
RULES_TEST = CONF / "prometheus" / "maglev.rules.test.yml"
DASHBOARD = json.loads((CONF / "grafana" / "maglev.json").read_text(encoding="utf-8"))

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool (package prometheus)"
)
ALWAYS = {"job", "instance"}  # labels that the scrape adds
VARIABLES = {"$__rate_interval": "5m", "$instance": ".*", "$frontend": ".*"}


def promtool(*arguments: str | Path) -> str:
    """Return what promtool says; it must be content."""
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


def alerts() -> dict[str, dict[str, Any]]:
    [group] = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return {rule["alert"]: rule for rule in group["rules"]}


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = DASHBOARD["panels"]
    return found


def queries() -> Iterator[tuple[str, str]]:
    """Yield (where, expression) of all that is asked of Prometheus."""
    for name, rule in alerts().items():
        yield name, rule["expr"]
    for panel in panels():
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]
    for note in DASHBOARD["annotations"]["list"]:
        yield note["name"], note["expr"]


def labels_by_metric() -> dict[str, set[str]]:
    """Return the labels of each row's name on a page with one of everything."""
    found: dict[str, set[str]] = {"up": set()}
    for metric in text_string_to_metric_families("".join(page(seen()))):
        for sample in metric.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def test_everything_asked_for_is_on_the_page_with_these_labels() -> None:
    known = labels_by_metric()
    for where, expression in queries():
        named = re.findall(r"\b((?:maglev|grpc|up)[a-z_]*)\b(?:\{([^}]*)\})?", expression)
        assert named, where
        for metric, selectors in named:
            if metric.startswith("grpc_") and metric in ("grpc_method", "grpc_code"):
                continue
            assert metric in known, f"{where}: {metric}"
            asked = set(re.findall(r"(\w+)\s*[=!]~?", selectors or ""))
            assert asked <= known[metric] | ALWAYS, f"{where}: {metric}{{{selectors}}}"


def test_alerts_speak_only_of_labels_that_they_have() -> None:
    known = labels_by_metric()
    for name, rule in alerts().items():
        metric = re.search(r"maglev_[a-z_]+|^up\b", rule["expr"])
        assert metric, name
        words = " ".join(rule["annotations"].values())
        assert set(re.findall(r"\$labels\.(\w+)", words)) <= known[metric[0]] | ALWAYS, name


def test_every_alert_has_a_severity_and_words() -> None:
    for name, rule in alerts().items():
        assert rule["labels"]["severity"] in ("warning", "critical"), name
        assert set(rule["annotations"]) == {"summary", "description"}, name


def test_every_alert_is_seen_to_fire_and_most_not_to() -> None:
    tests = yaml.safe_load(RULES_TEST.read_text(encoding="utf-8"))["tests"]
    cases = [case for test in tests for case in test["alert_rule_test"]]
    fired = {case["alertname"] for case in cases if case.get("exp_alerts")}
    assert fired == alerts().keys()


@needs_promtool
def test_promtool_understands_the_alerts() -> None:
    assert f"{len(alerts())} rules found" in promtool("check", "rules", RULES)


@needs_promtool
def test_the_alerts_fire_when_they_should() -> None:
    assert "SUCCESS" in promtool("test", "rules", RULES_TEST)


@needs_promtool
def test_promtool_understands_the_dashboard(tmp_path: Path) -> None:
    rules = []
    for number, (_, expression) in enumerate(queries()):
        for variable, value in VARIABLES.items():
            expression = expression.replace(variable, value)
        rules.append({"record": f"x:{number}", "expr": expression})
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "x", "rules": rules}]}), encoding="utf-8")
    assert f"{len(rules)} rules found" in promtool("check", "rules", path)


def test_no_panel_lies_over_another_or_has_its_number() -> None:
    numbers = [panel["id"] for panel in panels()]
    assert len(set(numbers)) == len(numbers)
    for one, other in itertools.combinations([panel["gridPos"] for panel in panels()], 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above, f"{one} {other}"
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels())
