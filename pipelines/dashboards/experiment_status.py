"""The section on an experiment's status and guardrails, as reported by the service."""

from collections.abc import Mapping
from typing import Final

import pandas as pd

from data_contracts.experiments import ExperimentStatus
from pipelines.dashboards.content import Figure, PageView, Section
from pipelines.dashboards.numbers import instant, p_value

_HARMLESS: Final = frozenset({"last_stage"})
"""Hindrances that are no reason for a warning."""


def status(view: PageView, experiment: str) -> Section:
    """Stage and guardrails of one experiment, or the command to run where the service's report is missing."""
    heading = view.say("status.heading", name=experiment)
    handed = view.tables.statuses.of(experiment) if view.tables.statuses else None
    if handed is None:
        return Section(heading, view.say("status.reading"), note=view.say("status.none"))
    found, as_of = handed
    return Section(
        heading,
        f"{view.say('status.reading')} {view.say('status.as_of', instant=instant(as_of, locale=view.locale))}",
        figures=_figures(view, found),
        table=_table(view, found),
        note=_note(view, found),
        tone="alarm" if found.phase == "stopped" or any(each.red for each in found.guardrails) else "warn",
    )


def _figures(view: PageView, found: ExperimentStatus) -> tuple[Figure, ...]:
    texts: Mapping[str, str] = {
        "phase": view.say(f"status.phase.{found.phase}"),
        "stage": view.number(found.stage_percent / 100, "share"),
    }
    return tuple(
        Figure(name, view.say(f"status.{name}"), text, "", "", view.say(f"status.{name}.definition"))
        for name, text in texts.items()
    )


def _note(view: PageView, found: ExperimentStatus) -> str:
    """The reason why the experiment was stopped, or else the hindrances of its next stage."""
    if found.stopped_at is not None:
        at = instant(found.stopped_at, locale=view.locale)
        return view.say("status.stopped", at=at, reason=found.reason or "–")
    if found.phase == "ended" or _HARMLESS.issuperset(found.hindrances):
        return ""
    named = ", ".join(view.say(f"status.hindrance.{each}") for each in found.hindrances)
    return view.say("status.may_not_grow", why=named)


def _table(view: PageView, found: ExperimentStatus) -> pd.DataFrame:
    rows = [
        [
            view.say(f"status.guardrail.{each.guardrail}"),
            each.arm,
            _of(view, each.harmed, each.organizations),
            _of(view, each.control_harmed, each.control_organizations),
            p_value(each.p_value, locale=view.locale),
            view.say("status.red" if each.red else "status.green"),
        ]
        for each in found.guardrails
    ]
    columns = ["status.guardrail", "effect.arm", "status.harmed", "status.control_harmed", "status.p"]
    return pd.DataFrame(rows, columns=[*(view.say(name) for name in columns), view.say("status.state")])


def _of(view: PageView, harmed: int, organizations: int) -> str:
    return view.say("status.of", harmed=view.number(harmed, "count"), organizations=view.number(organizations, "count"))
