"""Reasons replayed from their records: every fault that a record can have is found, and nothing else is called one."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from data_contracts.catalogue import reference_texts
from models.__main__ import app
from models.data.dataset import TrainingSetRefused
from models.data.situations import Batch, load_situations, spread
from models.judging.audited_facts import reason_checker
from models.judging.reason_audit import AuditedDecision, Case, audit_explanations, audit_log, cases_of, explained, find
from models.judging.reason_checks import CHECKS, is_true
from recommender.billing.catalogue import Catalogue
from recommender.billing.catalogue_build import load_catalogue
from recommender.ranking.derived import Facts
from recommender.ranking.plan_table import plan_table
from recommender.ranking.precedence import PRECEDENCE
from recommender.ranking.ranker import FloatArray, IntArray
from recommender.ranking.reason_facts import facts_for
from recommender.ranking.rules import RuleRanker
from serving.words.locales import LOCALES, LocaleCode
from serving.words.texts import messages
from tests.models.world import built
from tests.recommender.ranking.builders import make_situations

ORGANIZATIONS = 70
RULES = RuleRanker()


@dataclass(frozen=True)
class Tastes:
    """A ranker with a price for every fact, so that all of them come to be shown."""

    name: str = "model"
    version: str = "tastes"
    feature_names: tuple[str, ...] = (
        "template_fit",
        "missing_integrations",
        "is_current_plan",
        "headroom_conversations",
        "headroom_documents",
        "projected_bill",
    )
    weights: tuple[float, ...] = (2.0, -0.6, 0.8, 0.4, 0.5, -1.0)

    def contributions(self, features: FloatArray, group_sizes: IntArray, wanted: IntArray | None = None) -> FloatArray:
        shares = np.asarray(features * np.array(self.weights))
        return shares if wanted is None else shares[wanted]

    def utilities(self, features: FloatArray, group_sizes: IntArray) -> FloatArray:
        return np.asarray(self.contributions(features, group_sizes).sum(axis=1))


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue(*reference_texts())


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("world"), organizations=ORGANIZATIONS)


@pytest.fixture(scope="module")
def batches(world: Path, catalogue: Catalogue) -> tuple[Batch, ...]:
    return load_situations(world / "set", [catalogue])


@pytest.fixture(scope="module")
def shown(batches: tuple[Batch, ...]) -> tuple[Case, str, dict[str, Any]]:
    """A decision whose first plan is shown because usage needs it."""
    for case in cases_of(batches):
        explanation = explained(case, RULES)
        for record in explanation.records():
            if record["code"] == "usage_needs" and record["checks"]["by"] == "ranker":
                return case, explanation.plan, record
    raise AssertionError("nobody needs a larger plan")


@pytest.mark.parametrize("ranker", [RULES, Tastes()], ids=["rules", "tastes"])
def test_every_reason_that_is_shown_holds(batches: tuple[Batch, ...], ranker: RuleRanker | Tastes) -> None:
    audit = audit_explanations(spread(batches, 50), ranker)

    assert audit.faults == []
    assert audit.true == audit.attributed == audit.necessary == audit.reproduced == audit.reasons > audit.decisions / 2
    assert audit.decisions == 50


def test_every_reason_holds_where_trials_were_offered_a_promotion(tmp_path: Path, catalogue: Catalogue) -> None:
    batches = load_situations(built(tmp_path, organizations=30, with_promotion=True) / "set", [catalogue])
    welcomed = [batch for batch in batches if batch.charged]

    audit = audit_explanations(welcomed, Tastes())

    assert {price["now_cents"] for batch in welcomed for price in batch.charged.values()} == {16_150}
    assert audit.faults == []
    assert audit.reasons > audit.decisions / 2 > 5


def test_every_kind_of_fact_is_looked_at_by_other_ways_and_has_its_words(batches: tuple[Batch, ...]) -> None:
    stated = {
        fact.code
        for case in cases_of(spread(batches, 25))
        for plan in np.flatnonzero(case.situations.eligible[0])
        for rival in np.flatnonzero(case.situations.eligible[0])
        if plan != rival
        for fact in facts_for(Facts(case.situations, case.plans), plan=int(plan), rival=int(rival))
    }

    assert stated <= set(CHECKS)
    assert set(CHECKS) - stated <= {"limit_reached_soon", "bill_passed_soon", "enough", "smaller_blocked"}
    for locale in LOCALES:
        spoken = {key.split(".")[1] for key in messages(locale) if key.startswith("reason.")}
        assert spoken == {code for code, _ in PRECEDENCE} == set(CHECKS)


@pytest.mark.parametrize(
    ("weeks", "plan", "code"),
    [
        ((1_800, 1_200, 1_000, 800), "ecommerce-scale", "limit_reached_soon"),
        ((3_200, 2_400, 1_800, 1_300), "ecommerce-scale", "bill_passed_soon"),
    ],
)
def test_what_is_said_of_growth_is_told_again_from_the_weeks(
    catalogue: Catalogue, weeks: tuple[int, ...], plan: str, code: str
) -> None:
    plans = plan_table(catalogue, "month")
    situations = make_situations(plans, templates=("ecommerce",))
    situations.totals[0, 1:, 0] = np.repeat(weeks, 7)
    places = {"plan": plans.codes.index(plan), "rival": plans.codes.index("ecommerce-basic")}
    checker = reason_checker(situations, catalogue=catalogue, plans=plans)

    params = next(fact.params for fact in facts_for(Facts(situations, plans), **places) if fact.code == code)

    assert is_true(checker, code=code, params=params, plan=plan, rival="ecommerce-basic")
    for name in set(params) - {"metric", "plan"}:
        other = {**params, name: int(params[name]) + 2}
        assert not is_true(checker, code=code, params=other, plan=plan, rival="ecommerce-basic"), name


def test_situations_of_another_catalogue_are_refused_by_name(world: Path, catalogue: Catalogue) -> None:
    with pytest.raises(TrainingSetRefused, match=f"catalogue later, all are about {catalogue.version}"):
        load_situations(world / "set", [replace(catalogue, version="later")])


@pytest.mark.parametrize("locale", LOCALES)
def test_every_template_integration_and_metric_of_the_reference_catalogue_has_a_name(
    batches: tuple[Batch, ...], locale: LocaleCode
) -> None:
    plans, texts = batches[0].plans, messages(locale)

    wanted = [f"template.{code}.name" for code in plans.templates]
    wanted += [f"context.template.{code}" for code in plans.templates]
    wanted += [f"integration.{code}.name" for code in plans.integrations]
    wanted += [f"metric.{code}.name" for code in ("conversations", "ai_tokens", "documents", "assistants", "seats")]
    wanted += [f"context.{code}" for code in ("template", "integration", "unknown", "neutral", "nothing")]

    assert [key for key in wanted if key not in texts] == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"params": {"used": 1}}, "true"),
        ({"params": {"limit": 7}}, "true"),
        ({"code": "growth"}, "true"),
        ({"code": "no_such_reason"}, "true"),
        ({"checks": {"rival": "no-such-plan"}}, "true"),
        ({"checks": {"margin": 9.0}}, "reproduced"),
        ({"checks": {"margin_without": -9.0}}, "reproduced"),
        ({"checks": {"attribution": 9.0}}, "reproduced"),
    ],
)
def test_a_record_that_was_altered_is_found_out(
    shown: tuple[Case, str, dict[str, Any]], change: Mapping[str, Any], fault: str
) -> None:
    case, plan, record = shown
    altered = {
        name: {**record[name], **change[name]} if isinstance(change.get(name), dict) else change.get(name, record[name])
        for name in record
    }

    assert find(record, AuditedDecision(case, RULES), plan=plan).sound
    assert not getattr(find(altered, AuditedDecision(case, RULES), plan=plan), fault)


def test_a_true_fact_that_the_ranker_does_not_look_at_is_neither_attributed_nor_missed(
    shown: tuple[Case, str, dict[str, Any]],
) -> None:
    case, plan, record = shown

    found = find(record, AuditedDecision(case, Tastes(feature_names=("tier",), weights=(1.0,))), plan=plan)

    assert (found.true, found.attributed, found.necessary) == (True, False, False)


def test_a_statement_is_checked_against_the_catalogue_and_not_against_the_plan_table(
    shown: tuple[Case, str, dict[str, Any]],
) -> None:
    """The plan table has a fault, and the reason repeats it: the catalogue knows better."""
    case, plan, record = shown
    rival = record["checks"]["rival"]
    metric = record["params"]["metric"]
    limits = tuple(
        replace(limit, value=limit.value + 1) if limit.metric == metric else limit
        for limit in case.catalogue.plan(rival).limits
    )
    plans = tuple(
        replace(each, limits=limits) if each.code == rival else each for each in case.catalogue.plans
    )  # fmt: skip
    other = replace(case, catalogue=replace(case.catalogue, plans=plans))

    assert not find(record, AuditedDecision(other, RULES), plan=plan).true


def test_decisions_of_a_ranker_that_is_gone_are_counted_and_not_judged(batches: tuple[Batch, ...]) -> None:
    audit = audit_log(batches, lambda _logged: None)

    assert audit.decisions == 0
    assert sum(audit.skipped.values()) == sum(map(len, batches))


def test_some_decisions_are_spread_over_all(batches: tuple[Batch, ...]) -> None:
    some = spread(batches, 10)

    assert sum(map(len, some)) == 10
    assert some[0].logged[0] == batches[0].logged[0]
    assert some[-1].logged[-1] == batches[-1].logged[-1]


def test_situations_of_another_run_are_refused(world: Path, catalogue: Catalogue, tmp_path: Path) -> None:
    for name in ("training_set.json", "situations.parquet"):
        (tmp_path / name).write_bytes((world / "set" / name).read_bytes())
    (tmp_path / "situations.parquet").write_bytes(b"PAR1")

    with pytest.raises(TrainingSetRefused, match="not the file that its training set was written with"):
        load_situations(tmp_path, [catalogue])


def test_the_command_prints_the_shares_and_fails_on_none(world: Path, tmp_path: Path) -> None:
    folders = ["--training-set", str(world / "set"), "--registry", str(tmp_path / "none")]

    result = CliRunner().invoke(app, ["audit-reasons", *folders, "--decisions", "20"])

    assert result.exit_code == 0, result.output
    for line in ("100 % true", "100 % attributed", "100 % counterfactually necessary", "have a specific reason"):
        assert line in result.output
