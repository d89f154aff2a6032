"""The demo world's simulated rankers: exact propensities, a share of the rules, and a lead that is known."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from data_contracts.catalogue import reference_texts
from pipelines import demo_traffic
from pipelines.demo_choices import POSITION_PULL
from pipelines.demo_data import Tables, make_demo_data
from pipelines.demo_decisions import PAID_SHARE
from pipelines.demo_experiments import SILENT_SHARE, demo_experiments
from pipelines.demo_rankers import LAUNCH_VERSION, RULES_SHARE, simulated_rankers
from pipelines.metrics.declared import METRICS
from pipelines.metrics.facts import read_facts
from pipelines.metrics.intervals import CONFIDENCE, Estimate
from recommender.billing.catalogue_build import load_catalogue

END = datetime(2026, 6, 1, tzinfo=UTC)
ERA = END - timedelta(weeks=8)
WORLDS = int(os.environ.get("WORLDS", "8"))


def world(seed: int, *, organizations: int = 700) -> tuple[Tables, Tables]:
    return make_demo_data(
        organizations=organizations, seed=seed, until=END, broken_share=0, progress=lambda _said: None,
        experiments=demo_experiments(END), rankers=simulated_rankers(END),
    )  # fmt: skip


@pytest.fixture(scope="module")
def lively() -> tuple[Tables, Tables]:
    return world(7)


@pytest.fixture(scope="module")
def firsts(lively: tuple[Tables, Tables]) -> pd.DataFrame:
    """One row per decision, of the plan that was shown first."""
    decisions = lively[0]["decisions"]
    return decisions[decisions["recommended"]]


def test_every_slice_of_the_last_weeks_has_more_than_one_value(firsts: pd.DataFrame) -> None:
    late = firsts[firsts["occurred_at"] >= ERA]

    assert set(late["model_version"]) == {LAUNCH_VERSION, "simulated-1", "simulated-2"}
    assert set(late["fallback_reason"].dropna()) == {"rules_share", "champion_slow"}
    assert set(firsts.loc[firsts["occurred_at"] < ERA, "fallback_reason"]) == {"no_champion"}


def test_a_share_of_those_in_no_experiment_keeps_the_rules_for_good(firsts: pd.DataFrame) -> None:
    late = firsts[firsts["occurred_at"] >= ERA]
    ruled = late[late["fallback_reason"] == "rules_share"]
    outside = late[late["experiment"].isna()]

    assert ruled["experiment"].isna().all()
    assert set(ruled["organization_id"]).isdisjoint(late.loc[late["strategy"] == "model", "organization_id"])
    assert ruled["organization_id"].nunique() / outside["organization_id"].nunique() == pytest.approx(
        RULES_SHARE, abs=0.06
    )


@pytest.mark.parametrize("version", ["simulated-1", "simulated-2", LAUNCH_VERSION])
def test_a_plan_comes_first_as_often_as_its_propensity_says(lively: tuple[Tables, Tables], version: str) -> None:
    """Σ(z − p) over plans of like propensity stays within four standard deviations."""
    rows = lively[0]["decisions"]
    rows = rows[rows["model_version"] == version]
    propensity = rows["propensity"].to_numpy()
    surprise = (rows["position"] == 1).to_numpy() - propensity

    assert np.allclose(rows.groupby("decision_id")["propensity"].sum(), 1)
    for low, high in ((0, 0.05), (0.05, 0.2), (0.2, 0.5), (0.5, 1.01)):
        here = (propensity >= low) & (propensity < high)
        assert abs(surprise[here].sum()) < 4 * np.sqrt((propensity * (1 - propensity))[here].sum()) + 1e-9


def expected_acceptance(tables: Tables, truth: Tables) -> pd.Series:
    """Decision → how probable it was that its first plan, whichever it would be, is accepted: the world's own odds."""
    rows = tables["decisions"].merge(
        truth["choices"][["decision_id", "plan", "probability_latent"]], on=["decision_id", "plan"]
    )
    rows = rows.sort_values(["decision_id", "plan"])
    held = pd.merge_asof(
        rows[rows["recommended"]].sort_values("occurred_at")[["decision_id", "organization_id", "occurred_at"]],
        tables["subscriptions"].rename(columns={"plan": "held", "occurred_at": "since"}).sort_values("recorded_at")[
            ["organization_id", "held", "recorded_at"]
        ],
        left_on="occurred_at", right_on="recorded_at", by="organization_id",
    ).set_index("decision_id")["held"]  # fmt: skip
    count = rows["plan"].nunique()
    latent, utility, propensity = (
        rows[name].to_numpy(dtype=np.float64).reshape(-1, count)
        for name in ("probability_latent", "utility", "propensity")
    )
    decisions, plans = rows["decision_id"].to_numpy()[::count], rows["plan"].to_numpy()[:count]
    holds = held.loc[decisions].to_numpy()[:, None] == plans
    bought = (1 - SILENT_SHARE) * (PAID_SHARE + (1 - PAID_SHARE) / 2)
    accepted = np.zeros(len(decisions))
    for first in range(count):
        led = utility.copy()
        led[:, first] = np.inf
        place = np.argsort(np.argsort(-led, axis=1, kind="stable"), axis=1)
        odds = latent * np.exp(np.append(POSITION_PULL, np.zeros(count))[place])
        taken = odds[:, first] / odds.sum(axis=1)
        # Silence that has looked at the plan it holds counts as keeping it.
        kept = (1 - SILENT_SHARE) * taken + SILENT_SHARE * (1 - demo_traffic.UNSEEN_SHARE)
        accepted += propensity[:, first] * np.where(holds[:, first], kept, bought * taken)
    return pd.Series(accepted, index=decisions)


def known_and_shown(seed: int, folder: Path, *, organizations: int) -> tuple[float, Estimate]:
    """The lead of the model over the rules as the world made it, and as the dashboard finds it."""
    tables, truth = world(seed, organizations=organizations)
    folder.mkdir()
    for name, table in tables.items():
        table.to_parquet(folder / f"{name}.parquet", index=False)
    facts = read_facts(folder, catalogues=[load_catalogue(*reference_texts())])

    expected = expected_acceptance(tables, truth)
    rows = tables["decisions"]
    counted = rows[
        rows["recommended"] & rows["experiment"].isna() & rows["occurred_at"].between(ERA, END - timedelta(days=14))
    ]
    ruled = counted["fallback_reason"] == "rules_share"
    model = expected.loc[counted.loc[counted["strategy"] == "model", "decision_id"]].mean()
    return model - expected.loc[counted.loc[ruled, "decision_id"]].mean(), METRICS["lift_over_rules"](facts)


def test_the_lead_over_the_rules_covers_what_the_world_made_it(tmp_path: Path) -> None:
    known, shown = known_and_shown(7, tmp_path / "world", organizations=1_500)

    assert shown.low is not None
    assert shown.high is not None
    assert shown.low <= known <= shown.high
    assert known > 0.05


@pytest.mark.slow
def test_the_lead_is_covered_in_most_worlds(tmp_path: Path) -> None:
    """WORLDS=50 asks more of them; so few as are called too few happen to a true 95 % interval once in a thousand."""
    found = [known_and_shown(seed, tmp_path / str(seed), organizations=500) for seed in range(WORLDS)]

    covered = sum((shown.low or 0) <= known <= (shown.high or 0) for known, shown in found)
    assert covered >= binom.ppf(0.001, WORLDS, CONFIDENCE)
