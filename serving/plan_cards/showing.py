"""The content of a decision: the row of cards, the sentence above them, and the way to sales."""

from collections.abc import Mapping
from dataclasses import replace

from recommender.billing.catalogue import Catalogue, Interval, Plan
from recommender.billing.charged import ChargedPrice, SoldPlan, charged_price
from recommender.billing.subscription import Wish
from recommender.cards import MonthlyUsage, plan_card, projected_bill
from recommender.concerns import Beyond, Concern, beyond_largest, concerns
from recommender.ranking.derived import Facts
from recommender.ranking.exploration import ShownPlan
from recommender.ranking.reasons import NEUTRAL, Explanation
from recommender.row import ShownAs, row
from serving.accounts.account import Snapshot
from serving.plan_cards.contracts import Guarded
from serving.plan_cards.records import (
    CardRecord,
    Content,
    ContextRecord,
    beyond_record,
    card_record,
    charged_params,
    usage_record,
    with_chance,
)
from serving.sale.assortment import Assortment


def places_of(
    order: tuple[ShownPlan, ...], *, snapshot: Snapshot, assortment: Assortment, shown: int
) -> tuple[tuple[ShownPlan, ...], Mapping[str, ShownAs]]:
    """The candidates, those on cards first, and the rule by which each card is shown."""
    if not order:
        return (), {}
    installed = frozenset(snapshot.organization.templates)
    plans = [assortment.catalogue.plan(each.plan) for each in order]
    places = row(
        plans=plans,
        first=order[0].plan,
        held=snapshot.current.held.plan,
        families=[plan.family for plan in plans if plan.templates & installed],
        cards_on_trial=shown,
    )
    rules = {place.plan: place.shown_as for place in places}
    by_plan = {each.plan: each for each in order}
    behind = [each for each in order if each.plan not in rules]
    first_the_cards = [*(by_plan[place.plan] for place in places), *behind]
    return tuple(replace(each, position=i) for i, each in enumerate(first_the_cards, start=1)), rules


def content_of(
    cards: tuple[ShownPlan, ...],
    *,
    row: Mapping[str, ShownAs],
    snapshot: Snapshot,
    measured: Facts,
    sold: Mapping[str, SoldPlan],
    assortment: Assortment,
    explanation: Explanation | None,
    usage: MonthlyUsage,
    guarded: Guarded | None,
) -> Content:
    """The answer without words; `guarded` says which plan would have been first, and why it is not.

    `sold` has what each plan is to this organisation.
    """
    prices = {code: each.price for code, each in sold.items()}
    shown = [
        _Shown(
            each,
            row[each.plan],
            snapshot=snapshot,
            measured=measured,
            sold=sold[each.plan],
            prices=prices,
            catalogue=assortment.catalogue,
            usage=usage,
        )
        for each in cards
    ]
    kept = _kept(snapshot, sold=sold, measured=measured, catalogue=assortment.catalogue, usage=usage, cards=len(cards))
    first = shown[0] if shown else None
    against = first.concerns(None) if first is not None else ()
    family = [plan for plan in assortment.catalogue.plans if first is not None and plan.family == first.plan.family]
    beyond = beyond_largest([plan for plan in family if not plan.private], usage=usage.expected)
    context: ContextRecord = {"code": "nothing", "reason": None, "plan": None, "params": {}}
    if first is not None:
        held = snapshot.current.held.plan
        context = _context(explanation, first=first.plan, beyond=beyond, held=held, guarded=guarded)
        if kept is not None and kept.does_for(first):
            context = {"code": "kept", "reason": None, "plan": first.plan.code, "params": {"name": kept.plan.name}}
        params = with_chance(context["params"], usage)
        context["params"] = charged_params(params, own=first.plan.code, prices=prices)
    records = [
        each.record(
            explanation,
            concerns=against if each is first else each.concerns(against if _larger(each, first) else None),
        )
        for each in shown
    ]
    if kept is not None:
        records.append(kept.record(None, concerns=kept.concerns(None)))
        for record in records:
            record["recommended"] = (record is records[-1]) if context["code"] == "kept" else record["recommended"]
    return {
        "context": context,
        "plans": records,
        "usage": usage_record(snapshot, usage),
        "beyond": None if beyond is None else beyond_record(beyond),
    }


class _Shown:
    """Makes one card."""

    def __init__(
        self,
        place: ShownPlan,
        shown_as: ShownAs,
        *,
        snapshot: Snapshot,
        measured: Facts,
        sold: SoldPlan,
        prices: Mapping[str, ChargedPrice],
        catalogue: Catalogue,
        usage: MonthlyUsage,
        interval: Interval | None = None,
    ) -> None:
        self._snapshot, self._measured, self._catalogue, self._usage = snapshot, measured, catalogue, usage
        self._place, self._shown_as, self._sold, self._prices = place, shown_as, sold, prices
        of_decision: Interval = measured.plans.interval
        self._interval = interval or of_decision
        self.plan: Plan = sold.plan

    def concerns(self, recommended: tuple[Concern, ...] | None) -> tuple[Concern, ...]:
        """Concerns about the plan; `recommended` has those about a smaller plan that is recommended."""
        sold = {code for plan in self._catalogue.plans for code in plan.integrations}
        connected = sold & set(self._snapshot.organization.integrations)
        return concerns(self.plan, usage=self._usage.expected, connected=connected, recommended=recommended)

    def does_for(self, other: "_Shown") -> bool:
        """Whether the plan holds all known usage and costs no more than the other: then nobody need leave it."""
        return bool(self._usage.expected) and not self.concerns(None) and self.compared_cents <= other.compared_cents

    @property
    def compared_cents(self) -> int:
        """The mean monthly bill by which plans are compared."""
        return projected_bill(plan=self.plan, price=self._sold.price, usage=self._usage, days=0).compared_cents

    def record(self, explanation: Explanation | None, *, concerns: tuple[Concern, ...]) -> CardRecord:
        """The card as plain values for the decision log; the first card has the reasons."""
        card = plan_card(
            wish=Wish.from_catalogue(self._catalogue, self.plan, self._interval),
            price=self._sold.price,
            place=self._place,
            account=self._snapshot.account,
            usage=self._usage,
            days=round(float(self._measured.history_days[0])),
            reasons=explanation.reasons if explanation is not None and self._place.position == 1 else (),
            now=self._snapshot.at,
        )
        held = self.plan.code == self._snapshot.current.held.plan
        return card_record(
            card,
            promotion=self._sold.promotion,
            prices=self._prices,
            usage=self._usage,
            shown_as=self._shown_as,
            held=held,
            listed=next((each for each in self._catalogue.plans if each.code == self.plan.code), None),
            concerns=concerns,
        )


def _kept(
    snapshot: Snapshot,
    *,
    sold: Mapping[str, SoldPlan],
    measured: Facts,
    catalogue: Catalogue,
    usage: MonthlyUsage,
    cards: int,
) -> _Shown | None:
    """The card of the plan held if it is not on sale at this interval: marked, and last, for nobody can choose it."""
    plan, interval = snapshot.current.plan, snapshot.current.held.interval
    subscription = snapshot.current.subscription
    if plan is None or interval is None or subscription is None or plan.code in sold:
        return None
    price = charged_price(plan, interval, discount=subscription.discount)
    return _Shown(
        ShownPlan(plan.code, cards + 1, 0.0, 0.0, 0.0),
        "held",
        snapshot=snapshot,
        measured=measured,
        sold=SoldPlan(plan, price),
        prices={},
        catalogue=catalogue,
        usage=usage,
        interval=interval,
    )


def _larger(card: _Shown, first: _Shown | None) -> bool:
    return first is not None and card.plan.family == first.plan.family and card.plan.tier > first.plan.tier


def _context(
    explanation: Explanation | None,
    *,
    first: Plan,
    beyond: Beyond | None,
    held: str | None,
    guarded: Guarded | None,
) -> ContextRecord:
    """The sentence above the cards; `reason` is its reason, `plan` the recommended plan. First match wins."""
    context = NEUTRAL if explanation is None else explanation.context
    silent = explanation is None or not explanation.reasons
    found: tuple[str, str | None, Mapping[str, str | int | float]]
    if beyond is not None and first.code == beyond.plan:
        found = "beyond", None, beyond_record(beyond)
    elif context.code == "unknown" or not silent:
        found = context.code, None if context.reason is None else context.reason.code, context.params
    elif guarded is not None and guarded["code"] == "blocked":
        found = "blocked", None, {"plan": guarded["first"]}
    elif first.code == held:
        found = "keep", None, {"plan": first.code}
    else:
        found = context.code, None if context.reason is None else context.reason.code, context.params
    code, reason, params = found
    return {"code": code, "reason": reason, "plan": first.code, "params": dict(params)}
