"""From checked tables to the situations of a batch of decisions, as known at each decision."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.history.change_log import NOTHING, ChangeLog, change_log
from pipelines.history.checked_tables import TableUnreadable, microseconds_of, places_in, ranks, read_table
from recommender.billing.catalogue import Catalogue, Interval
from recommender.billing.eligibility import Applicant, refusals_for
from recommender.ranking.day_cube import EPOCH, UsageCells, cells_to_cube, microseconds, trial_age_seconds, weekdays
from recommender.ranking.features import country_group
from recommender.ranking.ranker import IntArray, Mask
from recommender.ranking.situation import PlanTable, Situations

ENDED: Final = -1
"""The value of a subscription that has ended: no plan is held."""


@dataclass(frozen=True, slots=True)
class Belongings:
    """The history of installed templates or connected integrations of all organisations."""

    codes: tuple[str, ...]
    log: ChangeLog
    """Subject: organisation × code. Value: 1 while it is installed or connected, 0 afterwards."""

    def at(self, organization: IntArray, instant_us: IntArray, vocabulary: tuple[str, ...]) -> Mask:
        """Whether each organisation had each code of the vocabulary at its instant, (n, vocabulary)."""
        there = np.zeros((len(organization), len(vocabulary)), dtype=np.bool_)
        for column, code in enumerate(vocabulary):
            if code in self.codes:
                subject = organization * len(self.codes) + self.codes.index(code)
                there[:, column] = self.log.known_at(subject, instant_us) == 1
        return there


@dataclass(frozen=True, slots=True)
class KnownFacts:
    """Facts about o organisations besides usage, ready to be queried for any instant."""

    organization_ids: pa.Array
    """(o,) the place of an organisation here is its index in all other arrays."""
    country: tuple[str, ...]
    country_groups: IntArray
    trial_started_us: IntArray
    recorded_us: IntArray
    """(o,) when the organisation was recorded, in microseconds since 1970."""
    templates: Belongings
    integrations: Belongings
    plan_codes: tuple[str, ...]
    subscriptions: ChangeLog
    """Subject: organisation. Value: index into `plan_codes`, or `ENDED`."""

    def held_at(self, organization: IntArray, instant_us: IntArray, vocabulary: tuple[str, ...]) -> IntArray:
        """The plan that each organisation held at its instant (n,), an index into the vocabulary, -1 for none of it."""
        places = np.array([vocabulary.index(code) if code in vocabulary else -1 for code in self.plan_codes] + [-1])
        return places[self.subscriptions.known_at(organization, instant_us)]


@dataclass(frozen=True, slots=True)
class Moments:
    """The organisation and the instant of n decisions; arrays (n,)."""

    organization: IntArray
    """The index into `KnownFacts.organization_ids`."""
    decided_at_us: IntArray

    def __len__(self) -> int:
        return len(self.organization)


def read_known_facts(folder: Path) -> KnownFacts:
    """Read organisations, templates, integrations and subscriptions of a checked folder.

    Raises `TableUnreadable` when a table is missing, is not as declared, or there are no organisations.
    """
    organizations = read_table(
        folder, "organizations", ["organization_id", "country", "trial_started_at", "recorded_at"]
    )
    if not len(organizations):
        raise TableUnreadable("organizations: has no rows")
    ids = organizations["organization_id"].combine_chunks()
    country = tuple(organizations["country"].to_pylist())
    groups = {code: country_group(code) for code in set(country)}
    plan_codes, subscriptions = _subscriptions(folder, ids)
    return KnownFacts(
        organization_ids=ids,
        country=country,
        country_groups=np.array([groups[code] for code in country], dtype=np.int64),
        trial_started_us=microseconds_of(organizations["trial_started_at"]),
        recorded_us=microseconds_of(organizations["recorded_at"]),
        templates=_belongings(folder, "template_installs", "template", gained="installed", organizations=ids),
        integrations=_belongings(folder, "integrations", "integration", gained="connected", organizations=ids),
        plan_codes=plan_codes,
        subscriptions=subscriptions,
    )


def situations_of(
    moments: Moments, *, facts: KnownFacts, cells: UsageCells, plans: PlanTable, candidates: Mask
) -> Situations:
    """The situations of n decisions, as known at each, for one table of p plans.

    `cells`: the usage cells of `moments` (see `pipelines/history/daily_usage.py`). `candidates` (n, p): the plans to
    rank.
    """
    organization, instant = moments.organization, moments.decided_at_us
    started = facts.trial_started_us[organization]
    totals, seconds = cells_to_cube(cells, decided_at_us=instant, trial_started_at_us=started)
    return Situations(
        totals=totals,
        seconds=seconds,
        templates=facts.templates.at(organization, instant, plans.templates),
        integrations=facts.integrations.at(organization, instant, plans.integrations),
        trial_age_seconds=trial_age_seconds(decided_at_us=instant, trial_started_at_us=started),
        country_group=facts.country_groups[organization],
        current_plan=facts.held_at(organization, instant, plans.codes),
        weekday=weekdays(instant),
        eligible=candidates,
    )


def eligible_plans(
    moments: Moments, *, facts: KnownFacts, catalogue: Catalogue, interval: Interval, codes: tuple[str, ...]
) -> Mask:
    """Which of the plans each organisation was eligible for at its decision (n, plans), by the rules of the service.

    The rules are evaluated once per distinct applicant: the same country, the same templates and integrations among
    those that conditions name, and the same side of every availability window.
    """
    plans = [catalogue.plan(code) for code in codes]
    templates, integrations = (
        tuple(sorted({c.code for plan in plans for c in plan.conditions if c.kind == kind}))
        for kind in ("template", "integration")
    )
    edges = {edge for plan in plans for edge in (plan.window.start, plan.window.end) if edge is not None}
    edges_us = np.array(sorted(microseconds(edge) for edge in edges), dtype=np.int64)
    organization, instant = moments.organization, moments.decided_at_us
    countries = sorted(set(facts.country))
    country = np.array([countries.index(code) for code in facts.country], dtype=np.int64)
    has_templates = facts.templates.at(organization, instant, templates)
    has_integrations = facts.integrations.at(organization, instant, integrations)
    span = np.searchsorted(edges_us, instant, side="right")
    applicants = np.column_stack([country[organization], span, has_templates, has_integrations])
    _, first, same = np.unique(applicants, axis=0, return_index=True, return_inverse=True)
    allowed = np.zeros((len(first), len(plans)), dtype=np.bool_)
    for place, i in enumerate(first):
        applicant = Applicant(
            country=countries[country[organization[i]]],
            templates=frozenset(c for c, there in zip(templates, has_templates[i], strict=True) if there),
            integrations=frozenset(c for c, there in zip(integrations, has_integrations[i], strict=True) if there),
        )
        now = EPOCH + timedelta(microseconds=int(instant[i]))
        allowed[place] = [
            not refusals_for(offer=plan, interval=interval, applicant=applicant, now=now) for plan in plans
        ]
    return allowed[same.reshape(-1)]


def _belongings(folder: Path, name: str, thing: str, *, gained: str, organizations: pa.Array) -> Belongings:
    table = read_table(folder, name, ["event_id", "organization_id", thing, "change", "occurred_at", "recorded_at"])
    codes = pc.unique(table[thing]).drop_null()
    organization, place = places_in(table["organization_id"], organizations), places_in(table[thing], codes)
    there = np.asarray(pc.equal(table["change"], gained).to_numpy(), dtype=np.int64)
    subject = np.where((organization >= 0) & (place >= 0), organization * len(codes) + place, NOTHING)
    return Belongings(tuple(codes.to_pylist()), _log(table, subject=subject, value=there))


def _subscriptions(folder: Path, organizations: pa.Array) -> tuple[tuple[str, ...], ChangeLog]:
    table = read_table(
        folder, "subscriptions", ["event_id", "organization_id", "plan", "status", "occurred_at", "recorded_at"]
    )
    codes = pc.unique(table["plan"]).drop_null()
    active = pc.fill_null(pc.equal(table["status"], "active"), False).to_numpy()
    held = np.where(active, places_in(table["plan"], codes), ENDED)
    return tuple(codes.to_pylist()), _log(table, subject=places_in(table["organization_id"], organizations), value=held)


def _log(table: pa.Table, *, subject: IntArray, value: IntArray) -> ChangeLog:
    return change_log(
        subject=subject,
        recorded_us=microseconds_of(table["recorded_at"]),
        occurred_us=microseconds_of(table["occurred_at"]),
        event_rank=ranks(table["event_id"]),
        value=value,
    )
