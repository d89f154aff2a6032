"""The facts kept on disk between pages: computed once from the checked tables, read in moments by every page."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Final

import pandas as pd

from data_contracts.atomic_files import written_together
from data_contracts.experiments import Experiment, ExperimentStatuses
from data_contracts.policy_estimates import PolicyEstimate
from pipelines.metrics.facts import Facts, read_facts
from recommender.billing.catalogue import Catalogue

FORM: Final = 7
"""Goes up when the files change their form; another form is made again, never guessed at."""
FILES: Final = (
    "journeys.parquet",
    "charges.parquet",
    "refunds.parquet",
    "decisions.parquet",
    "participants.parquet",
    "drift.parquet",
    "facts.json",
)


_AGAIN: Final = "run `python -m pipelines metrics` first"


class NoFacts(ValueError):
    """The folder holds no facts, or some of another form; the text says what to run."""


def warm(
    *,
    checked: Path,
    out: Path,
    catalogues: Sequence[Catalogue],
    experiments: Sequence[Experiment] = (),
    policies: Sequence[PolicyEstimate] = (),
    statuses: ExperimentStatuses | None = None,
) -> Facts:
    """Compute the facts of a checked folder and keep them in `out`."""
    read = read_facts(checked, catalogues=catalogues, experiments=experiments)
    facts = replace(read, policies=tuple(policies), statuses=statuses)
    keep(facts, out)
    return facts


def keep(facts: Facts, out: Path) -> None:
    """Write the facts to a folder; what is there is replaced at once or not at all."""
    with written_together(out, FILES) as paths:
        facts.journeys.to_parquet(paths["journeys.parquet"], index=False)
        facts.charges.to_parquet(paths["charges.parquet"], index=False)
        facts.refunds.to_parquet(paths["refunds.parquet"], index=False)
        facts.decisions.to_parquet(paths["decisions.parquet"], index=False)
        facts.participants.to_parquet(paths["participants.parquet"], index=False)
        facts.drift.to_parquet(paths["drift.parquet"], index=False)
        about = {
            "form": FORM,
            "data_end": facts.data_end.isoformat(),
            "currency": facts.currency,
            "experiments": [each.model_dump(mode="json") for each in facts.experiments],
            "strays": dict(facts.strays),
            "policies": [each.model_dump(mode="json") for each in facts.policies],
            "statuses": facts.statuses and facts.statuses.model_dump(mode="json"),
        }
        paths["facts.json"].write_text(json.dumps(about), encoding="utf-8")


def read_warm(folder: Path) -> Facts:
    """The facts as `warm` left them; raises `NoFacts`."""
    try:
        about = json.loads((folder / "facts.json").read_text("utf-8"))
        _require_form(about["form"], folder)
        return Facts(
            journeys=pd.read_parquet(folder / "journeys.parquet"),
            charges=pd.read_parquet(folder / "charges.parquet"),
            data_end=datetime.fromisoformat(about["data_end"]),
            currency=about["currency"],
            refunds=pd.read_parquet(folder / "refunds.parquet"),
            decisions=pd.read_parquet(folder / "decisions.parquet"),
            participants=pd.read_parquet(folder / "participants.parquet"),
            drift=pd.read_parquet(folder / "drift.parquet"),
            experiments=tuple(Experiment.model_validate(each) for each in about["experiments"]),
            strays=about["strays"],
            policies=tuple(PolicyEstimate.model_validate(each) for each in about["policies"]),
            statuses=about["statuses"] and ExperimentStatuses.model_validate(about["statuses"]),
        )
    except NoFacts:
        raise
    except FileNotFoundError as error:
        raise NoFacts(f"{folder}: holds no facts; {_AGAIN}") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NoFacts(f"{folder}: cannot be read ({str(error).splitlines()[0]}); {_AGAIN}") from error


def _require_form(form: object, folder: Path) -> None:
    if form != FORM:
        raise NoFacts(f"{folder}: holds facts of another form; {_AGAIN}")


def read_warm_once(folder: Path) -> Facts:
    """The same, kept in memory until the folder is written again: the readers of one process share one copy."""
    try:
        written_ns = (folder / "facts.json").stat().st_mtime_ns
    except OSError:
        written_ns = 0
    return _kept(folder.resolve(), written_ns)


@lru_cache(maxsize=2)
def _kept(folder: Path, written_ns: int) -> Facts:  # noqa: ARG001 - what tells one writing from the next
    return read_warm(folder)
