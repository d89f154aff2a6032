"""What is shipped for operators names only what exists: commands, settings, metrics, sections of the runbook."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from pipelines.metrics.prometheus import RankerHealth
from serving.__main__ import app as commands
from serving.settings import SellerSettings, Settings
from serving.web.telemetry import Metrics
from tests.deploy.programs import MISSING, program

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
OPERATIONS = (ROOT / "docs/pages/operations.md").read_text("utf-8")
SHIPPED = sorted(path for path in DEPLOY.rglob("*") if path.is_file() and path.suffix not in {".md", ".json"})
SHIPPED += [ROOT / "compose.yaml", ROOT / "Dockerfile", ROOT / "docs/pages/operations.md", ROOT / "SECURITY.md"]
KUBERNETES = "1.34"
OURS = {"PLANS_DATABASE_PASSWORD"}
"""Set in compose.yaml for PostgreSQL, and no setting of the service."""


def settings() -> set[str]:
    """Every variable that the service reads."""
    return {f"PLANS_{name.upper()}" for name in Settings.model_fields} | {
        f"PLANS_SELLER_{name.upper()}" for name in SellerSettings.model_fields
    }


def series() -> set[str]:
    """Every series that `/metrics` and the file of the ranker's health may show, without its labels."""
    return {
        name
        for registry in (Metrics().registry, RankerHealth().registry)
        for metric in registry.collect()
        for kind in [metric.type]
        for name in {
            "counter": [f"{metric.name}_total"],
            "histogram": [f"{metric.name}_bucket", f"{metric.name}_count", f"{metric.name}_sum"],
        }.get(kind, [metric.name])
    }


def rules() -> list[dict[str, Any]]:
    """All recording and alerting rules."""
    groups = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def expressions() -> Iterator[str]:
    """Every PromQL expression of alerts and dashboard."""
    yield from (rule["expr"] for rule in rules())
    for panel in json.loads((DEPLOY / "grafana/plans.json").read_text())["panels"]:
        yield from (target["expr"] for target in panel["targets"])


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_every_setting_that_is_named_exists(path: Path) -> None:
    named = set(re.findall(r"PLANS_[A-Z_]*[A-Z]", path.read_text("utf-8")))
    assert named <= settings() | OURS


def test_every_metric_of_alerts_and_dashboard_exists() -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    for expression in expressions():
        named = set(re.findall(r"\bplans[a-z_:0-9]+", expression))
        assert named <= series() | recorded, expression


def test_every_alert_is_tried_and_leads_to_a_section_of_the_runbook() -> None:
    tried = "".join(path.read_text() for path in (DEPLOY / "prometheus").glob("*_test.yml"))
    sections = {
        re.sub(r"[^a-z0-9 ]", "", line.lower()).replace(" ", "-")
        for line in re.findall(r"^#+ (.*)", OPERATIONS, re.MULTILINE)
    }
    for rule in rules():
        if "alert" not in rule:
            continue
        assert f"alertname: {rule['alert']}" in tried
        page, section = rule["annotations"]["runbook"].split("#")
        assert (page, section in sections) == ("operations.md", True), rule["alert"]


@pytest.mark.slow
@pytest.mark.skipif(program("promtool") is None, reason=MISSING)
def test_promtool_sees_each_alert_fire_and_stay_silent() -> None:
    tool = [str(program("promtool")), "test", "rules", "alerts_test.yml", "ranker_alerts_test.yml"]
    told = subprocess.run(tool, cwd=DEPLOY / "prometheus", capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr


def test_the_manifests_are_what_kubernetes_accepts() -> None:
    manifests = list(yaml.safe_load_all((DEPLOY / "kubernetes/plans.yaml").read_text()))
    assert len(manifests) == 6
    for manifest in manifests:
        kubernetes_validate.validate(manifest, KUBERNETES, strict=True)


def test_every_command_that_is_shipped_exists() -> None:
    known = {
        command.name or (command.callback.__name__ if command.callback else "")
        for command in commands.registered_commands
    }
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    manifests = yaml.safe_load_all((DEPLOY / "kubernetes/plans.yaml").read_text())
    named = {service["command"] for service in compose.values() if service.get("image") == "plans"}
    for manifest in manifests:
        for container in manifest["spec"].get("template", {}).get("spec", {}).get("containers", []):
            named |= set(container.get("args", []))
    for unit in (DEPLOY / "systemd").iterdir():
        named |= set(re.findall(r"-m serving ([a-z-]+)", unit.read_text()))
    named |= set(re.findall(r"python -m serving ([a-z-]+)", OPERATIONS))
    assert named >= {"run", "migrate"}
    assert named <= known
