"""The dashboard and alerts of docs/operator/monitoring: well formed, of metrics that exist."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import fastjsonschema
import httpx
import promql_parser
import pytest
import yaml

from pipeline.run.batch import RunResult
from pipeline.watch.address import Address
from pipeline.watch.metrics import start
from tests.kit.samples import FEED, LATER, OTHER, commit, failed_page, failed_poll, listed, page
from tests.kit.samples import poll as polled

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "operator" / "monitoring"
RULES = Path(__file__).parent / "data" / "alerts-test.yaml"
OF_PROMETHEUS = {"up"}
DATASOURCE = {
    "type": "object",
    "required": ["type", "uid"],
    "properties": {"type": {"const": "prometheus"}, "uid": {"const": "${datasource}"}},
}
TEXT = {"type": "string", "minLength": 1}
COUNT = {"type": "integer", "minimum": 0}
PANEL = {
    "type": "object",
    "required": ["id", "type", "title", "description", "gridPos", "datasource", "targets",
                 "fieldConfig", "options"],
    "properties": {
        "id": {"type": "integer", "minimum": 1},
        "type": {"enum": ["stat", "timeseries", "table"]},
        "title": TEXT,
        "description": TEXT,
        "datasource": DATASOURCE,
        "gridPos": {
            "type": "object",
            "required": ["h", "w", "x", "y"],
            "properties": {"h": {"type": "integer", "minimum": 1},
                           "w": {"type": "integer", "minimum": 1, "maximum": 24},
                           "x": {"type": "integer", "minimum": 0, "maximum": 23}, "y": COUNT},
            "additionalProperties": False,
        },
        "targets": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["refId", "expr", "datasource"],
                "properties": {"refId": {"pattern": "^[A-Z]$"}, "expr": TEXT,
                               "datasource": DATASOURCE},
            },
        },
        "fieldConfig": {
            "type": "object",
            "required": ["defaults", "overrides"],
            "properties": {"defaults": {
                "type": "object",
                "required": ["unit"],
                "properties": {"unit": {"enum": ["short", "s", "percentunit", "decbytes"]},
                               "thresholds": {
                    "type": "object",
                    "required": ["mode", "steps"],
                    "properties": {"steps": {"type": "array", "items": {
                        "type": "object", "required": ["color", "value"]}}},
                }},
            }, "overrides": {"type": "array"}},
        },
    },
}  # fmt: skip
DASHBOARD = {
    "type": "object",
    "required": ["uid", "title", "schemaVersion", "version", "panels", "templating", "time",
                 "timezone", "refresh", "annotations"],
    "properties": {
        "uid": {"type": "string", "maxLength": 40},
        "title": TEXT,
        "schemaVersion": {"type": "integer", "minimum": 36},
        "time": {"type": "object", "required": ["from", "to"]},
        "templating": {"type": "object", "required": ["list"], "properties": {"list": {
            "type": "array", "items": {"type": "object", "required": ["name", "type", "query"]}}}},
        "panels": {"type": "array", "minItems": 1, "items": PANEL},
    },
}  # fmt: skip
DURATION = {"type": "string", "pattern": "^[0-9]+(s|m|h|d)$"}
ALERTS = {
    "type": "object",
    "required": ["groups"],
    "additionalProperties": False,
    "properties": {"groups": {"type": "array", "minItems": 1, "items": {
        "type": "object",
        "required": ["name", "rules"],
        "properties": {"name": TEXT, "rules": {"type": "array", "items": {
            "type": "object",
            "required": ["alert", "expr", "labels", "annotations"],
            "additionalProperties": False,
            "properties": {
                "alert": {"pattern": "^Newsbeam[A-Za-z]+$"}, "expr": TEXT, "for": DURATION,
                "labels": {"type": "object", "required": ["severity"], "properties": {
                    "severity": {"enum": ["critical", "warning"]}}},
                "annotations": {"type": "object", "required": ["summary"]},
            },
        }}},
    }}},
}  # fmt: skip


def dashboard() -> Any:
    return json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((FOLDER / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    return group["rules"]


def of_the_dashboard() -> list[str]:
    """All queries, with what Grafana puts in the place of its variables."""
    found = [target["expr"] for panel in dashboard()["panels"] for target in panel["targets"]]
    return [expr.replace("$__rate_interval", "1m").replace("$instance", ".*") for expr in found]


def queries() -> list[str]:
    return of_the_dashboard() + [rule["expr"] for rule in rules()]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Every metric by the name of its samples, with its labels; of runs that have something of
    each."""
    database = tmp_path_factory.mktemp("exported") / "news.duckdb"
    commit(database, [polled(FEED, 0), polled(OTHER, 0)], expect=(9, 60))
    committed = commit(
        database,
        [polled(FEED, 90, [listed(FEED, 1), listed(FEED, 2)]), failed_poll(OTHER, 90)],
        [page(1), failed_page(2, "pending")], run_id=LATER, expect=(9, 60),
    )  # fmt: skip
    metrics, address = start(Address("127.0.0.1", 0), database)
    try:
        metrics.ran(RunResult(committed, [], False))
        metrics.failed(OSError())
        text = httpx.get(f"http://{address}/metrics").text
    finally:
        metrics.close()
    found: dict[str, set[str]] = {}
    for name, labels in re.findall(r"^([a-z_]+)(?:\{(.*)\})? ", text, re.MULTILINE):
        found.setdefault(name, set()).update(re.findall(r'(\w+)="', labels))
    return found


def selected(expression: Any) -> Iterator[tuple[str, set[str]]]:
    """Metrics that a query reads, and the labels that it asks of them."""
    if isinstance(expression, promql_parser.VectorSelector):
        yield str(expression.name), {one.name for one in expression.matchers.matchers}
    for name in ("expr", "lhs", "rhs", "vector_selector", "param"):
        if (inner := getattr(expression, name, None)) is not None:
            yield from selected(inner)
    for inner in getattr(expression, "args", ()):
        yield from selected(inner)


def test_the_dashboard_is_one_of_grafana() -> None:
    fastjsonschema.validate(DASHBOARD, dashboard())


def test_panels_lie_side_by_side() -> None:
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [panel["gridPos"] for panel in panels]
    for one, other in combinations(places, 2):
        apart = [
            a[at] + a[long] <= b[at]
            for a, b in ((one, other), (other, one))
            for at, long in (("x", "w"), ("y", "h"))
        ]
        assert any(apart), (one, other)
    assert all(place["x"] + place["w"] <= 24 for place in places)


def test_the_alerts_are_rules_of_prometheus() -> None:
    text = (FOLDER / "alerts.yaml").read_text(encoding="utf-8")
    fastjsonschema.validate(ALERTS, yaml.safe_load(text))
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("query", queries())
def test_queries_parse_and_read_what_is_there(query: str, exported: dict[str, set[str]]) -> None:
    found = list(selected(promql_parser.parse(query)))
    assert found
    for name, labels in found:
        assert name in exported or name in OF_PROMETHEUS, name
        assert labels <= exported.get(name, set()) | {"instance", "job"}, (name, labels)


def test_every_metric_is_shown_and_documented(exported: dict[str, set[str]]) -> None:
    shown = {name for query in queries() for name, _ in selected(promql_parser.parse(query))}
    page = (ROOT / "docs" / "operator" / "monitoring.md").read_text(encoding="utf-8")
    for name in exported:
        family = re.sub(r"_(bucket|sum|count)$", "", name) if "seconds_" in name else name
        if family.startswith("newsbeam_"):
            assert any(one.startswith(family) for one in shown), family
            assert f"`{family}`" in page, family


def test_every_alert_is_documented() -> None:
    page = (ROOT / "docs" / "operator" / "monitoring.md").read_text(encoding="utf-8")
    assert [rule["alert"] for rule in rules() if f"| {rule['alert']} |" not in page] == []


@pytest.mark.skipif(not shutil.which("promtool"), reason="no promtool here (package prometheus)")
@pytest.mark.parametrize(("verb", "file"), [("check", FOLDER / "alerts.yaml"), ("test", RULES)])
def test_promtool_agrees(verb: str, file: Path) -> None:
    """That the rules are sound, and that each fires when it should, and only then."""
    result = subprocess.run(["promtool", verb, "rules", file], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
