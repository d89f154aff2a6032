"""Builds the rows of the training set in chunks of decisions: situations, features, labels and logged columns."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from data_contracts.intervals import MONTHS_OF
from data_contracts.training_set import OUTCOMES
from pipelines.history.checked_tables import data_end_us
from pipelines.history.daily_usage import StoredCells
from pipelines.history.decision_log import DecisionLog, read_decision_log
from pipelines.history.engine import Engine
from pipelines.history.known_facts import KnownFacts, Moments, eligible_plans, read_known_facts, situations_of
from pipelines.training.aftermath import read_ends
from pipelines.training.logged_features import Comparison, StoredFeatures, compare_logged_features
from pipelines.training.situation_rows import read_firsts, situation_columns, situation_rows
from pipelines.training.usable_decisions import UsableDecisions, read_outcomes, usable_decisions
from pipelines.training.usage_after import LaterUsage, later_usage
from recommender.billing.catalogue import Catalogue, Interval
from recommender.ranking.charged_plans import as_charged
from recommender.ranking.day_cube import UsageCells
from recommender.ranking.features import FEATURES, feature_cube, feature_rows
from recommender.ranking.plan_table import plan_table
from recommender.ranking.ranker import FloatArray, IntArray
from recommender.ranking.situation import PlanTable

if TYPE_CHECKING:
    import ibis.expr.types as ir

FEATURE_NAMES: Final = tuple(FEATURES)
INTERVALS: Final[tuple[Interval, ...]] = tuple(MONTHS_OF)


@dataclass(frozen=True, slots=True)
class Market:
    """The plans on sale: one catalogue version at one interval, as some organisations are charged."""

    catalogue: Catalogue
    interval: Interval
    plans: PlanTable


@dataclass(frozen=True, slots=True)
class TrainingSources:
    """Everything that rows are built from, read once from the checked tables, but for usage and logged features."""

    logged: "ir.Table"
    """The table `decisions`, of which only the logged features are still to be read."""
    log: DecisionLog
    facts: KnownFacts
    usage_events: "ir.Table"
    markets: Sequence[Market | None]
    """In the order of `log.markets`; `None` where the catalogue is not given or sells nothing at the interval."""
    decisions: UsableDecisions
    data_end_us: int
    """The latest instant of the data, in microseconds since 1970."""
    firsts: pa.Table
    """One row per decision of `log`: its first plan, and the reasons logged with it."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of the training set's rows, in final order, and the situations that they were computed from."""

    table: pa.Table
    situations: pa.Table
    """One `SituationRow` per decision, in the same order."""
    logged_features: Comparison
    candidates_differ: int
    """The number of decisions whose logged candidates are not the plans that are eligible by today's rules."""


def open_sources(engine: Engine, checked: Path, catalogues: Sequence[Catalogue]) -> TrainingSources:
    """Read the checked tables and determine which decisions are usable; raises `TableUnreadable`."""
    log, facts = read_decision_log(checked), read_known_facts(checked)
    usage_events = engine.checked(checked, "usage_events")
    outcomes, data_end = read_outcomes(checked, log), data_end_us(checked)
    on_sale: dict[tuple[str, str], Market] = {
        (catalogue.version, interval): Market(catalogue, interval, plans)
        for catalogue in catalogues
        for interval in INTERVALS
        if len((plans := plan_table(catalogue, interval)).codes)
    }
    markets = [_market(on_sale.get((version, interval)), charged) for version, interval, charged in log.markets]
    decisions = usable_decisions(
        log,
        facts=facts,
        outcomes=outcomes,
        ends=read_ends(checked, log, facts),
        plan_tables=[market.plans if market else None for market in markets],
        data_end_us=data_end,
    )
    return TrainingSources(
        logged=engine.checked(checked, "decisions"),
        log=log,
        facts=facts,
        usage_events=usage_events,
        markets=markets,
        decisions=decisions,
        data_end_us=data_end,
        firsts=read_firsts(checked, log),
    )


def _market(listed: Market | None, charged: str) -> Market | None:
    if listed is None or not charged:
        return listed
    return replace(listed, plans=as_charged(listed.plans, json.loads(charged)))


def build_chunks(engine: Engine, sources: TrainingSources, *, size: int) -> Iterator[Chunk]:
    """Build the rows of all usable decisions, `size` decisions at a time; events are read once, before the first."""
    usable = sources.decisions.usable
    organization, decided_at_us = sources.decisions.organization[usable], sources.log.decided_at_us[usable]
    organization_ids = sources.facts.organization_ids.take(pa.array(organization))
    about = {"organization_ids": organization_ids, "decided_at_us": decided_at_us}
    with engine.reading("usage_events"):
        cells = StoredCells(engine, sources.usage_events, **about, size=size)
        later = later_usage(sources.usage_events, **about, data_end_us=sources.data_end_us)
    with engine.reading("decisions"):
        logged = StoredFeatures(engine, sources.logged, ids=sources.log.ids.take(pa.array(usable)), size=size)
    for number, start in enumerate(range(0, len(usable), size)):
        part = slice(start, start + size)
        yield _chunk(
            sources,
            usable[part],
            cells=cells.part(number),
            later=LaterUsage(later.units[part], later.days[part]),
            logged=logged.part(number),
        )


def _chunk(
    sources: TrainingSources, places: IntArray, *, cells: UsageCells, later: LaterUsage, logged: pa.Table
) -> Chunk:
    """The rows of the decisions at these ascending places of the log, with their usage and their logged features."""
    log = sources.log
    moments = Moments(sources.decisions.organization[places], log.decided_at_us[places])
    parts, situation_parts = [], []
    candidates_differ = 0
    for number in np.unique(log.market[places]):
        market = sources.markets[number]
        if market is None:
            raise ValueError("only usable decisions become rows")
        members = np.flatnonzero(log.market[places] == number)
        of_market = Moments(moments.organization[members], moments.decided_at_us[members])
        rows = log.candidate_rows(places[members], market.plans.codes)
        candidates_differ += _differing(sources.facts, market, of_market, rows)
        situations = situations_of(
            of_market,
            facts=sources.facts,
            cells=_cells_of(cells, members, len(places)),
            plans=market.plans,
            candidates=rows >= 0,
        )
        features, sizes = feature_rows(feature_cube(situations, market.plans), situations.eligible)
        parts.append((np.repeat(members, sizes), rows[rows >= 0], features))
        situation_parts.append((members, situation_columns(situations, market.plans)))
    # The parts are per market; a stable sort restores the order of decisions and keeps the order of their plans.
    decision, candidate, features = (np.concatenate(part) for part in zip(*parts, strict=True))
    if len(parts) > 1:
        order = np.argsort(decision, kind="stable")
        decision, candidate, features = decision[order], candidate[order], features[order]
    table = _table(sources, places[decision], candidate, features)
    compared = compare_logged_features(
        logged, recomputed=features, names=FEATURE_NAMES, ids=table["decision_id"], codes=table["plan"]
    )
    return Chunk(
        table=table,
        situations=situation_rows(log, places, situation_parts, firsts=sources.firsts, later=later),
        logged_features=compared,
        candidates_differ=candidates_differ,
    )


def _cells_of(cells: UsageCells, members: IntArray, decisions: int) -> UsageCells:
    """The usage cells of some of the decisions, renumbered from 0."""
    renumbered = np.full(decisions, -1, dtype=np.int64)
    renumbered[members] = np.arange(len(members))
    decision = renumbered[cells.decision]
    mine = decision >= 0
    return UsageCells(decision[mine], cells.day[mine], cells.metric[mine], cells.value[mine])


def _differing(facts: KnownFacts, market: Market, moments: Moments, rows: IntArray) -> int:
    allowed = eligible_plans(
        moments, facts=facts, catalogue=market.catalogue, interval=market.interval, codes=market.plans.codes
    )
    return int((allowed != (rows >= 0)).any(axis=1).sum())


def _table(sources: TrainingSources, decision: IntArray, candidate: IntArray, features: FloatArray) -> pa.Table:
    """The columns of `TrainingRow`, then one per feature; `decision` and `candidate` (r,) are places in the log."""
    log, candidates, became = sources.log, sources.log.candidates, sources.decisions.aftermath
    chosen = sources.decisions.chosen[decision] == candidates.plan[candidate]
    about = {name: column.take(pa.array(decision)) for name, column in log.about.items()}
    columns = {
        "decision_id": log.ids.take(pa.array(decision)),
        "organization_id": about["organization_id"],
        "decided_at": pa.array(log.decided_at_us[decision]).cast(pa.timestamp("us", "UTC")),
        "interval": about["interval"],
        "catalogue_version": about["catalogue_version"],
        "plan": pa.array(log.plan_codes).take(pa.array(candidates.plan[candidate])),
        "position": candidates.position[candidate],
        "shown": candidates.shown[candidate],
        "recommended": candidates.recommended[candidate],
        "propensity": candidates.propensity[candidate],
        "strategy": about["strategy"],
        "outcome": pa.array(OUTCOMES).take(pa.array(became.outcome[decision])),
        "kept_days": became.kept_days[decision],
        "chosen": chosen,
    }
    return pa.table(columns | {name: np.ascontiguousarray(features[:, i]) for i, name in enumerate(FEATURE_NAMES)})
