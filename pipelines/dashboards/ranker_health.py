"""The page on ranker health: fallbacks, versions, latency, calibration, drift, estimates from the log."""

from typing import Final

import numpy as np
import pandas as pd
from babel.numbers import format_decimal

from data_contracts.policy_estimates import PolicyEstimate
from pipelines.dashboards import charts
from pipelines.dashboards.content import PageView, Section
from pipelines.dashboards.numbers import short_day
from pipelines.dashboards.sections import MOST_ROWS, breakdown, metric_family, rows_of, table_of
from pipelines.metrics import drift
from pipelines.metrics.declared import METRICS
from pipelines.metrics.intervals import Share
from pipelines.metrics.ranker_health import FALLBACKS, with_outcome
from pipelines.metrics.templates import NONE
from pipelines.metrics.words import name_of, words

HOURS: Final = 48
"""Versions are shown for this many hours before the end of the data."""
KINDS: Final = 3
"""The number of versions told apart; the others are added up."""
BINS: Final = 10
MOST_FALLBACKS: Final = 0.01
LEAST_EFFECTIVE: Final = 300
"""An estimate from the log on a smaller effective sample is not shown."""


def ranker_health(view: PageView, dimension: str) -> tuple[Section, ...]:
    """The sections of the page on ranker health."""
    return (
        _now(view),
        metric_family(view, "fallbacks", "fallback", FALLBACKS, "fallback"),
        _versions(view),
        breakdown(view, "latency_p99", "week"),
        _calibration(view),
        breakdown(view, "calibration_gap", "week"),
        _drift(view),
        _policies(view),
        breakdown(view, "fallback_share", dimension),
    )


def _now(view: PageView) -> Section:
    slugs = ("decisions", "fallback_share", "latency_median", "latency_p99", "calibration_gap")
    fallbacks = METRICS["fallback_share"](view.tables).value
    note = ""
    if fallbacks is None:
        note = view.say("note.empty")
    elif fallbacks > MOST_FALLBACKS:
        note = view.say("health.fallbacks", most=view.text(MOST_FALLBACKS, METRICS["fallback_share"]))
    return Section(
        view.say("health.heading"),
        view.say("health.reading"),
        figures=tuple(view.figure(slug) for slug in slugs),
        note=note,
    )


def _versions(view: PageView) -> Section:
    """The number of decisions by each model version, by hour."""
    heading, reading = view.say("versions.heading", hours=HOURS), view.say("versions.reading")
    frame = view.tables.decisions
    if frame.empty:
        return Section(heading, reading, note=view.say("note.empty"))
    hour = frame["started_at"].dt.tz_localize(None).dt.floor("h")
    recent = (hour > hour.max() - pd.Timedelta(hours=HOURS)).to_numpy()
    version = frame["model_version"][recent].astype(str).replace(NONE, name_of(view.locale, NONE))
    newest = version.groupby(version).size().sort_values(ascending=False).index[: KINDS - 1].tolist()
    others = view.say("versions.others")
    kind = version.where(version.isin(newest), others)
    counts = pd.crosstab(hour[recent], kind)
    counts.index = pd.Index([f"{short_day(each, locale=view.locale)} {each:%H:00}" for each in counts.index])
    kinds = [name for name in (*newest, others) if name in counts]
    metric = METRICS["decisions"]
    rows = [
        {
            "week": at,
            "kind": name,
            "value": int(counts.loc[at, name]),
            "text": view.text(counts.loc[at, name], metric),
        }
        for at in counts.index
        for name in kinds
    ]
    table = counts[kinds].reset_index()
    return Section(
        heading,
        reading,
        chart=charts.stacked(pd.DataFrame(rows), description=heading, kinds=kinds),
        table=table.set_axis([view.say("versions.hour"), *kinds], axis=1),
    )


def _calibration(view: PageView) -> Section:
    """The calibration: how often recommended plans were taken, by predicted probability."""
    heading, reading = view.say("calibration.heading"), view.say("calibration.reading")
    rows = with_outcome(view.tables)
    if rows.empty:
        return Section(heading, reading, note=view.say("calibration.none"))
    predicted, took = rows["probability"].to_numpy(dtype=np.float64), rows["took"].to_numpy(dtype=np.float64)
    place = np.minimum((predicted * BINS).astype(np.int64), BINS - 1)
    metric = METRICS["fallback_share"]  # any metric that is a share, for its format
    named = [
        (
            view.say("calibration.bin", said=view.text(float(predicted[place == each].mean()), metric)),
            Share(int(took[place == each].sum()), int((place == each).sum())).estimate(),
        )
        for each in np.unique(place)
    ]
    drawn = rows_of(view, metric, named)
    table = table_of(view, metric, named, view.say("calibration.said"), called=view.say("calibration.took"))
    return Section(heading, reading, chart=charts.dots(drawn, description=heading), table=table)


def _drift(view: PageView) -> Section:
    """The drift of the last fortnight against the eight weeks before it."""
    heading = view.say("drift.heading")
    reading = view.say("drift.reading", days=drift.CURRENT_DAYS, before=drift.REFERENCE_DAYS)
    found = view.tables.drift
    if found.empty:
        return Section(heading, reading, note=view.say("drift.none", least=drift.LEAST))
    found = found.sort_values("psi", ascending=False, kind="stable")
    metric = METRICS["fallback_share"]  # any metric that is a share, for its format
    names = [view.say(f"drift.{name}") if name in drift.OUTPUTS else feature_name(view, name) for name in found["name"]]
    moved = [name for name, is_moved in zip(names, found["drifted"], strict=True) if is_moved]
    drawn = pd.DataFrame(
        {
            "name": names,
            "value": found["psi"].to_numpy(),
            "text": [
                view.say("drift.text", psi=_three(view, psi), alarm=_three(view, alarm))
                for psi, alarm in zip(found["psi"], found["alarm"], strict=True)
            ],
        }
    )
    table = pd.DataFrame(
        {
            view.say("drift.watched"): names,
            **{
                view.say(f"drift.column.{name}"): [_three(view, value) for value in found[name]]
                for name in ("psi", "alarm", "jensen_shannon", "wasserstein")
            },
            **{
                view.say(f"drift.column.{name}"): [view.text(value, metric) for value in found[name]]
                for name in ("missing_before", "missing")
            },
        }
    )
    note = view.say("drift.moved", names=", ".join(moved)) if moved else ""
    return Section(
        heading, reading, chart=charts.bars(drawn.head(MOST_ROWS), description=heading), table=table, note=note
    )


def feature_name(view: PageView, name: str) -> str:
    """The name of a feature in the page's language; its column name where there is none."""
    return words(view.locale).get(f"feature.{name}", name)


def _three(view: PageView, value: float) -> str:
    return "–" if np.isnan(value) else str(format_decimal(round(float(value), 3), locale=view.locale))


def _policies(view: PageView) -> Section:
    """The estimated acceptance of each ranker's first plans, from the log."""
    heading, reading = view.say("policies.heading"), view.say("policies.reading")
    found = view.tables.policies
    if any(each.exploring for each in found):
        reading = f"{reading} {view.say('policies.exploring')}"
    if not found:
        return Section(heading, reading, note=view.say("policies.none"))
    share, count = METRICS["fallback_share"], METRICS["decisions"]
    rows = []
    for each in found:
        reliable = _may_be_shown(each)
        bounds = f"{view.text(each.lower, share)} – {view.text(each.upper, share)}"
        rows.append(
            [
                view.say(f"policies.{each.policy}"), each.version,
                view.text(each.estimate, share) if reliable else view.say("policies.unreliable"),
                bounds if reliable and each.lower is not None else "", view.text(each.logged, share),
                view.text(each.effective_sample_size, count), view.text(each.decisions, count),
                view.text(each.overlap, share),
            ]
        )  # fmt: skip
    columns = ("ranker", "version", "estimate", "bounds", "logged", "effective", "decisions", "overlap")
    table = pd.DataFrame(rows, columns=[view.say(f"policies.column.{name}") for name in columns])
    known = [each for each in found if _may_be_shown(each)]
    drawn = pd.DataFrame(
        {
            "name": [view.say(f"policies.{each.policy}") for each in known],
            "value": [each.estimate for each in known],
            "low": [each.lower for each in known],
            "high": [each.upper for each in known],
            "small": False,
            "text": [_policy_text(view, each) for each in known],
        }
    )
    shaky = [view.say(f"policies.{each.policy}") for each in found if each not in known]
    note = view.say("policies.shaky", names=", ".join(shaky)) if shaky else ""
    chart = charts.dots(drawn, description=heading) if known else None
    return Section(heading, reading, chart=chart, table=table, note=note)


def _policy_text(view: PageView, estimate: PolicyEstimate) -> str:
    """An estimate as text, with its bounds and effective sample size where they are known."""
    share, count = METRICS["fallback_share"], METRICS["decisions"]
    bounds = ""
    if estimate.lower is not None:
        low, high = view.text(estimate.lower, share), view.text(estimate.upper, share)
        bounds = view.say("number.interval", low=low, high=high)
    effective = view.say("policies.effective", n=view.text(estimate.effective_sample_size, count))
    return " · ".join(part for part in (view.text(estimate.estimate, share), bounds, effective) if part)


def _may_be_shown(estimate: PolicyEstimate) -> bool:
    """Whether the estimate is shown: it is reliable, and its effective sample is at least `LEAST_EFFECTIVE`."""
    return estimate.estimate is not None and estimate.reliable and estimate.effective_sample_size >= LEAST_EFFECTIVE
