"""Features of a plan: what it costs, how much it holds, where it stands among the others, and what usage makes of it.

Shapes are (n, p), or (p,) where the organisation plays no part. Money enters as log(1 + minor units / 1000), so about
10 € count as small; "over the cheapest" compares with the decision's candidates, "step up" with the next plan up of
the family (lowest higher tier, then catalogue order), whoever may take it.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from recommender.ranking.derived import UNLIMITED, Facts, count, log1p, log_money
from recommender.ranking.projection import COUNTS
from recommender.ranking.ranker import FloatArray
from recommender.ranking.situation import PlanTable
from recommender.ranking.usage_features import AI_TOKENS, ASSISTANTS, CONVERSATIONS, DOCUMENTS, SEATS


def monthly_price(facts: Facts) -> FloatArray:
    """Net price of a month, log money."""
    return facts.log_price


def price_over_cheapest(facts: Facts) -> FloatArray:
    """Price against the lowest price among the candidates, difference of log money; 0 for the cheapest."""
    return facts.log_price - facts.least(facts.log_price)


def price_step_up(facts: Facts) -> FloatArray:
    """Price of the next plan up against this one, difference of log money; 0 at the top."""
    price = facts.log_price
    return price[..., facts.next_plan] - price


def projected_bill(facts: Facts) -> FloatArray:
    """Price and overage of a month at the projected usage, log money."""
    return facts.log_bill


def bill_over_cheapest(facts: Facts) -> FloatArray:
    """Projected bill against the lowest among the candidates, difference of log money; 0 for the lowest."""
    return facts.log_bill - facts.least(facts.log_bill)


def bill_step_up(facts: Facts) -> FloatArray:
    """Projected bill on the next plan up against this one, difference of log money; 0 at the top."""
    bill = facts.log_bill
    return bill[:, facts.next_plan] - bill


def bill_over_current(facts: Facts) -> FloatArray:
    """Projected bill against that of the plan held now, difference of log money; 0 without one."""
    bill = facts.log_bill
    return np.where(facts.held, bill - np.take_along_axis(bill, facts.current, axis=1), 0.0)


def bill_risk(facts: Facts) -> FloatArray:
    """How much the bill grows if usage is at the upper end of its 80 % range, difference of log money."""
    busy = facts.plans.monthly_price_cents + facts.overage_of(facts.projection.high)
    return log_money(busy) - facts.log_bill


def overage_cost(facts: Facts) -> FloatArray:
    """Projected cost of usage beyond the limits in a month, log money."""
    return log_money(facts.overage_cents)


def headroom_conversations(facts: Facts) -> FloatArray:
    """1 − projected conversations / limit, within −4…1; 1 when unlimited."""
    return 1.0 - facts.use_of_limit[:, :, CONVERSATIONS]


def headroom_ai_tokens(facts: Facts) -> FloatArray:
    """1 − projected AI tokens / limit, within −4…1; 1 when unlimited."""
    return 1.0 - facts.use_of_limit[:, :, AI_TOKENS]


def headroom_documents(facts: Facts) -> FloatArray:
    """1 − documents / limit, within −4…1; 1 when unlimited or unknown."""
    return 1.0 - facts.use_of_limit[:, :, DOCUMENTS]


def headroom_assistants(facts: Facts) -> FloatArray:
    """1 − assistants / limit, within −4…1; 1 when unlimited or unknown."""
    return 1.0 - facts.use_of_limit[:, :, ASSISTANTS]


def headroom_seats(facts: Facts) -> FloatArray:
    """1 − seats / limit, within −4…1; 1 when unlimited or unknown."""
    return 1.0 - facts.use_of_limit[:, :, SEATS]


def violated_stock_limits(facts: Facts) -> FloatArray:
    """How many limits on documents, assistants and seats are exceeded now."""
    return count(facts.use_of_limit[:, :, ~COUNTS] > 1.0, axis=2)


def uncovered_allowances(facts: Facts) -> FloatArray:
    """How many allowances the projected usage exceeds without more being for sale."""
    closed = facts.plans.once(_closed)
    return count((facts.use_of_limit > 1.0) & closed, axis=2)


def strained_limits(facts: Facts) -> FloatArray:
    """How many limits of any kind would be exceeded at the upper end of the 80 % range."""
    return count(facts.busy_use_of_limit > 1.0, axis=2)


def overrun(facts: Facts) -> FloatArray:
    """Sum over all limits of log(projected usage / limit) where it is exceeded, at most log 5 each."""
    over = np.log(np.ascontiguousarray(np.maximum(facts.use_of_limit, 1.0)))
    return np.add.accumulate(over, axis=2)[:, :, -1]


def limit_conversations(facts: Facts) -> FloatArray:
    """Conversations a month, log(1 + limit); no limit counts as 10^13."""
    return facts.plans.once(_log_limits)[:, CONVERSATIONS]


def limit_ai_tokens(facts: Facts) -> FloatArray:
    """AI tokens a month, log(1 + limit); no limit counts as 10^13."""
    return facts.plans.once(_log_limits)[:, AI_TOKENS]


def limit_documents(facts: Facts) -> FloatArray:
    """Documents, log(1 + limit); no limit counts as 10^13."""
    return facts.plans.once(_log_limits)[:, DOCUMENTS]


def limit_assistants(facts: Facts) -> FloatArray:
    """Assistants, log(1 + limit); no limit counts as 10^13."""
    return facts.plans.once(_log_limits)[:, ASSISTANTS]


def limit_seats(facts: Facts) -> FloatArray:
    """Seats, log(1 + limit); no limit counts as 10^13."""
    return facts.plans.once(_log_limits)[:, SEATS]


def overage_price_conversations(facts: Facts) -> FloatArray:
    """Price of 1,000 conversations beyond the limit, log money; 0 without a limit, −1 where no more can be bought."""
    return facts.plans.once(_overage_prices)[:, 0]


def overage_price_ai_tokens(facts: Facts) -> FloatArray:
    """Price of 1,000,000 AI tokens beyond the limit, log money; 0 without a limit, −1 where no more can be bought."""
    return facts.plans.once(_overage_prices)[:, 1]


def on_chain(facts: Facts) -> FloatArray:
    """1 if each higher tier of the family holds at least as much and asks no more for use beyond it, else 0."""
    return facts.on_chain.astype(np.float64)


def tier(facts: Facts) -> FloatArray:
    """Rank within the family, from 1."""
    return facts.plans.tier.astype(np.float64)


def tier_share(facts: Facts) -> FloatArray:
    """Rank within the family as a share of its highest rank; 1 at the top."""
    return facts.plans.once(_tier_share)


def family(facts: Facts) -> FloatArray:
    """Index of the family, as declared in the catalogue: a category, not a quantity."""
    return facts.plans.family.astype(np.float64)


def _overage_prices(plans: PlanTable) -> FloatArray:
    """(p, 2) prices beyond the limits of conversations and AI tokens, see there."""
    sold = [CONVERSATIONS, AI_TOKENS]
    cents, limits = plans.overage_cents[:, sold], plans.limits[:, sold]
    price = np.where(np.isnan(cents), -1.0, log_money(np.nan_to_num(cents) * [1_000.0, 1_000_000.0]))
    return np.where(np.isinf(limits), 0.0, price)


def _closed(plans: PlanTable) -> NDArray[np.bool_]:
    """(p, metrics) allowances beyond which no more can be bought."""
    return np.asarray(np.isnan(plans.overage_cents) & COUNTS)


def _tier_share(plans: PlanTable) -> FloatArray:
    rank, family = plans.tier, plans.family
    highest = np.where(family[:, None] == family, rank, 0).max(axis=1, initial=1)
    return np.asarray(rank / highest, dtype=np.float64)


def _log_limits(plans: PlanTable) -> FloatArray:
    return log1p(np.minimum(plans.limits, UNLIMITED))


PLAN_FEATURES: Final = (
    headroom_conversations,
    headroom_ai_tokens,
    headroom_documents,
    headroom_assistants,
    headroom_seats,
    violated_stock_limits,
    uncovered_allowances,
    strained_limits,
    overrun,
    overage_cost,
    projected_bill,
    bill_over_cheapest,
    bill_step_up,
    bill_over_current,
    bill_risk,
    monthly_price,
    price_over_cheapest,
    price_step_up,
    limit_conversations,
    limit_ai_tokens,
    limit_documents,
    limit_assistants,
    limit_seats,
    overage_price_conversations,
    overage_price_ai_tokens,
    on_chain,
    tier,
    tier_share,
    family,
)
