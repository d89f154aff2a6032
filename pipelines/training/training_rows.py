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
from recommender.ranking.ranker import FloatArray, IntArray, Mask
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

    def asked(self, places: IntArray) -> tuple[pa.Array, IntArray]:
        """Organisation and instant of the decisions at these places of the log."""
        organization = self.decisions.organization[places]
        return self.facts.organization_ids.take(pa.array(organization)), self.log.decided_at_us[places]


@dataclass(frozen=True, slots=True)
class KnownDecisions:
    """n decisions with all that was known at each; nothing that happened afterwards changes it."""

    decision: IntArray
    """(r,) the place of each row's decision among the n."""
    candidate: IntArray
    """(r,) the row of `DecisionLog.candidates`."""
    features: FloatArray
    """(r, `FEATURE_NAMES`)"""
    situations: pa.Table
    """(n,) see `situation_columns`."""
    compared: Comparison
    candidates_differ: Mask
    """(n,) whether the logged candidates are not the plans that are eligible by today's rules."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of the training set's rows, in final order, and the situations that they were computed from."""

    table: pa.Table
    situations: pa.Table
    """One `SituationRow` per decision, in the same order."""
    logged_features: int
    """The number of candidates with logged features."""
    logged_differ: int
    """Of these, the number of those that differ from the features computed now."""
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
    organization_ids, decided_at_us = sources.asked(usable)
    about = {"organization_ids": organization_ids, "decided_at_us": decided_at_us}
    part = np.arange(len(usable)) // size
    with engine.reading("usage_events"):
        cells = StoredCells(engine, sources.usage_events, **about, part=part)
        later = later_usage(sources.usage_events, **about, data_end_us=sources.data_end_us)
    with engine.reading("decisions"):
        logged = StoredFeatures(engine, sources.logged, ids=sources.log.ids.take(pa.array(usable)), part=part)
    for number, start in enumerate(range(0, len(usable), size)):
        here = slice(start, start + size)
        known = known_decisions(sources, usable[here], cells=cells.part(number), logged=logged.part(number))
        yield chunk_of(sources, usable[here], known, later=LaterUsage(later.units[here], later.days[here]))


def known_decisions(
    sources: TrainingSources, places: IntArray, *, cells: UsageCells, logged: pa.Table
) -> KnownDecisions:
    """The facts known at the decisions at these ascending places of the log, with usage and logged features."""
    log = sources.log
    moments = Moments(sources.decisions.organization[places], log.decided_at_us[places])
    parts, situation_parts = [], []
    differ = np.zeros(len(places), dtype=np.bool_)
    for number in np.unique(log.market[places]):
        market = sources.markets[number]
        if market is None:
            raise ValueError("only decisions whose plans are known become rows")
        members = np.flatnonzero(log.market[places] == number)
        of_market = Moments(moments.organization[members], moments.decided_at_us[members])
        rows = log.candidate_rows(places[members], market.plans.codes)
        differ[members] = _differing(sources.facts, market, of_market, rows)
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
    order = np.argsort(decision, kind="stable")
    decision, candidate, features = decision[order], candidate[order], features[order]
    columns = pa.concat_tables([table for _, table in situation_parts])
    restored = np.argsort(np.concatenate([members for members, _ in situation_parts]), kind="stable")
    compared = compare_logged_features(
        logged,
        recomputed=features,
        names=FEATURE_NAMES,
        ids=log.ids.take(pa.array(places)),
        decision_of_row=decision,
        codes=pa.array(log.plan_codes).take(pa.array(log.candidates.plan[candidate])),
    )
    return KnownDecisions(decision, candidate, features, columns.take(pa.array(restored)), compared, differ)


def chunk_of(sources: TrainingSources, places: IntArray, known: KnownDecisions, *, later: LaterUsage) -> Chunk:
    """The rows of the decisions at these ascending places of the log, with their labels and the usage after them."""
    return Chunk(
        table=_table(sources, places[known.decision], known.candidate, known.features),
        situations=situation_rows(sources.log, places, known.situations, firsts=sources.firsts, later=later),
        logged_features=int(known.compared.logged.sum()),
        logged_differ=int(known.compared.differ.sum()),
        candidates_differ=int(known.candidates_differ.sum()),
    )


def _cells_of(cells: UsageCells, members: IntArray, decisions: int) -> UsageCells:
    """The usage cells of some of the decisions, renumbered from 0."""
    renumbered = np.full(decisions, -1, dtype=np.int64)
    renumbered[members] = np.arange(len(members))
    decision = renumbered[cells.decision]
    mine = decision >= 0
    return UsageCells(decision[mine], cells.day[mine], cells.metric[mine], cells.value[mine])


def _differing(facts: KnownFacts, market: Market, moments: Moments, rows: IntArray) -> Mask:
    allowed = eligible_plans(
        moments, facts=facts, catalogue=market.catalogue, interval=market.interval, codes=market.plans.codes
    )
    return np.asarray((allowed != (rows >= 0)).any(axis=1), dtype=np.bool_)


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
