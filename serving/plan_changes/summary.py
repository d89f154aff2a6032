"""A quote as people read it, group by group: the modal and the plain pages show exactly this and add nothing up."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from recommender.billing.entitlements import Difference
from recommender.billing.plan_change import AllowanceChange
from serving.plan_changes.quotes import Quote
from serving.words.plans import Words
from serving.words.texts import compact, day, number, say


def summary(quoted: Quote, answer: dict[str, Any], *, words: Words, timezone: str) -> dict[str, Any]:
    """Title, price, when it takes effect, groups of rows, and the button that confirms; `answer` is the quote's."""
    change = quoted.change
    t = partial(say, words.locale)
    params = {
        "plan": change.wish.plan.name,
        "date": "" if change.effective_at is None else day(words.locale, change.effective_at, timezone),
        "current": "" if change.after.plan is None else change.after.plan.name,
        "amount": words.money(quoted.due_now_cents, decimals=True),
    }
    interval = change.wish.interval
    price = change.wish.plan.price_cents.get(interval)
    groups = (
        _group(words, "due", _charges(quoted, answer, words), title="would_be_due" if change.blockers else "due"),
        _group(words, "next", _next_invoice(quoted, words, timezone)),
        _group(words, "allowance", _allowances(change.allowance, words)),
        _group(words, "gained", _differences(change.gained, words)),
        _group(words, "lost", _differences(change.lost, words)),
    )
    kind = "start" if change.direction == "start" else change.timing
    button = "pay" if quoted.due_now_cents else change.timing
    return {
        "title": t("quote.title.start" if change.direction == "start" else "quote.title", **params),
        "price": "" if price is None else words.price(price, interval)["text"],
        "effect": t(f"quote.effect.{kind}", **params),
        "groups": [group for group in groups if group["rows"]],
        "confirm": t(f"quote.confirm.{button}", **params),
    }


def _group(words: Words, code: str, rows: Iterable[dict[str, Any]], *, title: str | None = None) -> dict[str, Any]:
    return {"code": code, "title": say(words.locale, f"quote.group.{title or code}"), "rows": list(rows)}


def _row(text: str, amount: str = "", *, total: bool = False) -> dict[str, Any]:
    return {"text": text, "amount": amount, "total": total}


def _charges(quoted: Quote, answer: dict[str, Any], words: Words) -> Iterable[dict[str, Any]]:
    """Every line, the net, the tax of each rate, and what is collected now."""
    t, money = partial(say, words.locale), partial(words.money, decimals=True)
    if quoted.change.timing == "never":
        return
    for line in answer["lines"]:
        yield _row(line["text"], money(line["amount_cents"]))
    net = quoted.change.net_cents
    if quoted.change.lines:
        yield _row(t("quote.net"), money(net))
    for tax in answer["tax"]:
        text = tax["reason"] or t("quote.tax", percent=number(words.locale, float(tax["rate_percent"])))
        yield _row(text, money(tax["amount_cents"]))
    if net < 0:
        yield _row(t("quote.credit"), money(-net))
    yield _row(t("quote.due_now"), money(quoted.due_now_cents), total=True)


def _next_invoice(quoted: Quote, words: Words, timezone: str) -> Iterable[dict[str, Any]]:
    coming = quoted.change.next_invoice
    if coming is not None:
        date = day(words.locale, coming.at, timezone)
        amount = say(words.locale, "quote.net_amount", amount=words.money(coming.net_cents))
        yield _row(say(words.locale, "quote.next_invoice", date=date), amount)


def _allowances(allowances: Iterable[AllowanceChange], words: Words) -> Iterable[dict[str, Any]]:
    for each in allowances:
        now, then = (_allowed(value, words) for value in (each.this_period, each.then))
        key = "quote.allowance.same" if now == then else "quote.allowance"
        yield _row(words.subject(each.metric), say(words.locale, key, now=now, then=then))


def _allowed(value: int | None, words: Words) -> str:
    return say(words.locale, "unlimited") if value is None else number(words.locale, value)


def _differences(differences: Iterable[Difference], words: Words) -> Iterable[dict[str, Any]]:
    for each in differences:
        before, after = (_value(value, words) for value in (each.before, each.after))
        told = before and after
        amount = say(words.locale, "quote.instead", before=before, after=after) if told else after or before
        yield _row(words.subject(each.code), amount)


def _value(value: bool | float | str | None, words: Words) -> str:
    """A limit or a feature's value; what is only there or not there needs no more than its name."""
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, str):
        return value
    return say(words.locale, "unlimited") if value == float("inf") else compact(words.locale, value)
