"""The pages a product manager decides from: conversion, acceptance, money; experiments and the ranker's health."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Final

import pandas as pd

from data_contracts.languages import Locale
from pipelines.dashboards import charts
from pipelines.dashboards.content import Page, Section, Voice, as_of
from pipelines.dashboards.experiments import experiments
from pipelines.dashboards.numbers import days, spoken
from pipelines.dashboards.ranker_health import ranker_health
from pipelines.dashboards.sections import family, rows_of, sliced, table_of
from pipelines.metrics.declared import BILLED, METRICS
from pipelines.metrics.filters import DIMENSIONS, narrowed
from pipelines.metrics.filters import Filters as Narrowing
from pipelines.metrics.journeys import DROPS, STEPS
from pipelines.metrics.metric_tables import MetricTables
from recommender.billing.money import decimal_places

Sections = Callable[[Voice, str], tuple[Section, ...]]


def page(
    slug: str,
    tables: MetricTables,
    *,
    locale: Locale,
    now: datetime,
    narrowing: Narrowing | None = None,
    dimension: str = "template",
) -> Page:
    """One page: what the filters keep, cut by one dimension; `now` only says how old the data are."""
    if dimension not in DIMENSIONS:
        raise ValueError(f"nothing is cut by {dimension}; there are {', '.join(DIMENSIONS)}")
    voice = Voice(tables if narrowing is None else narrowed(tables, narrowing), locale)
    said, stale = as_of(tables, now=now, locale=locale)
    return Page(
        slug,
        voice.say(f"page.{slug}.title"),
        voice.say(f"page.{slug}.lead"),
        said,
        tables.data_end,
        stale,
        PAGES[slug](voice, dimension),
    )


def overview(voice: Voice, dimension: str) -> tuple[Section, ...]:
    """The funnel, how fast, why people drop, over the weeks, and by one dimension."""
    drops = family(voice, "drops", "drop", DROPS, "drop")
    times = family(voice, "times", "time_to", STEPS[1:], "step")
    return _funnel(voice), sliced(voice, "rate_paid", "week"), drops, times, sliced(voice, "rate_paid", dimension)


def acceptance(voice: Voice, dimension: str) -> tuple[Section, ...]:
    """Whether the recommendation is taken, whether the ranker beats the rules, what the first place is worth."""
    took = family(voice, "took", "took", ("recommended", "higher", "lower", "sideways"), "direction")
    beside = [("value.model", "accepted_model"), ("value.rules_share", "accepted_rules")]
    named = [(voice.say(key), METRICS[slug](voice.tables)) for key, slug in beside]
    rows = rows_of(voice, METRICS["accepted"], named)
    title = voice.say("lift.heading")
    lift = Section(
        title,
        voice.say("lift.reading"),
        figures=(voice.figure("lift_over_rules"),),
        chart=None if rows.empty else charts.dots(rows, description=title),
        table=table_of(voice, METRICS["accepted"], named, voice.say("dimension.strategy")),
        note=voice.say("lift.none") if len(rows) < len(beside) else "",
    )
    place = voice.figure("position_effect")
    position = Section(
        voice.say("position.heading"),
        voice.say("position.reading"),
        figures=(place,),
        note=voice.say("position.none") if METRICS["position_effect"](voice.tables).value is None else "",
    )
    return took, lift, position, sliced(voice, "accepted", "week"), sliced(voice, "accepted", dimension)


def money(voice: Voice, dimension: str) -> tuple[Section, ...]:
    """What was billed, what journeys bring by the month, and what better advice would have saved."""
    recurring = Section(
        voice.say("recurring.heading"),
        voice.say("recurring.reading"),
        figures=tuple(voice.figure(slug) for slug in ("mrr_change", "upgrades", "downgrades")),
    )
    regret = Section(
        voice.say("avoidable_cost.heading"),
        voice.say("avoidable_cost.reading"),
        figures=tuple(voice.figure(slug) for slug in ("avoidable_cost", "cheapest_plan_share")),
        note=voice.say("avoidable_cost.none") if METRICS["avoidable_cost"](voice.tables).value is None else "",
    )
    ledger = Section(
        voice.say("billed.heading"),
        voice.say("billed.reading"),
        figures=tuple(voice.figure(slug) for slug in BILLED),
        note="" if len(voice.tables.charges) else voice.say("note.empty"),
    )
    return (
        ledger,
        _billed_by_week(voice),
        recurring,
        sliced(voice, "mrr_change", dimension),
        regret,
        sliced(voice, "avoidable_cost", dimension),
    )


PAGES: Final[Mapping[str, Sections]] = {
    "overview": overview,
    "acceptance": acceptance,
    "money": money,
    "experiments": experiments,
    "ranker_health": ranker_health,
}


def _funnel(voice: Voice) -> Section:
    """How many came to each step."""
    heading, tables = voice.say("funnel.heading"), voice.tables
    figures = tuple(voice.figure(slug) for slug in ("served", "rate_paid", "still_open"))
    served = METRICS["served"](tables)
    if not served.value:
        return Section(heading, voice.say("funnel.reading"), figures=figures, note=voice.say("note.empty"))
    named = [(voice.say("step.served"), served)]
    rows = [(named[0][0], served.value, voice.text(served.value, METRICS["served"]), "", "")]
    for step in STEPS[1:]:
        overall, of_before = METRICS[f"rate_{step}"], METRICS[f"step_rate_{step}"]
        share, before = overall(tables), of_before(tables)
        count = round((share.value or 0) * share.n)
        reached = voice.text(count, METRICS["served"])
        rows.append(
            (
                voice.say(f"step.{step}"),
                count,
                reached,
                voice.estimate(share, overall),
                voice.text(before.value, of_before),
            )
        )
    columns = ["name", "value", "count", "overall", "step"]
    frame = pd.DataFrame(rows, columns=columns)
    frame["text"] = [
        f"{count} · {overall.split(' · ')[0]}" if overall else count
        for count, overall in zip(frame["count"], frame["overall"], strict=True)
    ]
    table = frame[["name", "count", "overall", "step"]].set_axis(
        [voice.say(f"table.{name}") for name in ("step", "count", "overall", "of_before")], axis=1
    )
    note = voice.caution(METRICS["rate_paid"](tables), METRICS["rate_paid"])
    return Section(
        heading, voice.say("funnel.reading"), figures=figures,
        chart=charts.bars(frame[["name", "value", "text"]], description=heading), table=table, note=note,
    )  # fmt: skip


def _billed_by_week(voice: Voice) -> Section:
    """The net of each week in its parts: prices, overage, credits."""
    heading, reading = voice.say("billed_weeks.heading"), voice.say("billed_weeks.reading")
    charged = voice.tables.charges
    if charged.empty:
        return Section(heading, reading, note=voice.say("note.empty"))
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
    kinds = {name: voice.say(f"billed_weeks.{name}") for name in parts}
    currency = voice.tables.currency
    spelled = days([date.fromisoformat(str(monday)) for monday in sums.index], locale=voice.locale)
    unit = 10 ** decimal_places(currency)
    rows = [
        {"week": week, "kind": kinds[name], "value": cents / unit, "text": voice.text(cents, metric)}
        for week, (_, values) in zip(spelled, sums.iterrows(), strict=True)
        for name, cents in values.items()
    ]
    table = pd.DataFrame(
        [
            [monday, *(voice.text(cents, metric) for cents in (*values, values.sum()))]
            for monday, values in sums.iterrows()
        ],
        columns=[voice.say("dimension.week"), *kinds.values(), metric.label(voice.locale)],
    )
    said = spoken(metric.unit, locale=voice.locale, currency=currency)
    chart = charts.stacked(pd.DataFrame(rows), description=heading, kinds=list(kinds.values()), said=said)
    return Section(heading, reading, chart=chart, table=table)
