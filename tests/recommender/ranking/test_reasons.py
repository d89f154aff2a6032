from dataclasses import dataclass

import numpy as np
import pytest

from recommender.ranking.derived import Facts, select
from recommender.ranking.explanation import Explanation
from recommender.ranking.guard_facts import NEED_OF, enough, smaller_blocked
from recommender.ranking.needs import NEEDS
from recommender.ranking.ranker import FloatArray, IntArray, Ranker
from recommender.ranking.reason_facts import facts_for
from recommender.ranking.reasons import LEAST_CONTRIBUTION, Attributing, explain
from recommender.ranking.rules import RuleRanker
from recommender.ranking.situation import PlanTable, Situations
from tests.recommender.ranking.builders import make_situations, make_table, random_situations

TABLE = make_table()
KNOWN = {"documents": 500.0, "assistants": 2.0, "seats": 2.0}
ECOMMERCE = ("ecommerce-basic", "ecommerce-scale", "ecommerce-enterprise")


@dataclass(frozen=True)
class Linear:
    """A ranker whose utility is a weighted sum of named features, so its attributions are known exactly."""

    weights: dict[str, float]
    name: str = "model"
    version: str = "test"

    @property
    def feature_names(self) -> tuple[str, ...]:
        return tuple(self.weights)

    def contributions(self, features: FloatArray, group_sizes: IntArray, wanted: IntArray | None = None) -> FloatArray:
        shares = np.asarray(features * np.array(list(self.weights.values())))
        return shares if wanted is None else shares[wanted]

    def utilities(self, features: FloatArray, group_sizes: IntArray) -> FloatArray:
        utilities: FloatArray = self.contributions(features, group_sizes).sum(axis=1)
        return utilities


def why(situations: Situations, plan: str, ranker: Ranker | None = None, plans: PlanTable = TABLE) -> Explanation:
    return explain(Facts(situations, plans), ranker=ranker or RuleRanker(), plan=plan)


def codes(explanation: Explanation) -> list[str]:
    return [reason.code for reason in explanation.reasons]


def test_a_template_is_no_reason_between_plans_of_its_family_but_leads_the_cards() -> None:
    explanation = why(make_situations(TABLE, templates=("ecommerce",)), "ecommerce-basic")

    assert "template_installed" not in codes(explanation)
    assert explanation.context.code == "unknown"  # usage is, and the sentence says so
    assert explanation.context.params == {"template": "ecommerce"}
    assert explanation.context.reason is not None
    assert explanation.context.reason.checks.rival == "knowledge-basic"


def test_a_template_is_a_reason_against_a_plan_it_does_not_suit() -> None:
    situations = make_situations(TABLE, templates=("support",), eligible=("ecommerce-basic", "support-basic"))

    (reason,) = why(situations, "support-basic").reasons

    assert (reason.code, reason.message_key) == ("template_installed", "reason.template_installed")
    assert reason.checks.margin_without < reason.checks.margin


def test_usage_that_fits_the_smaller_plan_is_a_reason_for_it() -> None:
    situations = make_situations(TABLE, per_day={"conversations": 1_000}, eligible=ECOMMERCE)

    (reason,) = why(situations, "ecommerce-basic").reasons

    assert reason.code == "usage_fits"
    assert reason.params == {"metric": "conversations", "used": 30_000, "limit": 50_000}
    assert why(situations, "ecommerce-basic").context.code == "usage"


def test_usage_that_the_smaller_plan_cannot_hold_is_a_reason_for_the_larger() -> None:
    situations = make_situations(TABLE, levels={"seats": 4}, eligible=("ecommerce-basic", "ecommerce-scale"))

    (reason,) = why(situations, "ecommerce-scale").reasons

    assert reason.code == "usage_needs"
    assert reason.params == {"metric": "seats", "used": 4, "limit": 3, "plan": "ecommerce-basic"}


def test_usage_close_to_the_smaller_plans_limit_says_close() -> None:
    situations = make_situations(
        TABLE, per_day={"conversations": 1_600}, eligible=("ecommerce-basic", "ecommerce-scale")
    )

    assert codes(why(situations, "ecommerce-scale")) == ["usage_near_limit"]


def test_an_integration_that_only_the_better_plan_has_is_a_reason() -> None:
    situations = make_situations(
        TABLE, integrations=("shopify", "whatsapp"), eligible=("ecommerce-basic", "ecommerce-scale")
    )

    (reason,) = why(situations, "ecommerce-scale").reasons

    assert (reason.code, reason.params) == (
        "integration_connected",
        {"integration": "whatsapp", "plan": "ecommerce-basic"},
    )


def test_staying_is_explained_by_the_plan_that_fits() -> None:
    situations = make_situations(
        TABLE, per_day={"conversations": 1_500}, levels=KNOWN, current="ecommerce-scale", eligible=ECOMMERCE
    )

    explanation = why(situations, "ecommerce-scale")

    assert "current_plan_fits" in codes(explanation)
    assert explanation.context.code == "stay"


def test_going_down_is_explained_by_little_usage() -> None:
    situations = make_situations(
        TABLE, per_day={"conversations": 500}, levels=KNOWN, current="ecommerce-scale", eligible=ECOMMERCE
    )

    assert "usage_small" in codes(why(situations, "ecommerce-basic"))


def test_the_lowest_bill_is_a_reason_where_the_bill_decides() -> None:
    situations = make_situations(TABLE, per_day={"conversations": 100}, eligible=("ecommerce-basic", "ecommerce-scale"))

    (reason,) = why(situations, "ecommerce-basic", Linear({"projected_bill": -1.0})).reasons

    assert reason.code == "cheapest_bill"
    assert reason.params == {
        "amount_cents": 19_000,
        "other_amount_cents": 49_000,
        "overage_amount_cents": 0,
        "saving_amount_cents": 30_000,
        "plan": "ecommerce-scale",
    }
    assert reason.checks.margin_without == pytest.approx(0)
    assert reason.contribution == pytest.approx(np.log(50 / 20))


def test_a_saving_is_said_once() -> None:
    """Two dearer plans at 490 €: what is held, and the one that the guard overruled."""
    situations = make_situations(
        TABLE, per_day={"conversations": 100}, levels=KNOWN, templates=("ecommerce",), current="support-scale"
    )

    facts, against = Facts(situations, TABLE), {"alternative": "support-scale", "overruled": "ecommerce-scale"}
    explanation = explain(facts, ranker=RuleRanker(), plan="ecommerce-basic", **against)

    savings = [each.params.get("saving_amount_cents") for each in explanation.reasons]
    assert savings.count(30_000) == 1
    assert codes(explanation)[0] == "saves"


def test_of_several_limits_one_that_the_plan_holds_is_named() -> None:
    """Six seats are over both plans' limits by more than 1,100 documents are over the smaller one's."""
    situations = make_situations(TABLE, levels=KNOWN | {"documents": 1_100.0, "seats": 6.0}, eligible=ECOMMERCE[:2])

    explanation = why(situations, "ecommerce-scale", Linear({"tier": 1.0, "violated_stock_limits": -1.0}))

    leading = explanation.context.reason
    assert leading is not None
    assert (leading.code, leading.params["metric"], leading.params["more"]) == ("limits_passed", "documents", 1)
    assert leading.params["holds"] == 1
    assert [each.params.get("metric") for each in explanation.reasons].count("documents") == 1


def test_growth_is_a_reason_for_room() -> None:
    situations = make_situations(
        TABLE, per_day={"conversations": 1_000}, eligible=("ecommerce-basic", "ecommerce-scale")
    )
    situations.totals[0, 1:15, 0] = 1_600

    explanation = why(situations, "ecommerce-scale", Linear({"headroom_conversations": 3.0, "tier": -0.1}))

    growth = next(reason for reason in explanation.reasons if reason.code == "growth")
    assert growth.params == {"metric": "conversations", "percent": 53}


def test_growth_says_when_the_allowance_of_the_other_plan_will_not_do() -> None:
    """The last four weeks were 36,000 in 30 days; a week more like the last makes 43,500, two 49,500, three 54,000."""
    situations = make_situations(TABLE, eligible=("ecommerce-basic", "ecommerce-scale"))
    situations.totals[0, 1:, 0] = np.repeat([1_800, 1_200, 1_000, 800], 7)

    explanation = why(situations, "ecommerce-scale", Linear({"headroom_conversations": 3.0, "tier": -0.1}))

    soon = next(reason for reason in explanation.reasons if reason.code == "limit_reached_soon")
    assert soon.params == {
        "metric": "conversations",
        "used": int(Facts(situations, TABLE).reported_monthly[0, 0]),
        "limit": 50_000,
        "plan": "ecommerce-basic",
        "weeks": 3,
    }


def test_a_fact_that_the_ranker_holds_against_the_plan_is_not_said() -> None:
    situations = make_situations(TABLE, templates=("support",), eligible=("ecommerce-basic", "support-basic"))

    explanation = why(situations, "support-basic", Linear({"template_fit": -1.0, "family": 1.0}))

    assert explanation.reasons == ()
    assert explanation.context.code == "unknown"


def test_an_attribution_alone_is_not_enough() -> None:
    """Attributed to the template, but the margin is the same without it: nothing to say."""

    class Mistaken(Linear):
        def utilities(self, features: FloatArray, group_sizes: IntArray) -> FloatArray:
            return np.tile([0.0, 1.0], len(group_sizes))

    situations = make_situations(TABLE, templates=("support",), eligible=("ecommerce-basic", "support-basic"))

    assert why(situations, "support-basic", Mistaken({"template_fit": 1.0})).reasons == ()


def test_nothing_known_claims_nothing() -> None:
    explanation = why(make_situations(TABLE, days=0), "ecommerce-basic")

    assert explanation.reasons == ()
    assert explanation.context.code == "unknown"


def test_usage_that_was_not_reported_for_three_weeks_is_not_spoken_of() -> None:
    situations = make_situations(TABLE, per_day={"conversations": 1_000}, eligible=ECOMMERCE)
    spoken_of = why(situations, "ecommerce-basic")
    situations.totals[0, :21, :2] = 0

    silent = why(situations, "ecommerce-basic")

    assert codes(spoken_of) == ["usage_fits"]
    assert (codes(silent), silent.context.code) == ([], "unknown")


def test_an_only_candidate_needs_no_reason() -> None:
    situations = make_situations(TABLE, templates=("ecommerce",), eligible=("ecommerce-basic",))

    assert why(situations, "ecommerce-basic").reasons == ()


def test_a_plan_put_first_by_exploration_is_weighed_against_the_best() -> None:
    situations = make_situations(TABLE, levels={"seats": 4}, eligible=ECOMMERCE)

    explanation = why(situations, "ecommerce-basic")  # the rules prefer ecommerce-scale

    assert all(reason.checks.rival == "ecommerce-scale" for reason in explanation.reasons)
    assert "usage_fits" not in codes(explanation)


def test_the_rules_give_no_attributions_and_a_linear_ranker_does() -> None:
    assert not isinstance(RuleRanker(), Attributing)
    assert isinstance(Linear({"tier": 1.0}), Attributing)


@pytest.mark.parametrize(
    "ranker",
    [
        RuleRanker(),
        Linear({"template_fit": 2.0, "projected_bill": -1.0, "headroom_seats": 1.0, "missing_integrations": -1.0}),
    ],
    ids=["rules", "linear"],
)
def test_every_reason_holds_weighs_and_would_be_missed(ranker: Ranker) -> None:
    situations = random_situations(TABLE, n=60, seed=31)
    said = 0
    for i in range(60):
        one = select(situations, np.array([i]))
        for plan in np.flatnonzero(one.eligible[0])[:3]:
            for reason in why(one, TABLE.codes[plan], ranker).reasons:
                said += 1
                rival = TABLE.codes.index(reason.checks.rival)
                facts = Facts(one, TABLE)
                stated = [
                    fact
                    for kind in (facts_for, enough, smaller_blocked)
                    for fact in kind(facts, plan=int(plan), rival=rival)
                ]
                fact = next(each for each in stated if (each.code, each.params) == (reason.code, reason.params))
                if reason.code == "smaller_blocked":
                    assert facts.reported_bill_cents[0, rival] <= facts.reported_bill_cents[0, plan]
                    continue
                if (
                    reason.checks.by == "guard" and reason.code not in NEED_OF
                ):  # money: enough, or cheaper though larger
                    assert facts.reported_bill_cents[0, plan] < facts.reported_bill_cents[0, rival]
                    continue
                if reason.checks.by == "guard":
                    need = NEEDS[NEED_OF[reason.code]]
                    assert need(facts)[0, plan, rival]
                    assert not need(Facts(fact.situations, TABLE))[0, plan, rival]
                    continue
                assert reason.contribution >= LEAST_CONTRIBUTION
                assert reason.checks.margin_without < reason.checks.margin
    assert said >= 10
