"""The page on experiments: participation, the split, the effects, and the decisions that they allow."""

from datetime import date
from typing import Final

import altair as alt
import numpy as np
import pandas as pd

from data_contracts.experiments import Experiment
from pipelines.dashboards import charts
from pipelines.dashboards.content import Figure, PageView, Section, Tone
from pipelines.dashboards.experiment_status import status
from pipelines.dashboards.numbers import day, days, p_value
from pipelines.dashboards.sections import breakdown
from pipelines.experiments.effect import Sample, State
from pipelines.experiments.results import Comparison, Measure, Results
from pipelines.metrics.declared import METRICS, Unit
from pipelines.metrics.experiment_results import experiment_results

_UNITS: Final[dict[Measure, tuple[Unit, Unit]]] = {"paid": ("share", "points"), "revenue": ("cents", "cents")}
"""The units of a measure's values and of a difference between two of them."""
_TONES: Final[dict[State, Tone]] = {
    "undecided": "warn", "better": "good", "worse": "alarm", "no_relevant_difference": "quiet",
}  # fmt: skip
WIDEST: Final = 6
"""Days whose bounds were this many times wider than today's are not drawn."""


def experiments(view: PageView, dimension: str) -> tuple[Section, ...]:
    """The sections of all declared experiments, one after the other."""
    found = list(experiment_results(view.tables))
    sections = [
        section
        for each in found
        for section in (_effect(view, each), _split(view, each), status(view, each.experiment.name))
    ]
    return (_health(view, found), *sections, breakdown(view, "participants", dimension))


def _health(view: PageView, found: list[Results]) -> Section:
    """Whether the assignment works, over all experiments."""
    notes = [] if found else [view.say("exposure.none")]
    for each in found:
        if each.participants.crossed_too_often:
            notes.append(view.say("exposure.crossed", name=each.experiment.name))
        if each.participants.unknown_arm_decisions:
            count = each.participants.unknown_arm_decisions
            notes.append(view.say("exposure.unknown_arm", name=each.experiment.name, count=count))
    return Section(
        view.say("exposure.heading"),
        view.say("exposure.reading"),
        figures=tuple(view.figure(slug) for slug in ("participants", "in_two_arms", "wrong_arm")),
        note=" ".join(notes) or ("" if len(view.tables.participants) else view.say("note.empty")),
    )


def _effect(view: PageView, found: Results) -> Section:
    """The effect of each arm against the control; hidden while the split is wrong."""
    experiment = found.experiment
    heading = view.say("effect.heading", name=experiment.name)
    reading = view.say("effect.reading", days=experiment.window_days, waiting=found.waiting, widest=WIDEST)
    question = experiment.question_in(view.locale)
    if found.hidden:
        return Section(heading, reading, question=question, note=view.say("effect.hidden"), tone="alarm")
    paid = [each for each in found.comparisons if each.measure == "paid"]
    notes = [text for each in paid if (text := _outlook(view, each))]
    return Section(
        heading,
        reading,
        question=question,
        figures=tuple(_figure(view, experiment, each) for each in found.comparisons),
        chart=_looks(view, paid[0], heading) if len(paid) == 1 else None,
        table=_table(view, found),
        note=" ".join(notes),
    )


def _figure(view: PageView, experiment: Experiment, comparison: Comparison) -> Figure:
    """The effect of one arm on one measure, with the decision that it allows."""
    measure = comparison.measure
    difference, low, high = _bounds(view, comparison)
    return Figure(
        f"effect_{measure}",
        view.say(f"effect.{measure}", arm=comparison.arm, control=comparison.control),
        difference,
        view.say("number.interval", low=low, high=high) if low else "",
        view.say(f"effect.state.{comparison.state}"),
        view.say(f"effect.{measure}.definition", days=experiment.window_days),
        _TONES[comparison.state],
    )


def _bounds(view: PageView, comparison: Comparison) -> tuple[str, str, str]:
    """Difference and bounds as texts; empty bounds while there are too few data."""
    latest, unit = comparison.latest, _UNITS[comparison.measure][1]
    some = float(comparison.arm_sample.n) > 0 and float(comparison.control_sample.n) > 0
    difference = view.number(float(latest.difference) if some else None, unit)
    low, high = float(latest.lower), float(latest.upper)
    if not np.isfinite(low):
        return difference, "", ""
    if unit == "points":  # shares cannot be further apart than all and none
        low, high = max(low, -1.0), min(high, 1.0)
    return difference, view.number(low, unit), view.number(high, unit)


def _outlook(view: PageView, comparison: Comparison) -> str:
    """When a decision is to be expected, and the effect that is detectable by the end; empty once one is possible."""
    if comparison.state != "undecided":
        return ""
    ahead = comparison.detectable
    ahead = ahead[np.isfinite(ahead["smallest_effect"].to_numpy(dtype=np.float64))]
    words = [view.say("effect.wait", arm=comparison.arm)]
    if comparison.days_left is not None and comparison.days_left > len(comparison.detectable):
        words.append(view.say("effect.too_slow"))
    elif comparison.days_left is not None:
        words.append(view.say("effect.days_left", days=view.number(comparison.days_left, "count")))
    if len(ahead):
        last = ahead.iloc[-1]
        by = day(date.fromisoformat(str(last["day"])[:10]), locale=view.locale)
        words.append(view.say("effect.detectable", day=by, size=view.number(last["smallest_effect"], "points")))
    return " ".join(words)


def _looks(view: PageView, comparison: Comparison, heading: str) -> alt.LayerChart | None:
    """The effect with its bounds on each day, without days whose bounds were over `WIDEST` times as wide as today's."""
    looks = comparison.looks
    width = (looks["upper"] - looks["lower"]).to_numpy(dtype=np.float64)
    looks = looks[np.isfinite(width) & (width <= WIDEST * width[-1:].sum())]
    if looks.empty:
        return None
    rows = pd.DataFrame(
        {
            "week": days([each.date() for each in looks["day"]], locale=view.locale),
            "value": 100 * looks["difference"],
            "low": 100 * looks["lower"].clip(lower=-1),
            "high": 100 * looks["upper"].clip(upper=1),
            "small": False,
            "text": [
                view.say("effect.look", value=view.number(value, "points"), n=view.number(n, "count"))
                for value, n in zip(looks["difference"], looks["organizations"], strict=True)
            ],
        }
    )
    label = view.axis_label("points")
    return charts.weeks(rows, description=heading, unit="points", axis_label=label)


def _table(view: PageView, found: Results) -> pd.DataFrame:
    """The table of effects: samples, difference, bounds and decision of every arm and measure."""
    rows = []
    for each in found.comparisons:
        unit = _UNITS[each.measure][0]
        difference, low, high = _bounds(view, each)
        label = view.say(f"effect.{each.measure}", arm=each.arm, control=each.control)
        rows.append(
            [
                label, *(_sample(view, sample, unit) for sample in (each.control_sample, each.arm_sample)), difference,
                f"{low} – {high}" if low else "", view.say(f"effect.state.{each.state}"),
            ]
        )  # fmt: skip
    names = ("effect.number", "effect.control", "effect.arm", "effect.difference", "table.interval", "effect.decision")
    return pd.DataFrame(rows, columns=[view.say(name) for name in names])


def _sample(view: PageView, sample: Sample, unit: Unit) -> str:
    n = float(sample.n)
    value = view.number(float(sample.mean) if n else None, unit)
    return f"{value} · {view.say('number.n', n=view.number(n, 'count'))}"


def _split(view: PageView, found: Results) -> Section:
    """The number of organisations in each arm, and the number expected."""
    split, arms = found.split, found.experiment.arms
    heading = view.say("split.heading", name=found.experiment.name)
    if not sum(split.counts):
        return Section(heading, view.say("split.reading"), note=view.say("note.empty"))
    counts = [view.number(count, "count") for count in split.counts]
    expected = [view.number(each, "count") for each in split.expected]
    rows = pd.DataFrame(
        {
            "name": [arm.name for arm in arms],
            "value": split.counts,
            "text": [
                view.say("split.text", count=count, expected=each) for count, each in zip(counts, expected, strict=True)
            ],
        }
    )
    columns = [view.say("effect.arm"), METRICS["participants"].label(view.locale), view.say("split.expected")]
    p = p_value(split.p_value, locale=view.locale)
    since = view.number(split.red_since, "count")
    note = view.say("split.red", p=p, since=since) if split.red else ""
    return Section(
        heading,
        f"{view.say('split.reading')} {view.say('split.p', p=p)}",
        chart=charts.bars(rows, description=heading),
        table=pd.DataFrame(zip(rows["name"], counts, expected, strict=True), columns=columns),
        note=note,
        tone="alarm",
    )
