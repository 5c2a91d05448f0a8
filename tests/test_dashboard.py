"""The dashboard shows every measure there is, by the name that Prometheus gives it, and no other.

Names: the OpenTelemetry specification, "Prometheus and OpenMetrics compatibility", as the
collector's prometheus exporter does it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from libs.chassis import measures as chassis
from libs.events.measures import MEASURES, Measure

DASHBOARD = Path(__file__).resolve().parents[1] / "infra" / "otel" / "dashboard.json"
UNITS = {"s": "_seconds", "By": "_bytes"}
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("_total",), "gauge": ("",)}
ABSENT: dict[str, str] = {}
"""Measures that the dashboard leaves out on purpose, each with its reason."""
_SERIES = re.compile(r"\b(?:suyuan|http|db)_[a-z_]+\b")
_LABELS = re.compile(r"by \([^)]*\)|\{[^}]*\}")


def series(measure: Measure) -> set[str]:
    """What Prometheus calls it: one series, or three of a histogram."""
    stem = re.sub(r"[^a-z0-9_]", "_", measure.name) + UNITS.get(measure.unit, "")
    return {stem + suffix for suffix in SUFFIXES[measure.kind]}


def expressions(dashboard: Any) -> list[str]:
    return [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]


def shown(dashboard: Any) -> set[str]:
    """Every series that a panel asks for."""
    return {
        name for text in expressions(dashboard) for name in _SERIES.findall(_LABELS.sub("", text))
    }


def strange(dashboard: Any) -> set[str]:
    """Series that no measure gives."""
    return shown(dashboard) - {name for measure in MEASURES.values() for name in series(measure)}


def missing(dashboard: Any) -> set[str]:
    """Measures that no panel shows."""
    return {
        measure.name
        for measure in MEASURES.values()
        if not series(measure) & shown(dashboard) and measure.name not in ABSENT
    }


@pytest.fixture
def dashboard() -> Any:
    return json.loads(DASHBOARD.read_text("utf-8"))


def test_every_series_of_the_dashboard_is_a_measure(dashboard: Any) -> None:
    assert strange(dashboard) == set()


def test_every_measure_is_shown_or_left_out_with_a_reason(dashboard: Any) -> None:
    assert chassis.HTTP_DURATION is not None  # its measures are registered by the import
    assert missing(dashboard) == set()
    assert set(ABSENT) <= set(MEASURES)


def test_a_planted_panel_and_a_missing_one_are_found(dashboard: Any) -> None:
    dashboard["panels"][1]["targets"].append({"expr": "sum(suyuan_cursor_lagg)"})
    assert strange(dashboard) == {"suyuan_cursor_lagg"}
    for panel in dashboard["panels"]:
        if "suyuan_log_head" in json.dumps(panel):
            panel["targets"] = []
    assert missing(dashboard) == {"suyuan.log.head"}


def test_names_are_those_of_prometheus() -> None:
    assert series(Measure("suyuan.cursor.age", "gauge", "s", "")) == {"suyuan_cursor_age_seconds"}
    assert series(Measure("suyuan.log.head", "gauge", "{event}", "")) == {"suyuan_log_head"}
    assert series(Measure("a.b", "counter", "{x}", "")) == {"a_b_total"}
    assert series(Measure("a.b", "histogram", "By", "")) == {
        *("a_b_bytes_bucket", "a_b_bytes_sum", "a_b_bytes_count")
    }


def test_every_panel_says_where_it_stands_and_none_lies_on_another(dashboard: Any) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24, panel["title"]
        taken |= cells
