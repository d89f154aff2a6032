"""The gains and losses of a change of plan, in words."""

from collections.abc import Iterable

from recommender.billing.entitlements import Difference
from serving.words.plans import Words
from serving.words.texts import compact, say


def difference_rows(differences: Iterable[Difference], words: Words) -> Iterable[tuple[str, str]]:
    """Of each difference its subject, and its value ("3 statt 5"), empty where it is only there or not."""
    for each in differences:
        before, after = (_value(value, words) for value in (each.before, each.after))
        both = before and after
        yield (
            words.subject(each.code),
            say(words.locale, "quote.instead", before=before, after=after) if both else (after or before),
        )


def _value(value: bool | float | str | None, words: Words) -> str:
    """A limit or the value of a feature; empty for a feature that is only present or absent."""
    if value is None or isinstance(value, bool):
        return ""
    if isinstance(value, str):
        return value
    return say(words.locale, "unlimited") if value == float("inf") else compact(words.locale, value)
