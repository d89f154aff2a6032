"""May this plan be taken? One answer, asked by plan cards, previews, renewals and waiting changes at their instant.

Decided: every obstacle is named at once, in one order: what the offer itself refuses, the promotion, the currency,
open payments, then what the organisation holds and uses.
Others: Stripe's portal hides a plan that cannot be taken; here it is shown with the reason and the way out.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

from recommender.billing.account import Account
from recommender.billing.blockers import Blocker, blockers_for
from recommender.billing.catalogue import Interval, Plan, Promotion, Window
from recommender.billing.change_rules import (
    ChangeRule,
    ChangeSituation,
    Direction,
    Timing,
    effective_instant,
    rule_for,
    situation_of,
)
from recommender.billing.discounts import promotion_refusals
from recommender.billing.dunning import arrears_blockers
from recommender.billing.eligibility import refusals_for
from recommender.billing.subscription import ScheduledChange, Wish

State = Literal["current", "scheduled", "selectable", "blocked", "unavailable"]
"""`current`: held now. `scheduled`: chosen, and waits for the period's end. `unavailable`: the offer itself is not open
to this organisation. `blocked`: open to it, but something stands against it."""

OTHER_CURRENCY: Final = Blocker("other_currency", "contact_support", "support")
"""The plan held is paid in another currency than the wished one: its credit cannot be taken off."""
PAID_AMOUNT_UNKNOWN: Final = Blocker("paid_amount_unknown", "contact_support", "support")
"""The amount paid for the running period is unknown, as the plan was sold elsewhere: nothing of it can be credited."""
PAUSED: Final = Blocker("subscription_paused", "contact_support", "support")
"""The operator has paused the subscription, and only the operator resumes it."""
METHOD_NEEDED: Final = Blocker("payment_method_needed", "add_payment_method", "billing")
"""The wished plan waits for the period's end, and none of the organisation's payment methods may pay for it then."""
HELD_PLAN_UNKNOWN: Final = Blocker("held_plan_unknown", "contact_support", "support")
"""The plan held is in no catalogue of ours, so neither its tier nor its price can be compared."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The answer for one plan: whether, how and when it can be taken."""

    state: State
    direction: Direction
    timing: Timing
    effective_at: datetime | None
    """When it would happen; of the plan held, when it ends, if it was cancelled."""
    blockers: tuple[Blocker, ...]
    """Empty when the plan is `current` or can be taken; for a `scheduled` one, what would stop it as things stand."""


def selection(*, account: Account, wish: Wish, now: datetime) -> Selection:
    """Say whether the account can take the wished plan at this instant, and everything that stands against it.

    A plan card and a preview of the same wish give the same answer. The plan held now is not blocked: there is nothing
    to choose; of a newer version of it only a preview speaks.

    Args:
        account: What is known of the organisation.
        wish: The plan, its interval and perhaps a promotion.
        now: The instant of the question.

    Returns:
        State, direction, timing, the instant it would take effect, and the blockers.

    Examples:
        In a trial every plan can be started now; a private one is sold on request:

        >>> from datetime import UTC
        >>> from recommender.billing.catalogue import Plan
        >>> from recommender.billing.eligibility import Applicant
        >>> from recommender.billing.periods import Period
        >>> from recommender.billing.subscription import Subscription
        >>> june = Period(datetime(2025, 6, 1, tzinfo=UTC), datetime(2025, 7, 1, tzinfo=UTC))
        >>> account = Account(Applicant("FR"), Subscription("trial", june))
        >>> basic = Plan("basic", "Basic", "", "shop", 1, {"month": 19_000}, "", (), ())
        >>> selection(account=account, wish=Wish(basic, "month", "v1", "EUR"), now=june.start).state
        'selectable'
        >>> private = replace(basic, private=True)
        >>> found = selection(account=account, wish=Wish(private, "month", "v1", "EUR"), now=june.start)
        >>> found.state, [blocker.code for blocker in found.blockers]
        ('unavailable', ['on_request'])
    """
    held, situation = account.subscription, situation_against(account, wish)
    if situation.is_held:
        return Selection("current", "none", "never", held.period.end if held and held.cancelled else None, ())
    rule = rule_for(situation)
    at = effective_instant(timing=rule.timing, now=now, period=None if held is None else held.period)
    refusals = _refusals(account, wish, now=now)
    blockers = (*refusals, *_obstacles(account, wish, rule=rule))
    state: State = "unavailable" if refusals else "blocked" if blockers else "selectable"
    waiting = None if held is None else held.scheduled
    if waiting is not None and (waiting.plan.code, waiting.interval) == (wish.plan.code, wish.interval):
        agreed = waiting.currency or wish.currency
        state, blockers = "scheduled", blockers_at_instant(account=account, waiting=waiting, currency=agreed, now=now)
    return Selection(state, rule.direction, rule.timing, at, blockers)


def rule_against(account: Account, wish: Wish) -> ChangeRule:
    """The line of `CHANGE_RULES` for this wish; tiers are compared as the wish's catalogue ranks them."""
    return rule_for(situation_against(account, wish))


def situation_against(account: Account, wish: Wish) -> ChangeSituation:
    """The situation of the account with this wish."""
    subscription = account.subscription
    return situation_of(
        current=account.paying_plan,
        current_interval=None if subscription is None else subscription.interval,
        target=wish.plan,
        target_interval=wish.interval,
    )


def blockers_against(account: Account, wish: Wish, *, rule: ChangeRule, now: datetime) -> tuple[Blocker, ...]:
    """Everything that stands against the wish under this rule at this instant; empty when it can be carried out."""
    if rule.direction == "none":
        return (Blocker("nothing_to_change", "choose_other_plan", "plans", subject=wish.plan.code),)
    return (*_refusals(account, wish, now=now), *_obstacles(account, wish, rule=rule))


def blockers_at_instant(
    *, account: Account, waiting: ScheduledChange, currency: str, now: datetime
) -> tuple[Blocker, ...]:
    """The blockers of a waiting change when its instant has come, by the same rules as when it was asked for.

    A window of the plan or promotion that closed meanwhile does not count: the change was agreed while it was open.

    Args:
        account: What is known of the organisation at that instant.
        waiting: The change.
        currency: The currency that was agreed.
        now: The instant.

    Returns:
        One blocker per reason; empty when the change can be made.
    """
    lasting = replace(waiting.plan, window=Window())
    wish = Wish(lasting, waiting.interval, waiting.catalogue_version, currency)
    rule = rule_against(account, wish)
    if waiting.direction is not None:
        rule = replace(rule, direction=waiting.direction, timing="period_end")
    return blockers_against(account, wish, rule=rule, now=now)


def _refusals(account: Account, wish: Wish, *, now: datetime) -> tuple[Blocker, ...]:
    """The conditions of the offer that the account does not meet: plan and interval first, then the promotion."""
    refusals = refusals_for(offer=wish.plan, interval=wish.interval, applicant=account.applicant, now=now)
    if wish.promotion is None:
        return refusals
    return (*refusals, *offer_refusals(account, wish.promotion, plan=wish.plan, interval=wish.interval, now=now))


def offer_refusals(
    account: Account, promotion: Promotion, *, plan: Plan, interval: Interval, now: datetime
) -> tuple[Blocker, ...]:
    """Every reason why the account may not use the promotion on this plan now; empty when it may."""
    used = frozenset[str]() if account.subscription is None else account.subscription.promotions_used
    terms = promotion_refusals(promotion, plan=plan, interval=interval, now=now, used=used)
    return (*terms, *audience_refusals(account, promotion))


def audience_refusals(account: Account, promotion: Promotion) -> tuple[Blocker, ...]:
    """Why the promotion is not for this account: for new customers, another family, another country; empty if it is."""
    audience, applicant, held = promotion.audience, account.applicant, account.paying_plan
    found = []
    if audience.new_customers and (account.subscription is None or account.subscription.status != "trial"):
        found.append("promotion_new_customers_only")
    if audience.families is not None:
        holds = held is not None and held.family in audience.families
        if not holds and not applicant.templates & audience.templates:
            found.append("promotion_other_family")
    if audience.countries is not None and applicant.country.upper() not in audience.countries:
        found.append("promotion_other_country")
    return tuple(Blocker(code, "choose_without_promotion", "plans", subject=promotion.code) for code in found)


def _obstacles(account: Account, wish: Wish, *, rule: ChangeRule) -> tuple[Blocker, ...]:
    """The blockers that do not come from the offer: payments first, then what the organisation holds and uses."""
    return (
        *_payment_blockers(account, wish, timing=rule.timing),
        *blockers_for(
            target=wish.plan, direction=rule.direction, stock_usage=account.stock_usage, in_use=account.in_use
        ),
    )


def _payment_blockers(account: Account, wish: Wish, *, timing: Timing) -> tuple[Blocker, ...]:
    """The blockers of the wish that concern payments: the currency, open invoices, an unknown paid amount."""
    held = account.subscription
    if held is None:
        return (HELD_PLAN_UNKNOWN,)
    found = list(arrears_blockers(account.arrears, timing=timing))
    if held.status == "paused":
        found.append(PAUSED)
    if held.is_paying and held.currency not in (None, wish.currency):
        found.insert(0, OTHER_CURRENCY)
    if timing == "now" and held.is_paying and not held.paid.known:
        found.append(PAID_AMOUNT_UNKNOWN)
    if timing == "period_end" and account.payable_plans is not None and wish.plan.code not in account.payable_plans:
        found.append(METHOD_NEEDED)
    return tuple(found)
