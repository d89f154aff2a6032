"""Reasons, concerns and the sentence above the cards as text; a message may have a variant for one metric."""

from collections.abc import Mapping
from typing import Any, Final

from data_contracts.usage import COUNT_METRICS
from serving.plan_cards.contracts import Concern, Context, Params, Reason
from serving.plan_cards.records import ConcernRecord, ContextRecord, ReasonRecord
from serving.words.plans import Words
from serving.words.texts import in_short, known, number, roughly, rounded, say

_UNITS: Final = ("used", "limit", "own_limit", "excess")
"""Parameters that are units of the metric that a message speaks of."""
_OF_ALLOWANCES: Final = frozenset({"usage_needs", "usage_near_limit", "limits_passed"})
"""Reasons whose sentence says how often the allowance of the other plan is passed."""
_SAVINGS: Final = frozenset({"saves", "bill_lower", "enough"})
"""Reasons that name what is saved a month."""


def reason(reason: ReasonRecord, words: Words) -> Reason:
    """One reason with its line on the card; of several limits the named one, where the plan holds what is used."""
    code = "usage_needs" if reason["params"].get("holds") else _of_tab(reason["code"], reason["params"])
    message = _message(f"reason.{code}", reason["params"], words)
    months = reason["params"].get("averaged_months")
    if months is not None and reason["code"] in _SAVINGS:
        message = say(words.locale, "averaged.saving", text=message, count=months)
    return {**reason, "message": message}


def concern(concern: ConcernRecord, words: Words, *, overage_cents: int) -> Concern:
    """One concern with its line on the card; `overage_cents` stand on the card already and are not said again."""
    code, params = concern["code"], concern["params"]
    named_already = code == "over_allowance" and params["amount_cents"] == overage_cents
    return {**concern, "message": _message(f"concern.{'allowance_exceeded' if named_already else code}", params, words)}


def beyond(figures: Params | None, words: Words) -> str | None:
    """The sentence that leads to sales; `None` where usage is within the largest plan."""
    return None if figures is None else _message("enterprise.beyond", figures, words)


def context(context: ContextRecord, words: Words) -> Context:
    """The sentence above the cards: the message of its reason, else the message of its code."""
    code, params = context["code"], context["params"]
    plan = context.get("plan")
    own = {} if plan is None else {"own": words.plan_name(plan)}
    about = context.get("reason")
    if code == "unknown":
        key = next(
            (f"context.unknown.{kind}" for kind in ("template", "integration") if kind in params), "context.unknown"
        )
    elif about is None or code in {"template", "integration"}:
        key = f"context.{code}"
    else:
        key = f"context.{_of_tab(about, params)}"
    message = _message(key, params, words, **own)
    if about in _OF_ALLOWANCES and "months_in_ten" in params:
        message = f"{message} {say(words.locale, 'context.chance', count=params['months_in_ten'])}"
    if params.get("more"):
        name = words.plan_name(str(params["plan"]))
        message = f"{message} {say(words.locale, 'context.more_limits', count=params['more'], plan=name)}"
    if "elsewhere" in params:
        name, interval = words.plan_name(str(params["elsewhere"])), params["elsewhere_interval"]
        message = f"{message} {say(words.locale, f'context.elsewhere.{interval}', plan=name)}"
    return {"code": code, "message": message, "params": params}


def _of_tab(code: str, params: Params) -> str:
    """Leave out the amount paid now where the bills are those of another interval than the one that is paid."""
    return "bill_lower" if code == "saves" and "paid_interval" in params else code


def _message(key: str, params: Mapping[str, Any], words: Words, **more: str) -> str:
    """The message in the most specific variant: for a metric, for a template, with overage, plain."""
    of_its_own = [params[name] for name in ("metric", "template") if name in params]
    if params.get("overage_amount_cents"):
        of_its_own.append("overage")
    keys = [f"{key}.{form}" for form in of_its_own]
    found = next((each for each in keys if known(words.locale, each)), key)
    return say(words.locale, found, **_named(params, words), **more)


def _named(params: Mapping[str, Any], words: Words) -> dict[str, Any]:
    """The parameters with codes replaced by names, amounts by money, and counts by rounded figures."""
    counted = params.get("metric") in COUNT_METRICS
    named: dict[str, Any] = {}
    for name, value in params.items():
        if name in {"template", "integration", "metric"}:
            named[name] = words.subject(value)
        elif name == "plan":
            named[name] = words.plan_name(value)
        elif name.endswith("amount_cents"):
            named[name.removesuffix("_cents")] = _amount(name.removesuffix("amount_cents"), params, words)
        elif name in _UNITS:
            named[name] = _units(value, words, about=counted and name in {"used", "excess"})
        elif name == "times":
            named[name] = number(words.locale, value if value < 10 else round(value))
        else:
            named[name] = value
    counts = [params[name] for name in ("count", "weeks", "excess", "used") if name in params]
    return {"count": rounded(counts[0]) if counted else counts[0], **named} if counts else named


def _amount(prefix: str, params: Mapping[str, Any], words: Words) -> str:
    """An amount of money; where a promotion ends meanwhile, the bill at first and the one after it."""
    if f"{prefix}months" not in params:
        money = words.whole if "excess" in params or prefix == "dearer_" else words.about
        return money(params[f"{prefix}amount_cents"])
    exact = not params[f"{prefix}overage_cents"]
    now, then = (
        words.money(cents) if exact else words.about(cents)
        for cents in (params[f"{prefix}now_cents"], params[f"{prefix}then_cents"])
    )
    return say(words.locale, "averaged.amount", now=now, then=then, count=params[f"{prefix}months"])


def _units(value: int, words: Words, *, about: bool) -> str:
    """A number of units; an expected number is rounded to two digits."""
    return (roughly if about else in_short)(words.locale, value)
