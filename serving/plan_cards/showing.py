"""The content of a decision: the row of cards, the sentence above them, and the way to sales."""

from collections.abc import Mapping
from dataclasses import replace

from data_contracts.usage import METRICS
from recommender.billing.catalogue import Catalogue, Interval, Plan
from recommender.billing.charged import ChargedPrice, SoldPlan, charged_price
from recommender.billing.subscription import Wish
from recommender.cards import MonthlyUsage, plan_card, projected_bill
from recommender.concerns import LITTLE_KNOWN, NEW_PRICE, Beyond, Concern, beyond_largest, concerns, needed_over
from recommender.ranking.abstention import Borrowing
from recommender.ranking.derived import Facts
from recommender.ranking.explanation import NEUTRAL, Explanation
from recommender.ranking.exploration import ShownPlan
from recommender.ranking.needs import weekly_growth
from recommender.ranking.ranker import Ranker
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
    first, stays = shown[0] if shown else None, False
    against = first.concerns(None) if first is not None else ()
    family = [plan for plan in assortment.catalogue.plans if first is not None and plan.family == first.plan.family]
    beyond = beyond_largest([plan for plan in family if not plan.private], usage=usage.expected)
    context: ContextRecord = {"code": "nothing", "reason": None, "plan": None, "params": {}}
    if first is not None:
        held = snapshot.current.held.plan
        context = _context(explanation, first=first.plan, beyond=beyond, held=held, guarded=guarded)
        if kept is not None and (stays := kept.does_for(first)):
            context = _staying(kept, context, usage=usage)
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
        for record in records if stays else ():  # reasons were told against plans on sale
            record |= {"recommended": record is records[-1], "reasons": []}
    return {
        "context": context,
        "plans": records,
        "usage": usage_record(snapshot, usage),
        "beyond": None if beyond is None else beyond_record(beyond),
    }


def with_caution(content: Content, *, ranker: Ranker, measured: Facts) -> Content:
    """The answer with a caution first on each card whose plan, or whose price as charged, the ranker has not seen."""
    if not isinstance(ranker, Borrowing):
        return content
    borrowed = ranker.borrowed([card["plan"] for card in content["plans"]])
    charged = dict(zip(measured.plans.codes, measured.plans.monthly_price_cents.tolist(), strict=True))
    repriced = ranker.repriced(charged)
    for card in content["plans"]:
        plan = card["plan"]
        caution = LITTLE_KNOWN if plan in borrowed else NEW_PRICE if plan in repriced else None
        if caution is not None:
            card["concerns"] = [{"code": caution, "params": {}}, *card["concerns"]]
    return content


def with_paid_interval(content: Content, *, paid: Interval | None, interval: Interval) -> Content:
    """The answer whose savings say at which interval is paid, where that is another one than the decision's."""
    if paid is not None and paid != interval:
        reasons = [reason for card in content["plans"] for reason in card["reasons"] if reason["code"] == "saves"]
        for params in [reason["params"] for reason in reasons] + [content["context"]["params"]]:
            params["paid_interval"] = paid
    return content


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
        used, weekly = self._usage.expected, self._weekly
        return concerns(self.plan, usage=used, connected=self._connected, weekly=weekly, recommended=recommended)

    def does_for(self, other: "_Shown") -> bool:
        """Whether the plan costs no more than the other, which meets no need that it does not: nobody need leave it."""
        installed, used = self._snapshot.organization.templates, self._usage.expected
        return self.compared_cents <= other.compared_cents and not needed_over(
            other.plan, self.plan, usage=used, connected=self._connected, weekly=self._weekly, templates=installed
        )

    @property
    def _connected(self) -> set[str]:
        sold = {code for plan in self._catalogue.plans for code in plan.integrations}
        return sold & set(self._snapshot.organization.integrations)

    @property
    def _weekly(self) -> Mapping[str, int]:
        """Metric of a level → the units by which it grows in a week."""
        return {metric: int(more) for metric, more in zip(METRICS, weekly_growth(self._measured)[0], strict=True)}

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


def _staying(kept: _Shown, context: ContextRecord, *, usage: MonthlyUsage) -> ContextRecord:
    """The sentence where the plan held is recommended though it is not sold any more; the way to sales comes first."""
    if context["code"] == "beyond":
        return context
    code = "kept" if usage.expected and not kept.concerns(None) else "withdrawn"
    return {"code": code, "reason": None, "plan": context["plan"], "params": {"name": kept.plan.name}}


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
