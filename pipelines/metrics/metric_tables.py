"""The tables that every dashboard number is computed from, read from a checked folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data_contracts.experiments import Experiment, ExperimentStatuses
from data_contracts.policy_estimates import PolicyEstimate
from pipelines.history.checked_tables import data_end_us, microseconds_of, places_in, ranks, read_table
from pipelines.history.engine import DUCKDB, open_engine
from pipelines.history.known_facts import KnownFacts, read_known_facts
from pipelines.metrics import drift
from pipelines.metrics import journeys as timeline
from pipelines.metrics.avoidable_cost import UsageAsked, avoidable_cents, usage_from_events
from pipelines.metrics.charges import (
    CANCELLATION_COLUMNS,
    REFUND_COLUMNS,
    cancellations_frame,
    charges_frame,
    refunds_frame,
)
from pipelines.metrics.decisions import (
    DECISION_COLUMNS,
    PARTICIPANT_COLUMNS,
    decisions_frame,
    participants_frame,
    unknown_arm_decisions,
)
from pipelines.metrics.prices import PriceList, held_numbers
from pipelines.metrics.templates import NONE, first_template
from recommender.billing.catalogue import Catalogue
from recommender.ranking.day_cube import DAY_US, EPOCH
from recommender.ranking.ranker import Mask

_HEADER = (
    "decision_id", "organization_id", "interval", "catalogue_version", "strategy", "model_version", "fallback_reason",
    "experiment", "occurred_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class MetricTables:
    """Everything that the numbers of a dashboard page are computed from."""

    journeys: pd.DataFrame
    """One row per journey; see `journeys_frame`."""
    charges: pd.DataFrame
    """One row per charge; see `charges_frame`."""
    data_end: datetime
    """The latest instant at which anything was recorded."""
    currency: str = "EUR"
    """The currency of every amount: the one that the catalogues are priced in."""
    refunds: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=list(REFUND_COLUMNS)))
    """One row per refund; see `refunds_frame`."""
    cancellations: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=list(CANCELLATION_COLUMNS)))
    """One row per cancellation; see `cancellations_frame`."""
    decisions: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=list(DECISION_COLUMNS)))
    """One row per decision; see `decisions_frame`."""
    participants: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=list(PARTICIPANT_COLUMNS)))
    """One row per experiment and organisation that took part; see `participants_frame`."""
    drift: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=list(drift.COLUMNS)))
    """One row per feature or output that is watched for drift, over all decisions; see `drift_frame`."""
    experiments: tuple[Experiment, ...] = ()
    unknown_arm_decisions: Mapping[str, int] = field(default_factory=dict)
    """Experiment → the number of decisions that name an arm which the experiment does not have."""
    policies: tuple[PolicyEstimate, ...] = ()
    """The estimates of rankers from the log, by `python -m models evaluate`."""
    statuses: ExperimentStatuses | None = None
    """How experiments stand and what their guardrails count, as the service reports it."""


def read_metric_tables(
    checked: Path,
    *,
    catalogues: Sequence[Catalogue],
    experiments: Sequence[Experiment] = (),
    usage: UsageAsked | None = None,
    engine: str = DUCKDB,
) -> MetricTables:
    """Read a checked folder; prices are missing where the catalogue version is not among `catalogues`.

    `usage`: who answers for usage after a payment; by default one pass of `engine` (see `open_engine`) over the events.
    Raises `ValueError` when the catalogues are priced in several currencies, `TableUnreadable` for a folder without
    checked tables.
    """
    query = open_engine(engine)  # before anything is read: it may be missing
    end = data_end_us(checked)
    known = read_known_facts(checked)
    currencies = {catalogue.currency for catalogue in catalogues}
    if len(currencies) > 1:
        raise ValueError(f"amounts in {', '.join(sorted(currencies))} cannot be added up")
    prices = PriceList(catalogues)
    with query as opened:
        usage_of_journeys = usage or usage_from_events(opened, checked, end=end)
        journeys = journeys_frame(checked, known=known, prices=prices, end=end, usage=usage_of_journeys)
    decisions = decisions_frame(checked, known=known, journeys=journeys)
    participants = [
        participants_frame(checked, each, decisions, known=known, prices=prices, end=end) for each in experiments
    ]
    charges = charges_frame(checked, known=known)
    return MetricTables(
        journeys=journeys,
        charges=charges,
        refunds=refunds_frame(checked, charges, known=known),
        cancellations=cancellations_frame(checked, known=known),
        data_end=EPOCH + timedelta(microseconds=end),
        currency=next(iter(currencies), "EUR"),
        decisions=decisions,
        participants=pd.concat(participants, ignore_index=True)
        if participants
        else pd.DataFrame(columns=list(PARTICIPANT_COLUMNS)),
        drift=drift.concatenated(drift.drift_frame(checked, end_us=end), drift.label_drift(journeys, end_us=end)),
        experiments=tuple(experiments),
        unknown_arm_decisions={each.name: unknown_arm_decisions(decisions, each) for each in experiments},
    )


def journeys_frame(checked: Path, *, known: KnownFacts, prices: PriceList, end: int, usage: UsageAsked) -> pd.DataFrame:
    """One row per journey, in the order of organisation and instant.

    `started_at`; `template`, `country`, `plan` (recommended by the first decision), `strategy`, `model_version`,
    `fallback`, `experiment`, `interval`; `step`, `over`, `drop` and `seconds_to_<step>`; `taken` (plan), `direction`
    (of what was taken, against what was recommended); `accepted` (see `_accepted`); `mrr_before`, `mrr_after` (cents a
    month); `avoidable_cents`; `first_place_gain`, `first_place_weight` (see `acceptance.PositionEffect`). What is not
    known is missing.
    """
    log = _decisions(checked)
    served = timeline.Served(
        places_in(log["organization_id"], known.organization_ids), microseconds_of(log["occurred_at"])
    )
    codes = (
        pc.unique(pa.chunked_array([*log["plan"].chunks, *_events_table(checked)["plan"].chunks])).drop_null().sort()
    )
    found = timeline.journeys(served, _events(checked, log, codes), data_end_us=end)
    first = log.take(pa.array(found.first))
    begun = found.reached_us[:, 0]
    organization = served.organization[found.first]
    frame: pd.DataFrame = first.to_pandas().rename(columns={"occurred_at": "started_at", "fallback_reason": "fallback"})
    frame = frame.assign(
        country=np.array([*known.country, NONE])[organization],
        template=first_template(checked, known, organization, begun),
        model_version=frame["model_version"].fillna(NONE),
        fallback=frame["fallback"].fillna(NONE),
        experiment=frame["experiment"].fillna(NONE),
        step=found.step,
        over=found.over,
        drop=np.array([*timeline.DROPS, ""])[found.drop],
        taken=np.array([*codes.to_pylist(), ""])[found.plan],
        **{
            f"seconds_to_{step}": np.where(
                found.reached_us[:, i] < timeline.NOT_YET, (found.reached_us[:, i] - begun) / 1e6, np.nan
            )
            for i, step in enumerate(timeline.STEPS[1:], start=1)
        },
    )
    version = frame["catalogue_version"].to_numpy()
    horizon = np.minimum(begun + timeline.WINDOW_DAYS * DAY_US, end)
    number = held_numbers(checked, known, organization, horizon, plan=frame["taken"].to_numpy())
    frame = frame.assign(
        direction=prices.directions(version, frame["plan"].to_numpy(), frame["taken"].to_numpy()),
        mrr_before=prices.held_cents(checked, known, organization, begun),
        mrr_after=prices.held_cents(checked, known, organization, horizon),
        avoidable_cents=avoidable_cents(frame, number=number, usage=usage, prices=prices, end=end),
    )
    held = np.array([*codes.to_pylist(), ""])[known.held_at(organization, begun, tuple(codes.to_pylist()))]
    frame = frame.assign(**_first_place(checked, frame), accepted=_accepted(frame, held))
    texts = frame.select_dtypes(include=["str", "object"]).columns.drop(["decision_id", "organization_id"])
    return frame.astype(dict.fromkeys(texts, "category"))


def _accepted(frame: pd.DataFrame, held: NDArray[np.str_]) -> Mask:
    """Whether the recommendation was accepted (j,): taken, or held already and kept after the cards were viewed.

    So a recommendation to stay is not counted as a failure, and silence is not counted as consent.
    """
    taken = frame["taken"].to_numpy()
    kept = (taken == "") & (frame["step"] == timeline.VIEWED).to_numpy() & (frame["plan"].to_numpy() == held)
    return np.asarray(kept | (frame["direction"] == "recommended").to_numpy())


def _decisions(checked: Path) -> pa.Table:
    """One row per decision with its recommended plan, sorted by organisation, instant, id."""
    table = read_table(checked, "decisions", [*_HEADER, "plan", "recommended"], rows=pc.field("recommended"))
    table = table.drop_columns(["recommended"])
    order = np.lexsort(
        (ranks(table["decision_id"]), microseconds_of(table["occurred_at"]), ranks(table["organization_id"]))
    )
    return table.take(pa.array(order))


def _events_table(checked: Path) -> pa.Table:
    return read_table(checked, "outcomes", ["decision_id", "kind", "plan", "occurred_at"])


def _events(checked: Path, log: pa.Table, codes: pa.Array) -> timeline.Events:
    """The events of decisions: outcomes, and payments from the ledger."""
    table = _events_table(checked)
    steps = np.array([*timeline.STEP_OF.values(), -1])[places_in(table["kind"], pa.array(timeline.STEP_OF))]
    kinds = table["kind"]
    ids = log["decision_id"].combine_chunks()
    paid = read_table(checked, "charges", ["decision_id", "plan", "paid_at"])
    paid = paid.filter(pc.and_(pc.is_valid(paid["decision_id"]), pc.is_valid(paid["paid_at"])))
    outcomes = timeline.Events(
        decision=np.where(steps < 0, -1, places_in(table["decision_id"], ids)),
        step=steps,
        plan=places_in(table["plan"], codes),
        blocked=pc.equal(kinds, "blocked").to_numpy(),
        payment_failed=pc.equal(kinds, "payment_failed").to_numpy(),
        closed=pc.equal(kinds, "dismissed").to_numpy(),
        occurred_us=microseconds_of(table["occurred_at"]),
    )
    never = np.zeros(len(paid), dtype=np.bool_)
    payments = timeline.Events(
        decision=places_in(paid["decision_id"], ids),
        step=np.full(len(paid), timeline.PAID),
        plan=places_in(paid["plan"], codes),
        blocked=never,
        payment_failed=never,
        closed=never,
        occurred_us=microseconds_of(paid["paid_at"]),
    )
    return outcomes.joined(payments)


def _first_place(checked: Path, frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """The terms of the position effect, from each journey's first decision.

    With p the propensity of a plan to be first, z whether it was, y whether it was taken: Σ (z − p) y over the plans,
    and Σ p (1 − p), its weight. Both are 0 where the order was not random.
    """
    rows = (pc.field("propensity") > 0) & (pc.field("propensity") < 1)
    table = read_table(checked, "decisions", ["decision_id", "plan", "position", "propensity"], rows=rows)
    journey = places_in(table["decision_id"], pa.array(frame["decision_id"]))
    p, first = table["propensity"].to_numpy(), table["position"].to_numpy() == 1
    codes = pc.unique(pa.chunked_array([*table["plan"].chunks, pa.array(frame["taken"].astype(str), pa.string())]))
    plan = places_in(table["plan"], codes)
    taken = places_in(pa.chunked_array([pa.array(frame["taken"].astype(str), pa.string())]), codes)[journey]
    here = journey >= 0
    count = len(frame)
    return {
        "first_place_gain": np.bincount(journey[here], weights=((first - p) * (plan == taken))[here], minlength=count),
        "first_place_weight": np.bincount(journey[here], weights=(p * (1 - p))[here], minlength=count),
    }
