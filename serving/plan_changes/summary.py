"""The summary of a quote in groups of rows, which the modal and the pages show unchanged."""

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import starmap

from recommender.billing.discounts import covers
from recommender.billing.plan_change import PlanChange, next_invoice_of
from recommender.billing.promotion_end import promotion_end_of
from recommender.billing.proration import SETTLING
from serving.plan_changes.contracts import GroupCode, LineText, Summary, SummaryGroup, SummaryRow, TaxText
from serving.plan_changes.quotes import Quote
from serving.subscriptions.changes import ChangeRow
from serving.words.differences import difference_rows
from serving.words.plans import Words
from serving.words.promotions import promotion_terms
from serving.words.texts import day, in_short, number, say
from serving.words.usage import overage_answers


def summary(
    quoted: Quote, lines: Sequence[LineText], tax: Sequence[TaxText], *, words: Words, timezone: str
) -> Summary:
    """Title, price, effect, groups of rows and the label of the button; `lines` and `tax` are those of the answer."""
    change = quoted.change
    t = partial(say, words.locale)
    params = {
        "plan": words.named(change.wish.plan),
        "date": "" if change.effective_at is None else day(words.locale, change.effective_at, timezone),
        "current": "" if change.after.plan is None else words.named(change.after.plan),
        "amount": words.money(quoted.due_now_cents, decimals=True),
    }
    groups = (
        _group(words, "due", _charges(quoted, lines, tax, words), title="would_be_due" if change.blockers else "due"),
        _group(words, "next", _coming(quoted, words, timezone)),
        _group(words, "allowance", _allowances(change, words)),
        _group(words, "gained", starmap(_row, difference_rows(change.gained, words))),
        _group(words, "lost", starmap(_row, difference_rows(change.lost, words))),
    )
    kind = "start" if change.direction == "start" else change.timing
    title = {"start": "quote.title.start"}.get(change.direction, "quote.title")
    back = [t("quote.effect.withdraws")] if change.withdraws_cancellation else []
    button = "pay" if quoted.due_now_cents else change.timing
    return {
        "title": t("quote.title.version" if change.new_version else title, **params),
        "price": _price(quoted, words),
        "effect": " ".join([t(f"quote.effect.{kind}", **params), *back]),
        "groups": [group for group in groups if group["rows"]],
        "confirm": t(f"quote.confirm.{button}", **params),
    }


def _group(words: Words, code: GroupCode, rows: Iterable[SummaryRow], *, title: str | None = None) -> SummaryGroup:
    return {"code": code, "title": say(words.locale, f"quote.group.{title or code}"), "rows": list(rows)}


def _row(text: str, amount: str = "", *, total: bool = False) -> SummaryRow:
    return {"text": text, "amount": amount, "total": total}


def _charges(quoted: Quote, lines: Sequence[LineText], tax: Sequence[TaxText], words: Words) -> Iterable[SummaryRow]:
    """Every line, the net amount, the tax of each rate, what a balance pays, and the amount collected now."""
    t, money = partial(say, words.locale), partial(words.money, decimals=True)
    if quoted.change.timing == "never":
        return
    sold = [line for line in lines if line["kind"] not in SETTLING]
    for line in sold:
        yield _row(line["text"], money(line["amount_cents"]))
    if sold:
        yield _row(t("quote.net"), money(sum(line["amount_cents"] for line in sold)))
    for share in tax:
        text = share["reason"] or t("quote.tax", percent=number(words.locale, float(share["rate_percent"])))
        yield _row(text, money(share["amount_cents"]))
    for line in lines:
        if line["kind"] in SETTLING:
            yield _row(line["text"], money(line["amount_cents"]))
    total = quoted.change.net_cents + quoted.tax_cents
    if total < 0:
        yield _row(t("quote.credit"), money(-total))
    yield _row(t("quote.due_now"), money(quoted.due_now_cents), total=True)


def _price(quoted: Quote, words: Words) -> str:
    """The price of an interval; with a promotion also its duration and the price after it."""
    wish = quoted.change.wish
    price = wish.plan.price_cents.get(wish.interval)
    if price is None:
        return ""
    if wish.promotion is None or not covers(wish.promotion, plan=wish.plan, interval=wish.interval):
        return words.price(price, wish.interval)["text"]
    return promotion_terms(wish.promotion, wish.plan, wish.interval, words)


def _coming(quoted: Quote, words: Words, timezone: str) -> Iterable[SummaryRow]:
    """The next regular invoice, the end of a promotion, overage prices, and the overage so far."""
    change, on = quoted.change, partial(day, words.locale, timezone=timezone)
    t = partial(say, words.locale)

    def net(cents: int) -> str:
        return t("quote.net_amount", amount=words.money(cents))

    coming, end = change.next_invoice, promotion_end_of(change.after)
    if coming is not None:
        yield _row(t("quote.next_invoice", date=on(coming.at)), net(coming.net_cents))
    if end is not None and change.after.interval is not None:
        plan = change.after.scheduled.plan if change.after.scheduled else change.after.plan
        name = "" if plan is None else plan.name
        yield _row(t("quote.promotion_ends", date=on(end.at), plan=name), net(end.price_cents))
    if change.timing != "never":
        for each in overage_answers(change.wish.plan, words):
            yield _row(t("quote.overage", metric=words.within(each["metric"])), each["price_text"])
    for line in quoted.accrued:
        key = "quote.accrued" if line.kind == "overage" else f"quote.accrued.{line.kind}"
        yield _row(t(key, metric=words.within(line.metric or "")), net(line.amount_cents))
    if quoted.caused_cents:
        yield _row(t("quote.caused"), net(quoted.caused_cents))


def receipt_rows(change: ChangeRow, words: Words, timezone: str) -> list[SummaryRow]:
    """The payment, and the next regular invoice."""
    t = partial(say, words.locale)
    rows: list[SummaryRow] = []
    document, coming = change.document, next_invoice_of(change.document.after)
    if change.status == "applied" and document.due_now_cents:
        rows.append(_row(t("modal.change.paid"), words.money(document.due_now_cents, decimals=True), total=True))
    if coming is not None:
        net = t("quote.net_amount", amount=words.money(coming.net_cents))
        rows.append(_row(t("quote.next_invoice", date=day(words.locale, coming.at, timezone)), net))
    return rows


def _allowances(change: PlanChange, words: Words) -> Iterable[SummaryRow]:
    for each in change.allowance:
        now, then = (_allowed(value, words) for value in (each.this_period, each.then))
        key = "quote.allowance.same" if now == then else "quote.allowance"
        yield _row(words.subject(each.metric), say(words.locale, key, now=now, then=then))
    if change.timing == "now" and any(
        each.this_period is None and stretch.plan.limits_use_of(each.metric)
        for each in change.allowance
        for stretch in change.after.holdings
    ):
        yield _row(say(words.locale, "quote.whole_month", plan=change.wish.plan.name))


def _allowed(value: int | None, words: Words) -> str:
    return say(words.locale, "unlimited") if value is None else in_short(words.locale, value)
