"""A quote in the reader's language, as the contract writes it."""

from collections.abc import Iterable, Mapping
from math import isinf

from recommender.billing.blockers import Blocker
from recommender.billing.entitlements import Difference, Value
from recommender.billing.promotion_end import PromotionEnd, promotion_end_of
from recommender.billing.proration import Line
from recommender.billing.tax import TaxLine
from serving.accounts.records import blocker_record
from serving.plan_changes.contracts import DifferenceText, LineText, PromotionEndText, QuoteAnswer, TaxText
from serving.plan_changes.quotes import Quote
from serving.plan_changes.summary import summary
from serving.web.fields import utc_text
from serving.words.contracts import BlockerText, NumberSold
from serving.words.locales import LocaleCode
from serving.words.numbers_sold import number_sold, with_number
from serving.words.plans import Words
from serving.words.texts import days, number, say
from serving.words.usage import overage_answers


def quote_answer(quoted: Quote, *, token: str | None, words: Words, timezone: str) -> QuoteAnswer:
    """A quote as the contract writes it; without a token it cannot be confirmed, and `blockers` has the reasons."""
    change = quoted.change
    coming = change.next_invoice
    lines = [line_answer(line, words=words, timezone=timezone, names=quoted.names) for line in change.lines]
    tax = tax_answer(quoted.tax, words.locale)
    return {
        "quote": token,
        "expires_at": utc_text(quoted.expires_at),
        "plan": change.wish.plan.code,
        "interval": change.wish.interval,
        "number": _number(quoted, words),
        "direction": change.direction,
        "timing": change.timing,
        "effective_at": None if change.effective_at is None else utc_text(change.effective_at),
        "catalogue_version": change.wish.catalogue_version,
        "lines": lines,
        "net_cents": change.net_cents,
        "tax": tax,
        "due_now_cents": quoted.due_now_cents,
        "next_invoice": None if coming is None else {"at": utc_text(coming.at), "net_cents": coming.net_cents},
        "promotion_ends": promotion_end_answer(promotion_end_of(change.after)),
        "overage": overage_answers(change.wish.plan, words),
        "accrued_overage_cents": sum(line.amount_cents for line in quoted.accrued),
        "caused_overage_cents": quoted.caused_cents,
        "allowance": [
            {"metric": each.metric, "this_period": each.this_period, "then": each.then} for each in change.allowance
        ],
        "gained": [_difference(each, words) for each in change.gained],
        "lost": [_difference(each, words) for each in change.lost],
        "blockers": blockers_answer(change.blockers, words),
        "currency": quoted.currency,
        "summary": summary(quoted, lines, tax, words=words, timezone=timezone),
        "unavailable": None,
    }


def _number(quoted: Quote, words: Words) -> NumberSold | None:
    wish = quoted.change.wish
    if wish.interval not in wish.plan.price_cents:
        return None
    return number_sold(wish.plan, wish.interval, locale=words.locale, currency=quoted.currency)


def promotion_end_answer(end: PromotionEnd | None) -> PromotionEndText | None:
    """The end of a promotion, and the price of an interval from then on."""
    return None if end is None else {"at": utc_text(end.at), "net_cents": end.price_cents}


def blockers_answer(blockers: Iterable[Blocker], words: Words) -> list[BlockerText]:
    """Blockers in words, each with its remedy."""
    return [words.blocker(blocker_record(blocker)) for blocker in blockers]


def line_answer(line: Line, *, words: Words, timezone: str, names: Mapping[str, str]) -> LineText:
    """One line with its text; a plan without a name appears by its code."""
    locale, brought = words.locale, line.kind == "carried" and line.amount_cents > 0
    params = {
        "plan": with_number(locale, names.get(line.plan, line.plan), line.per, line.quantity),
        "period": days(locale, line.period, timezone),
        "metric": "" if line.metric is None else words.within(line.metric),
        "units": number(locale, line.units or 0),
    }
    return {
        "kind": line.kind,
        "plan": line.plan,
        "period": {"start": utc_text(line.period.start), "end": utc_text(line.period.end)},
        "amount_cents": line.amount_cents,
        "text": say(locale, "line.brought" if brought else f"line.{line.kind}", **params),
    }


def tax_answer(tax: Iterable[TaxLine], locale: LocaleCode) -> list[TaxText]:
    """The tax per rate, with the rate as decimal text."""
    return [
        {
            "category": line.category,
            "rate_percent": f"{float(line.rate_percent):g}",
            "base_cents": line.base_cents,
            "amount_cents": line.amount_cents,
            "reason": None if line.reason is None else say(locale, f"tax.{line.reason}"),
        }
        for line in tax
    ]


def _difference(difference: Difference, words: Words) -> DifferenceText:
    return {
        "kind": difference.kind,
        "code": difference.code,
        "text": words.subject(difference.code),
        "before": _plain(difference.before),
        "after": _plain(difference.after),
    }


def _plain(value: Value) -> bool | float | str | None:
    """The value in JSON, which has no infinity: a limit without bound is `"unlimited"`."""
    return "unlimited" if isinstance(value, float) and isinf(value) else value
