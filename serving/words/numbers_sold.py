"""Plans sold by number in words: "12 € je Nutzerplatz und Monat, 5 Nutzerplätze: 60 €"."""

from recommender.billing.catalogue import Interval, Plan
from serving.words.contracts import NumberSold
from serving.words.locales import LocaleCode
from serving.words.texts import known, money, say


def number_sold(plan: Plan, interval: Interval, *, locale: LocaleCode, currency: str) -> NumberSold | None:
    """How many of the plan are priced, and what one costs; `None` where the price is of the whole plan."""
    if plan.per is None:
        return None
    price_cents = plan.price_cents[interval]
    each_cents = price_cents // plan.quantity
    text = say(
        locale,
        f"price.each.{interval}",
        each=money(locale, each_cents, currency),
        unit=_unit(locale, plan.per),
        number=number_text(locale, plan.per, plan.quantity),
        amount=money(locale, price_cents, currency),
    )
    return {
        "per": plan.per,
        "quantity": plan.quantity,
        "most": plan.most,
        "each_cents": each_cents,
        "label": say(locale, _key("number.label", plan.per, locale), unit=plan.per),
        "text": text,
    }


def number_text(locale: LocaleCode, per: str, quantity: int) -> str:
    """The number in words ("5 Nutzerplätze")."""
    return say(locale, _key("number", per, locale), count=quantity, unit=per)


def with_number(locale: LocaleCode, name: str, per: str | None, quantity: int) -> str:
    """The name of a plan, and how many of it ("Team, 5 Nutzerplätze")."""
    return name if per is None else f"{name}, {number_text(locale, per, quantity)}"


def _key(kind: str, per: str, locale: LocaleCode) -> str:
    return f"{kind}.{per}" if known(locale, f"unit.{per}") else f"{kind}.other"


def _unit(locale: LocaleCode, per: str) -> str:
    """One of what is sold; a word of the catalogue that we do not know stays as it is."""
    return say(locale, f"unit.{per}") if known(locale, f"unit.{per}") else per
