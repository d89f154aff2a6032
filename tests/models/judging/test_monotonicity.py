"""The certificate holds for the rules, and finds the falls of a ranker that is not monotone."""

from dataclasses import dataclass

import numpy as np
import pytest

from data_contracts.catalogue import reference_texts
from models.judging.monotonicity import FACTORS, certify, probe_situations
from recommender.billing.catalogue_build import load_catalogue
from recommender.ranking.features import feature_cube
from recommender.ranking.plan_table import plan_table
from recommender.ranking.ranker import FloatArray, IntArray
from recommender.ranking.rules import RuleRanker
from recommender.ranking.situation import PlanTable
from tests.models.torn import TORN

REFERENCE = plan_table(load_catalogue(*reference_texts()), "month")


@dataclass(frozen=True)
class CheapestBill:
    """Sends everyone to the lowest bill, which on a torn family is a lower tier as soon as usage is high enough."""

    name: str = "rules"
    version: str = "0"
    feature_names: tuple[str, ...] = ("projected_bill",)

    def utilities(self, features: FloatArray, group_sizes: IntArray) -> FloatArray:
        return -features[:, 0]


@dataclass(frozen=True)
class AnyOfThem(CheapestBill):
    """Follows the last digits of the usage."""

    feature_names: tuple[str, ...] = ("projected_conversations", "tier")

    def utilities(self, features: FloatArray, group_sizes: IntArray) -> FloatArray:
        return np.sin(features[:, 0] * 50 * features[:, 1])


@pytest.mark.parametrize("interval", ["month", "year"])
def test_no_organisation_is_sent_to_a_smaller_plan_by_the_rules_for_using_more(interval: str) -> None:
    plans = plan_table(load_catalogue(*reference_texts()), "year" if interval == "year" else "month")

    certificate = certify(RuleRanker(), plans=plans, organisations=300, seed=3)

    assert certificate.falls == dict.fromkeys(certificate.falls, 0)
    assert certificate.holds
    assert min(certificate.moved.values()) > 0


def test_the_rules_keep_the_promise_where_plans_are_not_comparable() -> None:
    assert certify(RuleRanker(), plans=TORN, organisations=300, seed=3).holds


@pytest.mark.slow
def test_five_thousand_organisations_never_fall_by_the_rules() -> None:
    certificate = certify(RuleRanker(), plans=REFERENCE)

    assert (certificate.organisations, certificate.probes, certificate.holds) == (5_000, 70_000, True)


@pytest.mark.parametrize(
    ("ranker", "plans", "guarded"), [(CheapestBill(), TORN, False), (AnyOfThem(), REFERENCE, True)]
)
def test_a_ranker_that_falls_gets_no_certificate(ranker: CheapestBill, plans: PlanTable, guarded: bool) -> None:
    certificate = certify(ranker, plans=plans, organisations=200, guarded=guarded)

    assert certificate.falls["together"] > 0
    assert not certificate.holds


def test_what_is_probed_crosses_the_limits_on_the_way() -> None:
    situations = probe_situations(REFERENCE, number=500, seed=1)

    room = feature_cube(situations, REFERENCE, ["headroom_conversations", "headroom_documents", "headroom_seats"])

    assert FACTORS[0] == 1
    assert (room > 0).any(axis=(0, 1)).all()
    assert (room < 0).any(axis=(0, 1)).all()
    assert situations.eligible.any(axis=1).all()
