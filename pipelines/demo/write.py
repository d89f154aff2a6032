"""Writes the raw tables of the demo world and the truth about it.

`<out>/<table>.parquet` are the raw tables; `<out>/truth/choices.parquet` has, per decision and plan, the choice
probability that the best possible ranker would predict; `<out>/truth/faults.parquet` lists the rows broken on purpose
and their faults; `<out>/truth/experiments.yml` declares the experiments that ran, if any.
The same seed, size and end give the same bytes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_contracts.atomic_files import atomic_files
from data_contracts.catalogue import reference_texts
from data_contracts.experiments import Experiment
from pipelines.demo import billing, decisions, faults, features, leaving, showcase, traffic
from pipelines.demo.experiments import as_yaml, demo_experiments
from pipelines.demo.promotions import welcome_of
from pipelines.demo.rankers import SimulatedRanker, simulated_rankers
from pipelines.demo.world import (
    COUNTRIES,
    INTEGRATIONS,
    LOCALES,
    NO_TEMPLATE,
    TEMPLATES,
    TIMEZONES,
    DailyUsage,
    Organizations,
    draw_organizations,
    draw_usage,
)  # fmt: skip
from recommender.billing.catalogue import Catalogue
from recommender.billing.catalogue_build import load_catalogue
from recommender.ranking.day_cube import DAY_US, SECOND_US, microseconds
from recommender.ranking.plan_table import plan_table
from recommender.ranking.ranker import IntArray, Mask

LATE_SHARE = 0.02
EXPERIMENTS = "truth/experiments.yml"
Tables = dict[str, pd.DataFrame]


@dataclass(frozen=True, slots=True)
class Timeline:
    """The time of each organisation's history, in microseconds since 1970."""

    day_zero: IntArray
    """(n,) the midnight before the trial began."""
    trial_started: IntArray
    end: int
    """The end of the data."""


def write_demo_data(
    *,
    out: Path,
    organizations: int = 3000,
    seed: int = 7,
    until: datetime | None = None,
    broken_share: float = 0.002,
    with_experiments: bool = False,
    with_promotion: bool = False,
    progress: Callable[[str], None] = print,
) -> dict[str, int]:
    """Write the raw tables and their truth below the folder `out`; the same arguments give the same bytes.

    `until` (aware): the data end at its midnight in UTC; by default the midnight before now. `broken_share`: the share
    of rows broken on purpose. With experiments, simulated rankers answer in the last weeks, beside a share that the
    launch rules keep, and features are logged; otherwise the launch rules answer everything. With the promotion trials
    are offered plans at the welcome price while it lasts; `ValueError` together with experiments, whose features are
    logged at list prices. `progress` is called with a sentence at each step.

    Returns the number of rows of each table.
    """
    if with_promotion and with_experiments:
        raise ValueError("a demo world has experiments or a promotion")
    end = (until or datetime.now(UTC)).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    running = demo_experiments(end) if with_experiments else ()
    simulated = simulated_rankers(end) if with_experiments else ()
    tables, truth = make_demo_data(
        organizations=organizations, seed=seed, until=end, broken_share=broken_share, experiments=running,
        rankers=simulated, with_promotion=with_promotion, progress=progress,
    )  # fmt: skip
    files = tables | {f"truth/{name}": table for name, table in truth.items()}
    with atomic_files(out, [*(f"{name}.parquet" for name in files), EXPERIMENTS]) as paths:
        for name, table in files.items():
            table.to_parquet(paths[f"{name}.parquet"], index=False)
            progress(f"{name}: {len(table):,} rows")
        paths[EXPERIMENTS].write_text(as_yaml(running), encoding="utf-8")
    return {name: len(table) for name, table in tables.items()}


def make_demo_data(
    *,
    organizations: int,
    seed: int,
    until: datetime,
    broken_share: float,
    progress: Callable[[str], None],
    experiments: Sequence[Experiment] = (),
    rankers: Sequence[SimulatedRanker] = (),
    with_promotion: bool = False,
) -> tuple[Tables, Tables]:
    """Make the raw tables and the truth as frames; `until` is a UTC midnight.

    Raises `ValueError` without organisations.
    """
    if organizations < 1:
        raise ValueError("at least one organisation is needed")
    rng = np.random.default_rng(seed)
    catalogue = load_catalogue(*reference_texts())
    plans = plan_table(catalogue, "month")
    last_day = until - timedelta(days=1)
    progress(f"drawing {organizations:,} organisations and their daily usage")
    drawn = showcase.with_showcases(draw_organizations(number=organizations, rng=rng))
    usage = showcase.without_idle_usage(drawn, draw_usage(drawn, last_weekday=last_day.weekday(), rng=rng))
    day_zero = microseconds(until) - drawn.life * DAY_US
    trial_started = day_zero + rng.integers(0, 36_000, len(drawn)) * SECOND_US
    timeline = Timeline(day_zero, trial_started, microseconds(until))

    progress("letting them choose among the plans")
    logs = decisions.simulate_decisions(
        drawn, usage, plans, day_zero=day_zero, rng=rng, experiments=experiments, rankers=rankers,
        welcome=welcome_of(catalogue, plans) if with_promotion else None,
    )  # fmt: skip
    progress("writing down what they were billed and used")
    own = np.random.default_rng([seed, 1])
    billed = billing.charges(
        drawn, usage, day_zero=day_zero,
        changes=billing.changes_of(drawn, logs.outcomes, logs.decisions, held_since=trial_started + 7 * DAY_US),
        catalogue=catalogue, end=until, rng=own,
    )  # fmt: skip
    left, unbilled = leaving.cancellations(billed, end_us=timeline.end, rng=np.random.default_rng([seed, 4]))
    billed = billed[~unbilled]
    tables: Tables = {
        "organizations": _organizations(drawn, trial_started),
        "template_installs": _installs(drawn, trial_started, rng),
        "integrations": _connections(drawn, trial_started, rng),
        "usage_events": _usage_events(drawn, usage, timeline, rng),
        "subscriptions": _one_of_each(logs.subscriptions, _held(drawn, trial_started, catalogue)),
        "decisions": traffic.with_latencies(logs.decisions, rng=np.random.default_rng([seed, 2])),
        "outcomes": traffic.add_page_events(logs.outcomes, rng=own),
        "charges": billed,
        "refunds": billing.refunds(billed, rng=np.random.default_rng([seed, 3])),
        "cancellations": left,
    }
    # Rows recorded after the end of the data are not part of it.
    tables = {name: _instants(table[table["recorded_at"] < timeline.end]) for name, table in tables.items()}
    if rankers:
        tables["decisions"] = features.with_logged_features(tables, plans, since=rankers[0].starts_at)
    tables, broken = faults.break_rows(tables, share=broken_share, rng=rng)
    return tables, {"choices": logs.truth, "faults": broken}


def _instants(table: pd.DataFrame) -> pd.DataFrame:
    """The table with UTC timestamps in place of microseconds, in the order of recording."""
    columns = [str(name) for name in table if str(name).endswith("_at")]
    typed = table.assign(**{name: pd.to_datetime(table[name], unit="us", utc=True) for name in columns})
    return typed.sort_values("recorded_at", kind="stable", ignore_index=True)


def _organizations(drawn: Organizations, trial_started: IntArray) -> pd.DataFrame:
    countries = [COUNTRIES[i] for i in drawn.country]
    return pd.DataFrame(
        {
            "organization_id": drawn.ids,
            "country": countries,
            "locale": [LOCALES[country] for country in countries],
            "timezone": [TIMEZONES[country] for country in countries],
            "trial_started_at": trial_started,
            "recorded_at": trial_started,
        }
    )


def _installs(drawn: Organizations, trial_started: IntArray, rng: np.random.Generator) -> pd.DataFrame:
    organization = np.tile(np.arange(len(drawn)), 2)
    template = np.concatenate([drawn.template, drawn.second_template])
    rows = np.flatnonzero(template != NO_TEMPLATE)
    occurred = trial_started[organization[rows]] + rng.integers(60, 7200, len(rows)) * SECOND_US
    return _log(
        drawn, organization[rows], occurred, "t", template=[TEMPLATES[i] for i in template[rows]], change="installed"
    )


def _connections(drawn: Organizations, trial_started: IntArray, rng: np.random.Generator) -> pd.DataFrame:
    organization, integration = np.nonzero(drawn.connected)
    occurred = trial_started[organization] + rng.integers(300, 5 * 86_400, len(organization)) * SECOND_US
    within = np.minimum(occurred, trial_started[organization] + (drawn.life[organization] - 1) * DAY_US // 2 + 1)
    names = [INTEGRATIONS[i] for i in integration]
    return _log(drawn, organization, within, "i", integration=names, change="connected")


def _log(
    drawn: Organizations, organization: NDArray[np.intp], occurred: IntArray, prefix: str, **columns: object
) -> pd.DataFrame:
    table = pd.DataFrame({"organization_id": np.array(drawn.ids)[organization], **columns})
    table.insert(0, "event_id", [f"{prefix}-{i:07d}" for i in range(1, len(table) + 1)])
    return table.assign(occurred_at=occurred, recorded_at=occurred + 2 * SECOND_US)


def _held(drawn: Organizations, trial_started: IntArray, catalogue: Catalogue) -> pd.DataFrame:
    """Subscriptions of the showcase organisations, which hold a plan without a logged decision."""
    held = [(i, plan) for i, name in enumerate(drawn.ids) if (plan := showcase.HELD.get(name))]
    organization = np.array([i for i, _ in held], dtype=np.intp)
    paid = trial_started[organization] + 7 * DAY_US
    return _log(
        drawn, organization, paid, "held", plan=[plan for _, plan in held], interval="month", status="active",
        catalogue_version=catalogue.version,
    )  # fmt: skip


def _one_of_each(*subscriptions: pd.DataFrame) -> pd.DataFrame:
    """The subscriptions as one table: no plan here is sold by number, so none says how many are held."""
    table = pd.concat(subscriptions, ignore_index=True)
    return table.assign(quantity=pd.Series(pd.NA, index=table.index, dtype="Int64"))


def _usage_events(
    drawn: Organizations, usage: DailyUsage, timeline: Timeline, rng: np.random.Generator
) -> pd.DataFrame:
    """The usage events: counts as one event per day (tokens two, by action), levels at the start and at changes."""
    embedding = rng.binomial(usage.ai_tokens, 0.12)
    streams = [
        ("conversations", "chatbot", usage.conversations, _counted(usage.conversations)),
        ("ai_tokens", "chatbot", usage.ai_tokens - embedding, _counted(usage.ai_tokens - embedding)),
        ("ai_tokens", "embedding", embedding, _counted(embedding)),
        ("documents", None, usage.documents, _changed(usage.documents)),
        ("assistants", None, usage.assistants, _changed(usage.assistants)),
        ("seats", None, usage.seats, _changed(usage.seats)),
    ]
    table = pd.concat(
        [
            _stream(drawn, values, reported, timeline, rng).assign(metric=metric, action=action)
            for metric, action, values, reported in streams
        ],
        ignore_index=True,
    )
    return table.assign(event_id=[f"u-{i:08d}" for i in range(1, len(table) + 1)])


def _counted(values: IntArray) -> Mask:
    """Which days have a count above 0, (n, days)."""
    return values > 0


def _changed(values: IntArray) -> Mask:
    """Which days report a level (n, days): the first day and each change, but for a level of 0."""
    moved = np.ones(values.shape, dtype=np.bool_)
    moved[:, 1:] = values[:, 1:] != values[:, :-1]
    return moved & (values > 0)


def _stream(
    drawn: Organizations,
    values: IntArray,
    reported: Mask,
    timeline: Timeline,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """One event per organisation and reported day, at a random time of that day."""
    alive = np.arange(values.shape[1])[None, :] < drawn.life[:, None]
    organization, day = np.nonzero(reported & alive)
    midnight = timeline.day_zero[organization] + day * DAY_US
    start = np.maximum(midnight, timeline.trial_started[organization])
    occurred = start + np.floor(rng.random(len(start)) * (midnight + DAY_US - start)).astype(np.int64)
    delay = np.where(
        rng.random(len(start)) < LATE_SHARE, rng.exponential(30 * 3600, len(start)), rng.exponential(20, len(start))
    )
    recorded = occurred + 1 + np.rint(np.minimum(delay, 72 * 3600) * SECOND_US).astype(np.int64)
    return pd.DataFrame(
        {
            "organization_id": np.array(drawn.ids)[organization],
            "quantity": values[organization, day].astype(np.float64),
            "occurred_at": occurred, "recorded_at": recorded,
        }
    )  # fmt: skip
