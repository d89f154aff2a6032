"""Plans in words: price, key figures, feature list and blockers in the reader's language."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import isinf
from typing import Any, Final, TypeVar

from recommender.billing.catalogue import Catalogue, EnterpriseOffer, Feature, Interval, Limit, Plan
from recommender.billing.charged import COMPARED_MONTHS
from recommender.billing.money import decimal_places
from recommender.cards import key_limits
from serving.words.contracts import (
    BillRecord,
    BillText,
    BlockerRecord,
    BlockerText,
    FeatureText,
    MetricText,
    PlanText,
    Price,
)
from serving.words.locales import LocaleCode
from serving.words.numbers_sold import number_sold, with_number
from serving.words.texts import compact, known, money, number, say

Value = TypeVar("Value")
_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^A-Z_\-\s]+")
"""An acronym or a word within a code; separators are dropped."""


class Words:
    """The words of one catalogue in one language; `links` maps names of the host's pages to addresses."""

    def __init__(self, catalogue: Catalogue, locale: LocaleCode, links: Mapping[str, str]) -> None:
        self.catalogue = catalogue
        self.locale: LocaleCode = locale
        self._links = links
        self._on_sale = {id(plan) for plan in catalogue.plans}
        self._made: dict[tuple[str, ...], Any] = {}

    def once(self, what: str, plans: Sequence[Plan], make: Callable[[], Value]) -> Value:
        """The words about plans on sale, made once and not to be changed; of any other plan they are made anew.

        Another plan is one as it was sold to one organisation.
        """
        if any(id(plan) not in self._on_sale for plan in plans):
            return make()
        key = what, *(plan.code for plan in plans)
        if key not in self._made:
            self._made[key] = make()
        words: Value = self._made[key]
        return words

    def term(self, code: str, fallback: str) -> str:
        """The catalogue's text for a code in this language, else the fallback."""
        return self.catalogue.texts.get(code, {}).get(self.locale) or fallback

    def plan_name(self, code: str) -> str:
        """The name of a plan by its code; raises `UnknownPlan`."""
        return self.catalogue.plan(code).name

    def named(self, plan: Plan) -> str:
        """The name of a plan as it was sold, with its number where it is sold by one."""
        return with_number(self.locale, plan.name, plan.per, plan.quantity)

    def link(self, page: str) -> str | None:
        """The address of a page of the host, if the settings name it."""
        return self._links.get(page)

    def money(self, amount_cents: int, *, decimals: bool = False) -> str:
        """An amount in the catalogue's currency; `decimals` as in `texts.money`."""
        return money(self.locale, amount_cents, self.catalogue.currency, decimals=decimals)

    def about(self, amount_cents: int) -> str:
        """A projected amount: whole units of the currency, once there are a hundred of them."""
        unit = 10 ** decimal_places(self.catalogue.currency)
        whole = round(amount_cents / unit) * unit
        return self.money(whole if abs(amount_cents) >= 100 * unit else amount_cents)

    def whole(self, amount_cents: int) -> str:
        """An estimate of money, without the decimals that it cannot promise; less than one unit is exact."""
        unit = 10 ** decimal_places(self.catalogue.currency)
        return self.money(round(amount_cents / unit) * unit or amount_cents)

    def plan(self, plan: Plan, interval: Interval) -> PlanText:
        """The plan as every reader sees it on a card."""
        return self.once(f"plan by the {interval}", (plan,), partial(self._plan, plan, interval))

    def _plan(self, plan: Plan, interval: Interval) -> PlanText:
        return {
            "plan": plan.code,
            "name": plan.name,
            "description": self.term(plan.code, plan.description),
            "family": plan.family,
            "tier": plan.tier,
            "price": self.price(plan.price_cents[interval], interval),
            "number": number_sold(plan, interval, locale=self.locale, currency=self.catalogue.currency),
            "metrics": [self._key_metric(limit) for limit in key_limits(plan)],
            "features": self.features(plan),
        }

    def price(self, amount_cents: int, interval: Interval) -> Price:
        """A net price with its text ("190 €/Monat zzgl. MwSt.")."""
        return {
            "amount_cents": amount_cents,
            "currency": self.catalogue.currency,
            "interval": interval,
            "tax_included": False,
            "text": say(self.locale, f"price.{interval}", amount=self.money(amount_cents)),
        }

    def bill(self, bill: BillRecord) -> BillText:
        """The projected bill with its text."""
        params = {
            "amount": self.whole(bill["amount_cents"]) if bill["overage_cents"] else self.money(bill["amount_cents"]),
            "overage": self.whole(bill["overage_cents"]),
            "metric": ", ".join(self.subject(metric) for metric in bill["exceeded"]),
        }
        kind = (
            "unknown"
            if not bill.get("usage_known", True)
            else "exceeded"
            if bill["exceeded"]
            else "with_overage"
            if bill["overage_cents"]
            else "plain"
        )
        low, high = bill.get("low_cents", bill["amount_cents"]), bill.get("high_cents", bill["amount_cents"])
        compared, months, then = (
            bill.get("compared_cents", bill["amount_cents"]),
            bill.get("months"),
            bill.get("then_cents"),
        )
        between = say(self.locale, "bill.range", low=self.whole(low), high=self.whole(high)) if low < high else None
        return {
            "amount_cents": bill["amount_cents"],
            "overage_cents": bill["overage_cents"],
            "low_cents": low,
            "high_cents": high,
            "range_text": between,
            "currency": self.catalogue.currency,
            "interval": "month",
            "exceeded": bill["exceeded"],
            "usage_known": bill.get("usage_known", True),
            "compared_cents": compared,
            "compared_text": None
            if compared == bill["amount_cents"]
            else say(self.locale, "bill.compared", amount=self.about(compared), count=COMPARED_MONTHS),
            "months": months,
            "then_cents": then,
            "text": self._bill_text(kind, params, months=months, then_cents=then),
            "basis": {"days": bill["days"]},
        }

    def _bill_text(self, kind: str, params: Mapping[str, str], *, months: int | None, then_cents: int | None) -> str:
        """The bill, and the one that comes after so many months if a promotion ends."""
        if months is None or then_cents is None:
            return say(self.locale, f"bill.{kind}", **params)
        then = self.about(then_cents)
        if kind == "unknown":
            return say(self.locale, "bill.unknown.then", **params, then=then, count=months)
        return say(self.locale, "bill.then", text=say(self.locale, f"bill.{kind}", **params), then=then, count=months)

    def features(self, offer: Plan | EnterpriseOffer) -> list[FeatureText]:
        """The feature list: limits first, then included features."""
        limits = [FeatureText(code=each.code, text=self.limit(each), included=each.value > 0) for each in offer.limits]
        included = [
            FeatureText(code=each.code, text=self.feature(each), included=True)
            for each in offer.features
            if each.included
        ]
        return limits + included

    def feature(self, feature: Feature) -> str:
        """The name of a feature, with its value where it is not a yes or no."""
        name = self.term(feature.code, readable(feature.code))
        return name if isinstance(feature.value, bool) else f"{name}: {self.value(feature.value)}"

    def limit(self, limit: Limit) -> str:
        """A limit as a line of the feature list ("~50k Gespräche/Monat", "1k Dokumente")."""
        if limit.metric is not None:
            return self._amount(f"limit.{limit.metric}", limit)
        name = self.term(limit.code, readable(limit.code))
        shown = say(self.locale, "unlimited") if isinf(limit.value) else number(self.locale, limit.value)
        return f"{name}: {shown}"

    def _key_metric(self, limit: Limit) -> MetricText:
        key = f"key.{limit.metric}"
        return {
            "code": limit.metric or limit.code,
            "value": None if isinf(limit.value) else limit.value,
            "text": self._amount(key, limit) if known(self.locale, key) else self.limit(limit),
        }

    def _amount(self, key: str, limit: Limit) -> str:
        if isinf(limit.value):
            return say(self.locale, f"{key}.unlimited")
        return say(self.locale, key, count=int(limit.value), shown=compact(self.locale, limit.value))

    def value(self, value: float | str) -> str:
        """The value of a feature as text."""
        return value if isinstance(value, str) else number(self.locale, value)

    def blocker(self, blocker: BlockerRecord) -> BlockerText:
        """A blocker with its message and its remedy; a code without messages gets a general message and remedy."""
        code, remedy, subject = blocker["code"], blocker["remedy"], blocker["subject"]
        used, limit, excess = blocker["used"], blocker["limit"], blocker["excess"]
        params = {"subject": self.subject(subject) if subject else "", "used": used, "limit": limit, "excess": excess}
        return {
            "code": code,
            "message": self._first((f"blocker.{code}", "blocker.other"), {**params, "count": used or 0}),
            "used": used,
            "limit": limit,
            "excess": excess,
            "remedy": self._first(
                (f"remedy.{remedy}.{subject}", f"remedy.{remedy}", "remedy.contact_support"),
                {**params, "count": excess or 0},
            ),
            "url": self.link(blocker.get("page", "")),
            "clears_at": blocker["clears_at"],
        }

    def _first(self, keys: tuple[str, ...], params: Mapping[str, object]) -> str:
        key = next(key for key in keys if known(self.locale, key))
        return say(self.locale, key, **params)

    def subject(self, code: str) -> str:
        """The name of a metric, template, integration or feature."""
        for kind in ("metric", "template", "integration"):
            key = f"{kind}.{code}.name"
            if known(self.locale, key):
                return say(self.locale, key)
        return self.term(code, readable(code))

    def within(self, metric: str) -> str:
        """The name of a metric as it stands within a sentence: "conversations", but "AI tokens"."""
        key = f"metric.{metric}.within"
        return say(self.locale, key) if known(self.locale, key) else self.subject(metric)


WordsIn = Callable[[LocaleCode], Words]
"""Makes the words of the catalogue on sale in a language."""


def readable(code: str) -> str:
    """Words made from a code that has no text: `apiCallsLimit` → `Api calls limit`."""
    if code.isupper():
        code = code.lower()
    words = [word if word.isupper() else word.lower() for word in _WORDS.findall(code)]
    return " ".join(words)[:1].upper() + " ".join(words)[1:]
