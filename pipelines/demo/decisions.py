"""Simulates the decisions of the demo world and their outcomes, logged as the service would log them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_contracts.experiments import Experiment
from pipelines.demo.choices import CAUTIOUS, PREMIUM, Choices, Observed, choose
from pipelines.demo.experiments import Assignments, assignments_of
from pipelines.demo.promotions import Welcome, charged_column, prices_of
from pipelines.demo.rankers import Answers, SimulatedRanker, answers_over_time, launch
from pipelines.demo.world import COUNTRIES, INTEGRATIONS, NO_TEMPLATE, TEMPLATES, DailyUsage, Organizations
from recommender.ranking.day_cube import DAY_US, EPOCH, SECOND_US
from recommender.ranking.ranker import FloatArray, IntArray, Mask
from recommender.ranking.situation import PlanTable

ROUNDS: Final = 3
"""The most decisions per organisation: one in the trial, the others while it holds a plan."""
SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Logs:
    """The logs of the simulated decisions; instants are microseconds since 1970."""

    decisions: pd.DataFrame
    outcomes: pd.DataFrame
    subscriptions: pd.DataFrame
    truth: pd.DataFrame


@dataclass(frozen=True, slots=True)
class Round:
    """The d decisions of one round over p plans, as they were shown."""

    names: NDArray[np.str_]
    organization_ids: NDArray[np.str_]
    instants: IntArray
    answers: Answers
    held: IntArray
    """(d,) plan index, -1 during the trial."""
    assignments: Assignments
    charged: Sequence[str | None]
    """(d,) what differs from the list, as JSON; `None`: nothing."""

    @property
    def positions(self) -> IntArray:
        """(d, p) the position of each plan, from 1."""
        return np.argsort(self.answers.order, axis=1, kind="stable") + 1


def simulate_decisions(
    drawn: Organizations, usage: DailyUsage, plans: PlanTable, *, day_zero: IntArray,
    rng: np.random.Generator, experiments: Sequence[Experiment] = (), rankers: Sequence[SimulatedRanker] = (),
    welcome: Welcome | None = None,
) -> Logs:  # fmt: skip
    """Simulate the rounds: each organisation decides, and decides again later if it took a plan.

    Trials are offered the promotion `welcome`; without one every plan is offered at its list price.
    """
    rounds: list[Logs] = []
    normal = np.array([name.startswith("org-") for name in drawn.ids])
    held = np.full(len(drawn), -1)
    day = rng.integers(8, 17, len(drawn))
    decided = 0
    for number in range(ROUNDS):
        there = normal & (day < drawn.life - 1) & ((held >= 0) if number else True)
        rows = np.flatnonzero(there)
        observed = observe(drawn, usage, plans, rows=rows, day=day[rows], held=held[rows])
        # A round may be empty, and an empty array would have the type float.
        names = np.array([f"d-{i:06d}" for i in range(decided + 1, decided + len(rows) + 1)], dtype=np.str_)
        ids = np.array(drawn.ids)[rows]
        launched = launch(observed, plans, rng)
        instants = day_zero[rows] + day[rows] * DAY_US + rng.integers(28_800, 64_800, len(rows)) * SECOND_US
        at = [_datetime(each) for each in instants.tolist()]
        offered = np.zeros(len(rows), dtype=np.bool_) if welcome is None else welcome.is_for(held[rows], at)
        observed = replace(observed, price_cents=prices_of(plans, welcome, offered))
        assignments = assignments_of(experiments, ids.tolist(), at)
        answers = answers_over_time(
            launched,
            names.tolist(),
            ids.tolist(),
            at,
            assignments=assignments,
            observed=observed,
            plans=plans,
            rankers=rankers,
        )
        shown = Round(names, ids, instants, answers, held[rows], assignments, charged_column(welcome, offered))
        choices = choose(observed, plans, shown.positions, rng)
        outcomes, paid = _outcomes(shown, choices, plans, rng)
        subscriptions = _subscriptions(shown, choices, paid, plans, number)
        rounds.append(Logs(_decisions(shown, plans), outcomes, subscriptions, _truth(shown.names, choices, plans)))
        held[rows[paid >= 0]] = choices.chosen[paid >= 0]
        day = day + rng.integers(24, 41, len(drawn))
        decided += len(rows)
    return Logs(*(pd.concat(parts, ignore_index=True) for parts in zip(*map(_parts, rounds), strict=True)))


def _datetime(instant_us: int) -> datetime:
    return EPOCH + timedelta(microseconds=instant_us)


def _parts(logs: Logs) -> tuple[pd.DataFrame, ...]:
    return logs.decisions, logs.outcomes, logs.subscriptions, logs.truth


def observe(
    drawn: Organizations,
    usage: DailyUsage,
    plans: PlanTable,
    *,
    rows: NDArray[np.intp],
    day: IntArray,
    held: IntArray,
) -> Observed:
    """The observable facts of decisions at these `rows` of the organisations, on these days of their histories."""

    def mean(values: IntArray, oldest: int, newest: int) -> FloatArray:
        """Mean per day over the complete days `oldest` … `newest` before the decision's day."""
        days = day[:, None] - np.arange(newest, oldest + 1)[None, :]
        there = days >= 0
        total = (values[rows[:, None], np.maximum(days, 0)] * there).sum(axis=1)
        return np.asarray(total / np.maximum(there.sum(axis=1), 1))

    connected = drawn.connected[rows]
    covered = _covered(plans)
    premium = np.array([name in PREMIUM for name in INTEGRATIONS])
    recent, before = mean(usage.conversations, 7, 1), mean(usage.conversations, 14, 8)
    levels = [usage.documents, usage.assistants, usage.seats]
    return Observed(
        monthly=30 * np.stack([mean(usage.conversations, 14, 1), mean(usage.ai_tokens, 14, 1)], axis=1),
        growth=np.log((recent + 5) / (before + 5)),
        days=day.astype(np.float64),
        levels=np.stack([level[rows, day - 1] for level in levels], axis=1).astype(np.float64),
        template=np.where(drawn.template[rows] == NO_TEMPLATE, len(TEMPLATES), drawn.template[rows]),
        second_template=drawn.second_template[rows],
        cautious=np.isin(drawn.country[rows], [COUNTRIES.index(name) for name in CAUTIOUS]),
        missing=(connected[:, None, :] & ~covered[None]).sum(axis=2).astype(np.float64),
        missing_premium=(connected[:, None, :] & ~covered[None] & premium).sum(axis=2).astype(np.float64),
        current_plan=held,
        price_cents=np.broadcast_to(plans.monthly_price_cents, (len(rows), len(plans.codes))),
    )


def _covered(plans: PlanTable) -> Mask:
    """(plans, INTEGRATIONS) whether the plan includes the integration."""
    columns = [plans.covers[:, plans.integrations.index(name)] for name in INTEGRATIONS]
    return np.stack(columns, axis=1)


def _decisions(shown: Round, plans: PlanTable) -> pd.DataFrame:
    count, answers = len(plans.codes), shown.answers
    positions = shown.positions.ravel()
    weights = np.exp(answers.utility - answers.utility.max(axis=1, keepdims=True))
    return pd.DataFrame(
        {
            "decision_id": np.repeat(shown.names, count),
            "organization_id": np.repeat(shown.organization_ids, count),
            "plan": np.tile(plans.codes, len(shown.names)),
            "interval": plans.interval,
            "catalogue_version": plans.catalogue_version,
            "strategy": pd.Series(np.repeat(answers.strategy, count), dtype="str"),
            "model_version": pd.Series(np.repeat(answers.version, count), dtype="str"),
            "fallback_reason": pd.Series(np.repeat(answers.fallback, count), dtype="str"),
            "experiment": pd.Series(np.repeat(shown.assignments.experiment, count), dtype="str"),
            "arm": pd.Series(np.repeat(shown.assignments.arm, count), dtype="str"),
            "latency_ms": np.nan,
            "guard": pd.Series([None] * len(positions), dtype="str"),
            "charged": pd.Series(np.repeat(np.array(shown.charged, dtype=np.object_), count), dtype="str"),
            "position": positions,
            "shown": positions <= SHOWN,
            "shown_as": pd.Series([None] * len(positions), dtype="str"),
            "recommended": positions == 1,
            "utility": answers.utility.ravel(),
            "probability": (weights / weights.sum(axis=1, keepdims=True)).ravel(),
            "propensity": answers.propensity.ravel(),
            "reasons": "[]",
            "features": pd.Series([None] * len(positions), dtype="str"),
            "occurred_at": np.repeat(shown.instants, count),
            "recorded_at": np.repeat(shown.instants, count),
        }
    )


def _outcomes(
    shown: Round, choices: Choices, plans: PlanTable, rng: np.random.Generator
) -> tuple[pd.DataFrame, IntArray]:
    """The outcomes of a round, and the instant at which each decision was paid (d,), -1 for none."""
    codes = np.array(plans.codes)
    names = shown.names
    position = shown.positions[np.arange(len(names)), choices.chosen]
    silent_share, paid_share = shown.assignments.shares
    silent = rng.random(len(names)) < silent_share
    stays = choices.chosen == shown.held
    takes = ~silent & ~stays
    pays = takes & (rng.random(len(names)) < paid_share)
    back = pays & (rng.random(len(names)) < 0.02)
    viewed = shown.instants + rng.integers(1, 20, len(names)) * SECOND_US
    selected = viewed + rng.integers(20, 600, len(names)) * SECOND_US
    started = selected + rng.integers(5, 60, len(names)) * SECOND_US
    slow = np.where(rng.random(len(names)) < 0.05, rng.integers(1, 4, len(names)) * DAY_US, 0)
    paid = started + rng.integers(30, 300, len(names)) * SECOND_US + slow
    steps = [
        ("viewed", np.ones(len(names), dtype=np.bool_), viewed, False),
        ("dismissed", ~silent & stays, selected, False),
        ("selected", takes, selected, True),
        ("checkout_started", takes, started, True),
        ("paid", pays, paid, True),
        ("changed_back", back, paid + 5 * DAY_US, True),
    ]
    table = pd.concat(
        [
            pd.DataFrame(
                {
                    "event_id": np.char.add(f"o-{kind}-", names[rows]), "decision_id": names[rows], "kind": kind,
                    "plan": codes[choices.chosen[rows]] if named else None,
                    "position": pd.array(position[rows] if named else [None] * int(rows.sum()), dtype="Int64"),
                    "occurred_at": when[rows],
                    "recorded_at": when[rows] + rng.integers(1, 5 * SECOND_US, int(rows.sum())),
                }
            )
            for kind, rows, when, named in steps
        ],
        ignore_index=True,
    )  # fmt: skip
    return table, np.where(pays, paid, -1)


def _subscriptions(shown: Round, choices: Choices, paid: IntArray, plans: PlanTable, number: int) -> pd.DataFrame:
    rows = paid >= 0
    ids = shown.organization_ids[rows]
    return pd.DataFrame(
        {
            "event_id": [f"s-{number}-{name}" for name in ids],
            "organization_id": ids,
            "plan": np.array(plans.codes)[choices.chosen[rows]],
            "interval": plans.interval,
            "status": "active",
            "catalogue_version": plans.catalogue_version,
            "occurred_at": paid[rows],
            "recorded_at": paid[rows] + SECOND_US,
        }
    )


def _truth(names: NDArray[np.str_], choices: Choices, plans: PlanTable) -> pd.DataFrame:
    count = len(plans.codes)
    return pd.DataFrame(
        {
            "decision_id": np.repeat(names, count), "plan": np.tile(plans.codes, len(names)),
            "probability": choices.probability.ravel(), "probability_latent": choices.probability_latent.ravel(),
            "future_bill_cents": choices.future_bill_cents.ravel(),
            "chosen": (choices.chosen[:, None] == np.arange(count)).ravel(),
        }
    )  # fmt: skip
