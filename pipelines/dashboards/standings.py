"""Where an experiment stands and what its guardrails count, as the service handed it over."""

from collections.abc import Mapping
from typing import Final

import pandas as pd

from data_contracts.experiment_standings import ExperimentStanding
from pipelines.dashboards.content import Figure, Section, Voice
from pipelines.dashboards.numbers import instant, number, p_value

_HARMLESS: Final = frozenset({"last_stage"})
"""Keeps it from growing, and is no reason to worry."""


def standing(voice: Voice, experiment: str) -> Section:
    """Stage and guardrails of one experiment; says what to run where nobody handed them over."""
    heading = voice.say("standing.heading", name=experiment)
    handed = voice.facts.standings.of(experiment) if voice.facts.standings else None
    if handed is None:
        return Section(heading, voice.say("standing.reading"), note=voice.say("standing.none"))
    found, as_of = handed
    return Section(
        heading,
        f"{voice.say('standing.reading')} {voice.say('standing.as_of', instant=instant(as_of, locale=voice.locale))}",
        figures=_figures(voice, found),
        table=_table(voice, found),
        note=_note(voice, found),
        tone="alarm" if found.phase == "stopped" or any(each.red for each in found.guardrails) else "warn",
    )


def _figures(voice: Voice, found: ExperimentStanding) -> tuple[Figure, ...]:
    said: Mapping[str, str] = {
        "phase": voice.say(f"standing.phase.{found.phase}"),
        "stage": number(found.stage_percent / 100, "share", locale=voice.locale, currency=""),
    }
    return tuple(
        Figure(name, voice.say(f"standing.{name}"), text, "", "", voice.say(f"standing.{name}.definition"))
        for name, text in said.items()
    )


def _note(voice: Voice, found: ExperimentStanding) -> str:
    """What has stopped it, else what keeps it from growing."""
    if found.stopped_at is not None:
        at = instant(found.stopped_at, locale=voice.locale)
        return voice.say("standing.stopped", at=at, reason=found.reason or "–")
    if found.phase == "ended" or _HARMLESS.issuperset(found.hindrances):
        return ""
    named = ", ".join(voice.say(f"standing.hindrance.{each}") for each in found.hindrances)
    return voice.say("standing.may_not_grow", why=named)


def _table(voice: Voice, found: ExperimentStanding) -> pd.DataFrame:
    rows = [
        [
            voice.say(f"standing.guardrail.{each.guardrail}"),
            each.arm,
            _of(voice, each.harmed, each.organizations),
            _of(voice, each.control_harmed, each.control_organizations),
            p_value(each.p_value, locale=voice.locale),
            voice.say("standing.red" if each.red else "standing.green"),
        ]
        for each in found.guardrails
    ]
    columns = ["standing.guardrail", "effect.arm", "standing.harmed", "standing.control_harmed", "standing.p"]
    return pd.DataFrame(rows, columns=[*(voice.say(name) for name in columns), voice.say("standing.state")])


def _of(voice: Voice, harmed: int, organizations: int) -> str:
    counts = (number(each, "count", locale=voice.locale, currency="") for each in (harmed, organizations))
    return voice.say("standing.of", **dict(zip(("harmed", "organizations"), counts, strict=True)))
