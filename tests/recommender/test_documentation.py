"""The examples in the core's docstrings are run, and its main functions have one, with parameters and returns."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
from sybil.document import PythonDocStringDocument
from sybil.parsers.rest import DocTestParser

import recommender
from recommender.billing import (
    availability,
    change_rules,
    discounts,
    dunning,
    metering,
    money,
    overage,
    periods,
    plan_change,
    proration,
    quota,
    tax,
    vat_rates,
)
from recommender.experiments import sample_ratio
from recommender.ranking import exploration, features, ranker

FOLDER = Path(recommender.__file__).parent
MODULES = sorted(path for path in FOLDER.rglob("*.py") if ">>> " in path.read_text(encoding="utf-8"))
MAIN: tuple[Callable[..., object], ...] = (
    money.round_half_away_from_zero,
    money.minor_units,
    periods.boundary,
    periods.period_containing,
    proration.unused_time,
    proration.remaining_time,
    metering.quota_uses,
    quota.allowance_of,
    overage.overage_cents,
    discounts.discount_cents,
    tax.tax_on,
    vat_rates.standard_rate,
    dunning.next_attempt,
    change_rules.rule_for,
    availability.selection,
    plan_change.decide_plan_change,
    ranker.rank,
    exploration.explore,
    features.feature_rows,
    sample_ratio.sample_ratio,
)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(FOLDER).as_posix())
def test_the_examples_in_docstrings_are_true(path: Path) -> None:
    document = PythonDocStringDocument.parse(str(path), DocTestParser())
    name = ".".join((recommender.__name__, *path.relative_to(FOLDER).with_suffix("").parts))
    document.namespace.update(vars(import_module(name)))

    for example in document.examples():
        example.evaluate()


@pytest.mark.parametrize("function", MAIN, ids=lambda function: function.__qualname__)
def test_a_main_function_says_what_it_takes_and_gives_and_shows_it(function: Callable[..., object]) -> None:
    assert function.__doc__ is not None
    assert all(part in function.__doc__ for part in ("Args:", "Returns:", "Examples:", ">>> "))
