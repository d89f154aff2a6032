"""Stage and guardrails of an experiment on its page: what the service handed over, and what to do where it did not."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from data_contracts.experiments import ExperimentStatus, ExperimentStatuses, GuardrailCount
from data_contracts.languages import LOCALES, Locale
from pipelines.dashboards.content import Section
from pipelines.dashboards.pages import page
from pipelines.metrics.store import load, store
from pipelines.metrics.words import say
from tests.pipelines.metrics.twenty import MONDAY, twenty

NOW = MONDAY + timedelta(days=30)


def counted(*, red: bool) -> GuardrailCount:
    return GuardrailCount(
        guardrail="payment_failures", arm="new", harmed=31, organizations=1_200, control_harmed=4,
        control_organizations=1_190, p_value=0.0004 if red else 0.5, red=red,
    )  # fmt: skip


def handed(*, stopped: bool) -> ExperimentStatuses:
    status = ExperimentStatus(
        experiment="autumn",
        phase="stopped" if stopped else "running",
        stage_percent=25,
        stopped_at=NOW if stopped else None,
        reason="guardrail payment_failures, arm new" if stopped else None,
        hindrances=("not_running", "guardrail") if stopped else ("arm_without_organizations",),
        guardrails=(counted(red=stopped),),
    )
    return ExperimentStatuses(as_of=NOW, statuses=(status,))


def shown(statuses: ExperimentStatuses | None, locale: Locale = "en") -> Section:
    heading = say(locale, "status.heading", name="autumn")
    tables = replace(twenty(), statuses=statuses)
    return next(
        each for each in page("experiments", tables, locale=locale, now=NOW).sections if each.heading == heading
    )


def test_a_stopped_experiment_says_when_and_why_and_which_guardrail_is_red() -> None:
    found = shown(handed(stopped=True))

    assert [figure.text for figure in found.figures] == ["Stopped", "25.0%"]
    assert found.note == "Stopped on 4/1/26, 12:00\u202fAM UTC: guardrail payment_failures, arm new."
    assert found.table is not None
    assert found.table.iloc[0].tolist() == ["Failed payments", "new", "31 of 1,200", "4 of 1,190", "0.0004", "red"]


def test_a_running_experiment_says_what_keeps_it_from_growing() -> None:
    found = shown(handed(stopped=False))

    assert found.note == "Cannot be extended: a variant has no organisations yet."
    assert found.table is not None
    assert found.table.iloc[0, -1] == "green"


@pytest.mark.parametrize("locale", LOCALES)
def test_what_nobody_handed_over_is_not_made_up(locale: Locale) -> None:
    others = ExperimentStatuses(as_of=NOW, statuses=())

    for statuses in (None, others):
        found = shown(statuses, locale)
        assert (found.figures, found.table) == ((), None)
        assert "serving experiments show --out" in found.note


def test_what_was_handed_over_is_kept_with_the_facts(tmp_path: Path) -> None:
    store(replace(twenty(), statuses=handed(stopped=True)), tmp_path)

    assert load(tmp_path).statuses == handed(stopped=True)
