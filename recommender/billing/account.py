"""One organisation as the plan rules see it: where it is, what it holds, what it uses, and what it still owes."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from recommender.billing.catalogue import MAX_QUANTITY, Plan
from recommender.billing.dunning import Arrears, OpenInvoices, arrears_of
from recommender.billing.eligibility import Applicant
from recommender.billing.subscription import Subscription
from recommender.billing.tax import Buyer


@dataclass(frozen=True, slots=True)
class Account:
    """Everything known of an organisation that bears on which plans it may take, and when."""

    applicant: Applicant
    subscription: Subscription | None
    """The subscription held; `None`: a plan sold elsewhere that no catalogue of ours knows, at an unknown price."""
    stock_usage: Mapping[str, int | None] = field(default_factory=dict)
    """Metric (documents, assistants, seats) → the level held now; absent or `None`: unknown."""
    in_use: Mapping[str, datetime | None] = field(default_factory=dict)
    """Code of an active feature or connected integration → the instant it ends by itself, if it does."""
    open_invoices: OpenInvoices = "none"
    timezone: str = "UTC"
    """IANA zone of the organisation: a new billing anchor keeps its day and hour there."""
    buyer: Buyer | None = None
    """The facts that decide on the tax; `None`: amounts stay net, as for comparing prices."""
    may_be_invoiced: bool = True
    """Whether everything is known that the law wants on an invoice."""
    payable_plans: frozenset[str] | None = None
    """Codes of the plans that its payment methods may pay for; `None`: every plan, or it has no method yet."""
    rank_of_held: int | None = None
    """The tier of the plan held among the plans on sale (`Catalogue.rank_of`); `None`: the tier it was sold at."""

    @property
    def paying_plan(self) -> Plan | None:
        """The plan that is paid for, at the tier it has today; `None` in a trial, after the end and where unknown."""
        plan = None if self.subscription is None else self.subscription.paying_plan
        return plan if plan is None or self.rank_of_held is None else replace(plan, tier=self.rank_of_held)

    def sized(self, plan: Plan, quantity: int | None = None) -> Plan:
        """The plan in this number; unless asked for, in the number that the organisation holds or uses, at least one.

        Raises `QuantityNotSold`, but for a number that was not asked for: that is at most what is sold.
        """
        if plan.per is None or quantity is not None:
            return plan.of(1 if quantity is None else quantity)
        held = None if self.subscription is None else self.subscription.paying_plan
        has = held.quantity if held is not None and held.per == plan.per else 1
        if held is None or held.code != plan.code:
            used = None if plan.counted is None else self.stock_usage.get(plan.counted)
            has = max(has, used or 0)
        return plan.of(min(has, plan.most or MAX_QUANTITY))

    @property
    def arrears(self) -> Arrears:
        """The payment arrears of the organisation, by its subscription and its invoices."""
        status = "trial" if self.subscription is None else self.subscription.status
        return arrears_of(status, invoices=self.open_invoices)
