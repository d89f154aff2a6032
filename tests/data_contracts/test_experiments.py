"""Experiments are read from YAML, and everything that is wrong is named with its place."""

import pytest

from data_contracts.experiments import GUARDRAILS, STAGES, read_experiments
from data_contracts.yaml_reading.places import CatalogueFaults

GOOD = """\
experiments:
  - name: challenger-autumn
    question: Does the new ranker sell more?
    starts_at: 2026-11-01T00:00:00Z
    ends_at: 2026-12-15T00:00:00Z
    planned_organizations: 20000
    arms:
      - {name: control, share: 50}
      - {name: challenger, ranker: challenger, exploration_budget: 0.01, share: 50}
    guardrails:
      - {name: slow_answers, tolerance: 1.5}
"""


def test_what_is_not_said_has_a_default() -> None:
    (one,) = read_experiments(GOOD)
    assert (one.stage_percent, one.salt, one.window_days, one.shares) == (10, "", 14, (0.5, 0.5))
    assert (one.control.name, one.arms[1].exploration_budget) == ("control", 0.01)
    assert [guardrail.name for guardrail in one.guardrails] == ["slow_answers"]
    (grown,) = read_experiments(GOOD + "    stage_percent: 50\n")
    assert grown.stage_percent == 50
    (plain,) = read_experiments(GOOD.partition("    guardrails")[0])
    assert [guardrail.name for guardrail in plain.guardrails] == list(GUARDRAILS)


def test_a_question_is_asked_in_every_language_or_in_the_one_that_there_is() -> None:
    (one,) = read_experiments(GOOD)
    assert one.question_in("de") == one.question_in("fr") == "Does the new ranker sell more?"
    spoken = GOOD.replace("Does the new ranker sell more?", "{de: Verkauft er mehr?, en: Does it sell more?}")
    (two,) = read_experiments(spoken)
    assert [two.question_in(locale) for locale in ("de", "en", "fr")] == [
        "Verkauft er mehr?", "Does it sell more?", "Verkauft er mehr?"
    ]  # fmt: skip
    assert (
        read_experiments(GOOD.replace("    question: Does the new ranker sell more?\n", ""))[0].question_in("en") == ""
    )


@pytest.mark.parametrize("text", ["experiments:", "experiments: []", "{}", "~"])
def test_no_experiments_are_none(text: str) -> None:
    assert read_experiments(text) == ()


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("share: 50}\n      - ", "share: 0}\n      - ", "experiments:8:32: experiments.0.arms.0.share"),
        ("name: challenger-autumn", "name: Challenger Autumn", "experiments:2:11: experiments.0.name"),
        ("2026-12-15", "2026-10-15", "experiments:2:5: experiments.0: starts_at must lie before"),
        ("T00:00:00Z\n    ends", "T00:00:00\n    ends", "experiments.0.starts_at"),
        ("name: control", "name: challenger", "two arms have the same name"),
        ("ranker: challenger", "ranker: horoscope", "experiments.0.arms.1.ranker"),
        ("planned_organizations: 20000", "planned_organizations: many", "experiments.0.planned_organizations"),
        ("planned_organizations: 20000", "planned_organizations: 20000\n    stage_percent: 30", "0.stage_percent"),
        ("planned_organizations: 20000", "planned_organizations: 20000\n    colour: blue", "0.colour"),
        ("planned_organizations: 20000", "planned_organizations: 20000\n    segment: {start: 50, end: 50}", "segment"),
        ("slow_answers", "mood", "experiments.0.guardrails.0.name"),
        ("tolerance: 1.5", "tolerance: .nan", "experiments.0.guardrails.0.tolerance"),
        ("experiments:\n", "other: 7\nexperiments:\n", "experiments:1:8: other"),
        ("experiments:\n", "experiments: &a [*a]\n", "experiments:1"),
        ("name: challenger-autumn", "name: a\n    name: b", "experiments:3"),
    ],
)
def test_a_fault_is_named_with_its_place(old: str, new: str, place: str) -> None:
    assert old in GOOD
    with pytest.raises(CatalogueFaults) as faults:
        read_experiments(GOOD.replace(old, new))
    assert place in str(faults.value)


def second(**changes: str) -> str:
    entry = GOOD.removeprefix("experiments:\n").replace("challenger-autumn", changes.pop("name", "other"))
    return GOOD + entry + "".join(f"    {key}: {value}\n" for key, value in changes.items())


def test_two_experiments_do_not_share_organisations_at_one_time() -> None:
    with pytest.raises(CatalogueFaults, match="run at once on the same organisations"):
        read_experiments(second())
    with pytest.raises(CatalogueFaults, match="the same name"):
        read_experiments(second(name="challenger-autumn"))
    first = GOOD.replace("    arms:", "    segment: {start: 0, end: 60}\n    arms:")
    both = first + second(segment="{start: 60, end: 100}").removeprefix(GOOD)
    assert [each.name for each in read_experiments(both)] == ["challenger-autumn", "other"]


def test_stages_grow() -> None:
    assert list(STAGES) == sorted(STAGES)
    assert STAGES[-1] == 100
