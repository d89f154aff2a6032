"""The tables of decisions and of participants in experiments, for the pages on experiments and ranker health."""

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.experiments import Experiment
from pipelines.experiments.results import ParticipantOutcomes
from pipelines.experiments.units import NEVER, Exposures, Participants, find_participants
from pipelines.history.checked_tables import microseconds_of, places_in, read_table
from pipelines.history.known_facts import KnownFacts
from pipelines.metrics.prices import PriceList
from pipelines.metrics.templates import NONE, first_template
from recommender.ranking.day_cube import DAY_US
from recommender.ranking.ranker import IntArray

_COLUMNS: Final = (
    "decision_id", "organization_id", "plan", "strategy", "model_version", "fallback_reason", "experiment", "arm",
    "latency_ms", "probability", "occurred_at",
)  # fmt: skip
SEEN: Final = (
    "decision_id", "organization_id", "started_at", "template", "country", "plan", "strategy", "model_version",
    "fallback",
)  # fmt: skip
"""The columns that decisions and participants have in common, all dimensions among them."""
DECISION_COLUMNS: Final = (*SEEN, "experiment", "arm", "latency_ms", "probability", "took")
PARTICIPANT_COLUMNS: Final = (
    *SEEN, "experiment", "arm", "crossed", "wrong_arm", "paid_us", "revenue_before_cents", "revenue_after_cents",
)  # fmt: skip

_REPEATED: Final = ("template", "country", "plan", "strategy", "model_version", "fallback", "experiment", "arm")


def decisions_frame(checked: Path, *, known: KnownFacts, journeys: pd.DataFrame) -> pd.DataFrame:
    """Read the decisions of a checked folder, one row each, with the plan that was recommended: `DECISION_COLUMNS`.

    `took` says for the first decision of a journey that is over whether its recommendation was accepted (1 or 0).
    """
    table = read_table(checked, "decisions", [*_COLUMNS, "recommended"], rows=pc.field("recommended"))
    began = microseconds_of(table["occurred_at"])
    organization = places_in(table["organization_id"], known.organization_ids)
    frame: pd.DataFrame = table.drop_columns(["recommended"]).to_pandas()
    frame = frame.rename(columns={"occurred_at": "started_at", "fallback_reason": "fallback"})
    over = journeys[journeys["over"].to_numpy(dtype=np.bool_)]
    took = pd.Series(over["accepted"].to_numpy(dtype=np.bool_), index=over["decision_id"])
    frame = frame.assign(
        template=first_template(checked, known, organization, began),
        country=np.array([*known.country, NONE])[organization],
        model_version=frame["model_version"].fillna(NONE),
        fallback=frame["fallback"].fillna(NONE),
        took=frame["decision_id"].map(took.astype(np.float64)).to_numpy(dtype=np.float64),
    )
    frame = frame[list(DECISION_COLUMNS)].sort_values(["started_at", "decision_id"], ignore_index=True)
    return frame.astype(dict.fromkeys(_REPEATED, "category"))


def participants_frame(
    checked: Path, experiment: Experiment, decisions: pd.DataFrame, *, known: KnownFacts, prices: PriceList, end: int
) -> pd.DataFrame:
    """The participants of an experiment, one row each by their first decision, with outcomes: `PARTICIPANT_COLUMNS`.

    `paid_us` is the first payment for a plan after that decision, by the ledger; revenue is per month, before and at
    the end of the window, not a number while the window has not ended. `end`: the end of the data in microseconds.
    """
    rows = of_experiment(decisions, experiment)
    participants = find_participants(experiment, exposures(rows))
    first = rows.drop_duplicates(["organization_id"]).set_index("organization_id").loc[list(participants.organization)]
    place = places_in(
        pa.chunked_array([pa.array(list(participants.organization), pa.string())]), known.organization_ids
    )
    over_us = participants.since_us + experiment.window_days * DAY_US
    after = prices.held_cents(checked, known, place, np.minimum(over_us, end))
    frame = first.reset_index().assign(
        arm=np.array([arm.name for arm in experiment.arms], dtype=np.object_)[participants.arm],
        crossed=participants.crossed,
        wrong_arm=participants.wrong_arm,
        paid_us=_first_payment(checked, participants, place, known),
        revenue_before_cents=prices.held_cents(checked, known, place, participants.since_us),
        revenue_after_cents=np.where(over_us <= end, after, np.nan),
    )
    return frame[list(PARTICIPANT_COLUMNS)]


def of_experiment(decisions: pd.DataFrame, experiment: Experiment) -> pd.DataFrame:
    """The decisions that name the experiment and one of its arms, earliest first."""
    arms = [arm.name for arm in experiment.arms]
    mine = (decisions["experiment"] == experiment.name) & decisions["arm"].isin(arms)
    return decisions[mine.to_numpy(dtype=np.bool_)]


def exposures(decisions: pd.DataFrame) -> Exposures:
    """The decisions as exposures to the arms of an experiment."""
    return Exposures(
        decisions["organization_id"].to_numpy(dtype=np.object_),
        decisions["arm"].to_numpy(dtype=np.object_),
        us_of(decisions["started_at"]),
    )


def unknown_arm_decisions(decisions: pd.DataFrame, experiment: Experiment) -> int:
    """The number of decisions that name the experiment and an arm that it does not have."""
    mine = int((decisions["experiment"] == experiment.name).sum())
    return mine - len(of_experiment(decisions, experiment))


def participants_of(
    frame: pd.DataFrame, experiment: Experiment, *, unknown_arm_decisions: int
) -> tuple[Participants, ParticipantOutcomes]:
    """The participants of one experiment and their outcomes, from the rows of `participants_frame` for all of them."""
    rows = frame[(frame["experiment"] == experiment.name).to_numpy(dtype=np.bool_)]
    names = [arm.name for arm in experiment.arms]
    participants = Participants(
        organization=rows["organization_id"].to_numpy(dtype=np.object_),
        arm=rows["arm"].astype(str).map(names.index).to_numpy(dtype=np.int64),
        since_us=us_of(rows["started_at"]),
        crossed=rows["crossed"].to_numpy(dtype=np.bool_),
        wrong_arm=rows["wrong_arm"].to_numpy(dtype=np.bool_),
        unknown_arm_decisions=unknown_arm_decisions,
    )
    outcomes = ParticipantOutcomes(
        rows["paid_us"].to_numpy(dtype=np.int64),
        rows["revenue_before_cents"].to_numpy(dtype=np.float64),
        rows["revenue_after_cents"].to_numpy(dtype=np.float64),
    )
    return participants, outcomes


def us_of(instants: pd.Series) -> IntArray:
    """Instants as microseconds since 1970."""
    return np.asarray(instants.dt.tz_localize(None).to_numpy().astype("datetime64[us]").astype(np.int64))


def _first_payment(checked: Path, participants: Participants, place: IntArray, known: KnownFacts) -> IntArray:
    """When each participant first paid for a change of plan billed after its exposure, `NEVER` without a payment."""
    table = read_table(checked, "charges", ["organization_id", "kind", "paid_at", "occurred_at"])
    table = table.filter(pc.and_(pc.equal(table["kind"], "change"), pc.is_valid(table["paid_at"])))
    since = np.full(len(known.organization_ids) + 1, NEVER)
    since[place] = participants.since_us
    owner = places_in(table["organization_id"], known.organization_ids)
    billed, paid = microseconds_of(table["occurred_at"]), microseconds_of(table["paid_at"])
    counts = (owner >= 0) & (billed >= since[owner])
    found = np.full(len(known.organization_ids), NEVER)
    np.minimum.at(found, owner[counts], paid[counts])
    return found[place]
