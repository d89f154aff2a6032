"""The page of the ranker's health: what the log estimates, what moved, and what must not be shown."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from data_contracts.languages import LOCALES, Locale
from data_contracts.policy_estimates import PolicyEstimate
from pipelines.dashboards.content import PageView, Section
from pipelines.dashboards.numbers import number
from pipelines.dashboards.pages import page
from pipelines.dashboards.ranker_health import feature_name
from pipelines.metrics.drift import drifted
from pipelines.metrics.metric_tables import MetricTables
from pipelines.metrics.words import say, words
from recommender.ranking.features import FEATURES
from tests.pipelines.metrics.twenty import MONDAY, twenty

NOW = MONDAY + timedelta(days=30)


def section(tables: MetricTables, key: str, locale: Locale = "en") -> Section:
    heading = say(locale, key)
    shown = page("ranker_health", tables, locale=locale, now=NOW).sections
    return next(each for each in shown if each.heading == heading)


def estimate(policy: str, *, reliable: bool, value: float | None = 0.4567) -> PolicyEstimate:
    return PolicyEstimate.model_validate(
        {
            "policy": policy, "version": f"{policy}-1", "decisions": 1_000, "effective_sample_size": 321.4,
            "overlap": 0.98, "logged": 0.3, "estimate": value, "lower": 0.4, "upper": 0.5, "reliable": reliable,
            "reasons": () if reliable else ("few",),
        }
    )  # fmt: skip


@pytest.mark.parametrize("locale", LOCALES)
def test_an_estimate_that_may_not_be_relied_on_is_named_and_not_shown(locale: Locale) -> None:
    policies = (estimate("champion", reliable=True), estimate("challenger", reliable=False, value=0.8888))
    found = section(replace(twenty(), policies=policies), "policies.heading", locale)

    assert say(locale, "policies.challenger") in found.note
    assert say(locale, "policies.champion") not in found.note
    assert found.table is not None
    assert say(locale, "policies.unreliable") in found.table.iloc[1].tolist()
    assert found.chart is not None
    drawn = found.chart.to_json(ensure_ascii=False)
    assert say(locale, "policies.effective", n="321") in drawn
    assert number(0.4, "share", locale=locale, currency="") in drawn
    assert "0.8888" not in drawn
    assert "88" not in " ".join(found.table.iloc[1].tolist())


@pytest.mark.parametrize("locale", LOCALES)
def test_the_page_says_that_rankers_are_judged_as_they_would_be_served(locale: Locale) -> None:
    one = estimate("challenger", reliable=True)
    served = one.model_copy(update={"exploring": True})

    assert (
        say(locale, "policies.exploring")
        in section(replace(twenty(), policies=(one, served)), "policies.heading", locale).reading
    )
    assert (
        say(locale, "policies.exploring")
        not in section(replace(twenty(), policies=(one,)), "policies.heading", locale).reading
    )


@pytest.mark.parametrize(("effective", "shown"), [(300, True), (299.9, False)])
def test_an_estimate_on_a_small_effective_sample_is_not_shown(effective: float, shown: bool) -> None:
    one = estimate("champion", reliable=True).model_copy(update={"effective_sample_size": effective})
    found = section(replace(twenty(), policies=(one,)), "policies.heading")

    assert (found.chart is not None) is shown
    assert (found.note == "") is shown


def test_without_an_evaluation_the_page_says_how_to_get_one() -> None:
    assert "models evaluate --off-policy" in section(twenty(), "policies.heading").note


def test_what_moved_is_named_first() -> None:
    rng = np.random.default_rng(1)
    now = np.arange(2_000) % 4 == 0
    moved = drifted(
        {"utility": rng.normal(0, 1, 2_000) + now, "trial_age": rng.normal(0, 1, 2_000)}, {}, now=now,
        organization=np.array([f"o{i}" for i in range(2_000)], dtype=object),
    )  # fmt: skip
    found = section(replace(twenty(), drift=moved), "drift.heading")

    assert found.note == "Changed: Utility of the recommended plan."
    assert found.table is not None
    assert found.table.iloc[:, 0].tolist() == ["Utility of the recommended plan", "Time since the trial began"]


@pytest.mark.parametrize("locale", LOCALES)
def test_every_feature_has_a_name_that_people_use(locale: Locale) -> None:
    assert {f"feature.{name}" for name in FEATURES} == {key for key in words(locale) if key.startswith("feature.")}


def test_a_feature_that_nobody_named_goes_by_its_own_name() -> None:
    assert feature_name(PageView(twenty(), "de"), "phase_of_the_moon") == "phase_of_the_moon"
    assert feature_name(PageView(twenty(), "de"), "trial_age") == "Zeit seit Beginn der Testphase"


def test_more_than_one_fallback_in_a_hundred_is_said() -> None:
    calm = twenty()
    calm = replace(calm, decisions=calm.decisions.assign(fallback="none"))

    assert "fallback" in section(twenty(), "health.heading").note
    assert section(calm, "health.heading").note == ""


def test_versions_are_counted_hour_by_hour() -> None:
    frame = twenty().decisions
    at = pd.Timestamp(MONDAY + timedelta(days=20))
    recent = frame.head(4).assign(started_at=[at, at, at + pd.Timedelta(minutes=59), at + pd.Timedelta(hours=1)])
    recent = recent.assign(model_version=["m-1", "m-2", "m-2", "m-2"])
    heading = say("en", "versions.heading", hours=48)
    shown = page("ranker_health", replace(twenty(), decisions=recent), locale="en", now=NOW).sections
    table = next(each.table for each in shown if each.heading == heading)

    assert table is not None
    assert table.to_numpy().tolist() == [["Mar 22 00:00", 2, 1], ["Mar 22 01:00", 1, 0]]
