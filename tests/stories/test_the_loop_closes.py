"""Recommendations become impressions, choices become outcomes, and both become the next training set."""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from data_contracts.catalogue import reference_texts
from models.data.dataset import load_training_set
from models.data.situations import load_situations
from models.judging.reason_audit import audit_log
from models.registry.bundle import load_champion
from models.training.train import train
from pipelines.checking.validate import validate
from pipelines.export import export_tables
from pipelines.training.training_set import build_training_set
from recommender.billing.catalogue_build import load_catalogue
from recommender.ranking.rules import RuleRanker
from tests.serving.harness import NOW, Service, running, usage

TEMPLATES = ("ecommerce", "support", "lead_generation", "internal_knowledge")
INTEGRATIONS = ("shopify", "zendesk", "hubspot", "slack")
ORGANIZATIONS = 80
DAYS = 10


@pytest.fixture(scope="module")
def service(bundles: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("service"), model=bundles, load=load_champion) as service:
        yield service


@pytest.fixture(scope="module")
def answers(service: Service) -> list[dict[str, Any]]:
    """Each organisation signs up, uses the product for ten days, opens the modal and selects a plan."""
    found = []
    for number in range(ORGANIZATIONS):
        name = f"org-{number}"
        service.put(name, templates=[TEMPLATES[number % 4]], integrations=[INTEGRATIONS[number % 4]])
        events = [
            usage(f"{name}-{metric}-{day}", organization_id=name, metric=metric, quantity=quantity)
            | {"occurred_at": (NOW - timedelta(days=day, hours=1)).isoformat()}
            for day in range(DAYS)
            for metric, quantity in (("conversations", 40 * (number + 1)), ("ai_tokens", 30_000 * (number + 1)))
        ]
        assert service.send(*events).json()["accepted"] == 2 * DAYS
        answer = service.recommended(name)
        chosen = answer["plans"][number % 3 if number % 5 == 0 else 0]["plan"]
        for kind in ("viewed", "selected"):
            said = service.client.post(
                "/v1/outcomes",
                json={
                    "decision_id": answer["decision_id"], "kind": kind, "plan": chosen if kind == "selected" else None,
                    "event_id": f"{name}-{kind}", "occurred_at": NOW.isoformat(),
                },
                headers=service.host,
            )  # fmt: skip
            assert said.status_code < 300, said.text
        found.append(answer)
    # Two weeks on, the time to choose is over; an event of that day says how far the data reaches.
    later = NOW + timedelta(days=15)
    service.clock.move_to(later)
    service.send(usage("the-last", organization_id="org-0", occurred_at=later.isoformat()))
    return found


@pytest.fixture(scope="module")
def exported(service: Service, answers: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("exported")
    rows = export_tables(database=str(service.settings.database_url), out=out, progress=lambda _step: None)
    assert rows["decisions"] == 12 * ORGANIZATIONS
    return out


def test_the_trained_ranker_answers_and_says_so(answers: list[dict[str, Any]]) -> None:
    told = Counter((answer["strategy"], answer["fallback_reason"]) for answer in answers)
    assert told.keys() == {("model", None)}
    assert answers[0]["plans"][0]["recommended"]
    assert [plan["position"] for plan in answers[0]["plans"]] == [1, 2, 3]


def test_what_the_service_logged_is_recomputed_to_the_last_bit(exported: Path, tmp_path: Path) -> None:
    about = build_training_set(checked=exported, out=tmp_path, catalogues=[load_catalogue(*reference_texts())])

    assert about["decisions"] == ORGANIZATIONS
    assert about["features_logged"] == 12 * ORGANIZATIONS
    assert about["features_recomputed_differ"] == 0
    assert about["candidates_recomputed_differ"] == 0


def test_every_reason_that_was_shown_can_be_replayed_from_the_log(
    exported: Path, answers: list[dict[str, Any]], bundles: Path, tmp_path: Path
) -> None:
    catalogue = load_catalogue(*reference_texts())
    build_training_set(checked=exported, out=tmp_path, catalogues=[catalogue])
    ranker = load_champion(bundles)

    audit = audit_log(
        load_situations(tmp_path, [catalogue]), lambda logged: ranker if logged.strategy == "model" else RuleRanker()
    )

    assert audit.faults == []
    assert audit.decisions == ORGANIZATIONS
    assert audit.specific == sum(answer["context"]["code"] != "neutral" for answer in answers) > ORGANIZATIONS / 2
    on_cards = sum(len(plan["reasons"]) for answer in answers for plan in answer["plans"])
    assert on_cards <= audit.reasons <= on_cards + audit.specific


def test_a_ranker_is_trained_on_what_the_service_recorded(exported: Path, tmp_path: Path) -> None:
    build_training_set(checked=exported, out=tmp_path, catalogues=[load_catalogue(*reference_texts())])

    trained = train(load_training_set(tmp_path), seed=7, num_threads=1, progress=lambda _step: None)

    assert len(trained.learned_from) + len(trained.holdout) == ORGANIZATIONS
    assert trained.metrics["model"].hit_at_1 > 0.5


def test_the_exported_tables_keep_every_contract(exported: Path, tmp_path: Path) -> None:
    validation = validate(exported, tmp_path / "checked", now=NOW + timedelta(days=16))

    assert {name: table.rows_set_aside for name, table in validation.tables.items() if table.rows_set_aside} == {}
    assert json.loads((tmp_path / "checked" / "validation.json").read_text())
