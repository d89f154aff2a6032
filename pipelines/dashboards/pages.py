"""The dashboard pages for product managers: conversion, acceptance, money, experiments, ranker health."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Final

import pandas as pd

from data_contracts.languages import Locale
from pipelines.dashboards import charts
from pipelines.dashboards.content import Page, PageView, Section, as_of
from pipelines.dashboards.experiments import experiments
from pipelines.dashboards.numbers import days
from pipelines.dashboards.ranker_health import ranker_health
from pipelines.dashboards.sections import breakdown, metric_family, rows_of, table_of
from pipelines.metrics.cancellations import WHY
from pipelines.metrics.declared import BILLED, METRICS
from pipelines.metrics.filters import DIMENSIONS, Filters, narrowed
from pipelines.metrics.journeys import DROPS, STEPS
from pipelines.metrics.metric_tables import MetricTables
from recommender.billing.money import decimal_places

Sections = Callable[[PageView, str], tuple[Section, ...]]


def page(
    slug: str,
    tables: MetricTables,
    *,
    locale: Locale,
    now: datetime,
    filters: Filters | None = None,
    dimension: str = "template",
) -> Page:
    """Build a page from the rows that the filters keep, with breakdowns by one dimension.

    `now` is used for the age of the data only. Raises `ValueError` for an unknown dimension.
    """
    if dimension not in DIMENSIONS:
        raise ValueError(f"nothing is cut by {dimension}; there are {', '.join(DIMENSIONS)}")
    view = PageView(tables if filters is None else narrowed(tables, filters), locale)
    age, stale = as_of(tables, now=now, locale=locale)
    return Page(
        slug,
        view.say(f"page.{slug}.title"),
        view.say(f"page.{slug}.lead"),
        age,
        tables.data_end,
        stale,
        PAGES[slug](view, dimension),
    )


def overview(view: PageView, dimension: str) -> tuple[Section, ...]:
    """The sections on conversion: the funnel, by week, reasons to drop, times, and by one dimension."""
    drops = metric_family(view, "drops", "drop", DROPS, "drop")
    times = metric_family(view, "times", "time_to", STEPS[1:], "step")
    return (
        _funnel(view),
        breakdown(view, "rate_paid", "week"),
        drops,
        times,
        breakdown(view, "rate_paid", dimension),
    )


def acceptance(view: PageView, dimension: str) -> tuple[Section, ...]:
    """The sections on acceptance: plans taken, the lift over the rules, the effect of the first position."""
    took = metric_family(view, "took", "took", ("recommended", "higher", "lower", "sideways"), "direction")
    beside = [("value.model", "accepted_model"), ("value.rules_share", "accepted_rules")]
    named = [(view.say(key), METRICS[slug](view.tables)) for key, slug in beside]
    rows = rows_of(view, METRICS["accepted"], named)
    title = view.say("lift.heading")
    lift = Section(
        title,
        view.say("lift.reading"),
        figures=(view.figure("lift_over_rules"),),
        chart=None if rows.empty else charts.dots(rows, description=title),
        table=table_of(view, METRICS["accepted"], named, view.say("dimension.strategy")),
        note=view.say("lift.none") if len(rows) < len(beside) else "",
    )
    place = view.figure("position_effect")
    position = Section(
        view.say("position.heading"),
        view.say("position.reading"),
        figures=(place,),
        note=view.say("position.none") if METRICS["position_effect"](view.tables).value is None else "",
    )
    return took, lift, position, breakdown(view, "accepted", "week"), breakdown(view, "accepted", dimension)


def money(view: PageView, dimension: str) -> tuple[Section, ...]:
    """The sections on money: amounts billed, monthly revenue of journeys, avoidable cost, cancellations."""
    recurring = Section(
        view.say("recurring.heading"),
        view.say("recurring.reading"),
        figures=tuple(view.figure(slug) for slug in ("mrr_change", "upgrades", "downgrades")),
    )
    regret = Section(
        view.say("avoidable_cost.heading"),
        view.say("avoidable_cost.reading"),
        figures=tuple(view.figure(slug) for slug in ("avoidable_cost", "cheapest_plan_share")),
        note=view.say("avoidable_cost.none") if METRICS["avoidable_cost"](view.tables).value is None else "",
    )
    ledger = Section(
        view.say("billed.heading"),
        view.say("billed.reading"),
        figures=tuple(view.figure(slug) for slug in BILLED),
        note="" if len(view.tables.charges) else view.say("note.empty"),
    )
    leaving = Section(
        view.say("leaving.heading"),
        view.say("leaving.reading"),
        figures=tuple(view.figure(slug) for slug in ("cancelled", "churn", "kept")),
        note="" if len(view.tables.cancellations) else view.say("leaving.none"),
    )
    return (
        ledger,
        _billed_by_week(view),
        recurring,
        breakdown(view, "mrr_change", dimension),
        regret,
        breakdown(view, "avoidable_cost", dimension),
        leaving,
        metric_family(view, "whys", "why", WHY, "why"),
    )


PAGES: Final[Mapping[str, Sections]] = {
    "overview": overview,
    "acceptance": acceptance,
    "money": money,
    "experiments": experiments,
    "ranker_health": ranker_health,
}
INNER: Final = frozenset({"experiments", "ranker_health"})
"""Pages for those who work on the recommendations; the others are for every reader."""


def _funnel(view: PageView) -> Section:
    """The funnel: how many journeys reached each step."""
    heading, tables = view.say("funnel.heading"), view.tables
    figures = tuple(view.figure(slug) for slug in ("served", "rate_paid", "still_open"))
    served = METRICS["served"](tables)
    if not served.value:
        return Section(heading, view.say("funnel.reading"), figures=figures, note=view.say("note.empty"))
    named = [(view.say("step.served"), served)]
    rows = [(named[0][0], served.value, view.text(served.value, METRICS["served"]), "", "")]
    for step in STEPS[1:]:
        overall, of_before = METRICS[f"rate_{step}"], METRICS[f"step_rate_{step}"]
        share, before = overall(tables), of_before(tables)
        count = round((share.value or 0) * share.n)
        reached = view.text(count, METRICS["served"])
        rows.append(
            (
                view.say(f"step.{step}"),
                count,
                reached,
                view.estimate(share, overall),
                view.text(before.value, of_before),
            )
        )
    columns = ["name", "value", "count", "overall", "step"]
    frame = pd.DataFrame(rows, columns=columns)
    frame["text"] = [
        f"{count} · {overall.split(' · ')[0]}" if overall else count
        for count, overall in zip(frame["count"], frame["overall"], strict=True)
    ]
    table = frame[["name", "count", "overall", "step"]].set_axis(
        [view.say(f"table.{name}") for name in ("step", "count", "overall", "of_before")], axis=1
    )
    note = view.caution(METRICS["rate_paid"](tables), METRICS["rate_paid"])
    return Section(
        heading, view.say("funnel.reading"), figures=figures,
        chart=charts.bars(frame[["name", "value", "text"]], description=heading), table=table, note=note,
    )  # fmt: skip


def _billed_by_week(view: PageView) -> Section:
    """The net amounts billed by week, divided into prices, overage and credits."""
    heading, reading = view.say("billed_weeks.heading"), view.say("billed_weeks.reading")
    charged = view.tables.charges
    if charged.empty:
        return Section(heading, reading, note=view.say("note.empty"))
    day = charged["occurred_at"].dt.tz_localize(None).dt.normalize()
    week = (day - pd.to_timedelta(day.dt.day_of_week, unit="D")).dt.strftime("%Y-%m-%d")
    parts = pd.DataFrame(
        {
            "prices": charged["net_cents"] - charged["overage_cents"] - charged["credit_cents"],
            "overage": charged["overage_cents"],
            "credits": charged["credit_cents"],
        }
    )
    sums = parts.groupby(week.to_numpy()).sum()
    metric = METRICS["billed_net"]
    kinds = {name: view.say(f"billed_weeks.{name}") for name in parts}
    currency = view.tables.currency
    spelled = days([date.fromisoformat(str(monday)) for monday in sums.index], locale=view.locale)
    unit = 10 ** decimal_places(currency)
    rows = [
        {"week": week, "kind": kinds[name], "value": cents / unit, "text": view.text(cents, metric)}
        for week, (_, values) in zip(spelled, sums.iterrows(), strict=True)
        for name, cents in values.items()
    ]
    table = pd.DataFrame(
        [
            [monday, *(view.text(cents, metric) for cents in (*values, values.sum()))]
            for monday, values in sums.iterrows()
        ],
        columns=[view.say("dimension.week"), *kinds.values(), metric.label(view.locale)],
    )
    label = view.axis_label(metric.unit)
    chart = charts.stacked(pd.DataFrame(rows), description=heading, kinds=list(kinds.values()), axis_label=label)
    return Section(heading, reading, chart=chart, table=table)
