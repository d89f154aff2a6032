"""Where an experiment stands and what its guardrails count, as the service handed it over."""

from collections.abc import Mapping
from typing import Final

import pandas as pd

from data_contracts.experiments import ExperimentStatus
from pipelines.dashboards.content import Figure, Section, Voice
from pipelines.dashboards.numbers import instant, number, p_value

_HARMLESS: Final = frozenset({"last_stage"})
"""Keeps it from growing, and is no reason to worry."""


def status(voice: Voice, experiment: str) -> Section:
    """Stage and guardrails of one experiment; says what to run where nobody handed them over."""
    heading = voice.say("status.heading", name=experiment)
    handed = voice.tables.statuses.of(experiment) if voice.tables.statuses else None
    if handed is None:
        return Section(heading, voice.say("status.reading"), note=voice.say("status.none"))
    found, as_of = handed
    return Section(
        heading,
        f"{voice.say('status.reading')} {voice.say('status.as_of', instant=instant(as_of, locale=voice.locale))}",
        figures=_figures(voice, found),
        table=_table(voice, found),
        note=_note(voice, found),
        tone="alarm" if found.phase == "stopped" or any(each.red for each in found.guardrails) else "warn",
    )


def _figures(voice: Voice, found: ExperimentStatus) -> tuple[Figure, ...]:
    said: Mapping[str, str] = {
        "phase": voice.say(f"status.phase.{found.phase}"),
        "stage": number(found.stage_percent / 100, "share", locale=voice.locale, currency=""),
    }
    return tuple(
        Figure(name, voice.say(f"status.{name}"), text, "", "", voice.say(f"status.{name}.definition"))
        for name, text in said.items()
    )


def _note(voice: Voice, found: ExperimentStatus) -> str:
    """What has stopped it, else what keeps it from growing."""
    if found.stopped_at is not None:
        at = instant(found.stopped_at, locale=voice.locale)
        return voice.say("status.stopped", at=at, reason=found.reason or "–")
    if found.phase == "ended" or _HARMLESS.issuperset(found.hindrances):
        return ""
    named = ", ".join(voice.say(f"status.hindrance.{each}") for each in found.hindrances)
    return voice.say("status.may_not_grow", why=named)


def _table(voice: Voice, found: ExperimentStatus) -> pd.DataFrame:
    rows = [
        [
            voice.say(f"status.guardrail.{each.guardrail}"),
            each.arm,
            _of(voice, each.harmed, each.organizations),
            _of(voice, each.control_harmed, each.control_organizations),
            p_value(each.p_value, locale=voice.locale),
            voice.say("status.red" if each.red else "status.green"),
        ]
        for each in found.guardrails
    ]
    columns = ["status.guardrail", "effect.arm", "status.harmed", "status.control_harmed", "status.p"]
    return pd.DataFrame(rows, columns=[*(voice.say(name) for name in columns), voice.say("status.state")])


def _of(voice: Voice, harmed: int, organizations: int) -> str:
    counts = (number(each, "count", locale=voice.locale, currency="") for each in (harmed, organizations))
    return voice.say("status.of", **dict(zip(("harmed", "organizations"), counts, strict=True)))
