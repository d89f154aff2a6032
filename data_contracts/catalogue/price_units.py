"""The unit of a published price: for how long it is, and for one of what ("user/month", "per seat per quarter")."""

import re
from dataclasses import dataclass
from typing import Final

from data_contracts.currencies import MINOR_DIGITS, SYMBOLS
from data_contracts.intervals import MONTHS_OF, Interval

SEAT: Final = "seat"
"""The unit that every name of a person's place is read as."""

_INTERVAL_OF: Final[dict[int, Interval]] = {months: interval for interval, months in MONTHS_OF.items()}
_SEPARATOR: Final = re.compile(r"/|\bper\b", re.IGNORECASE)
_BASE: Final = (
    (1, r"months?|mo|monthly"),
    (3, r"quarters?|qtr|quarterly|trimesters?"),
    (6, r"semesters?|half[-_ ]?years?|half[-_ ]?yearly|semi-?annual(?:ly)?"),
    (12, r"years?|yr|annum|yearly|annual(?:ly)?"),
)
_SOLD: Final = re.compile(rf"\b(?:{'|'.join(f'(?P<m{months}>{words})' for months, words in _BASE)})\b")
_OTHER: Final = re.compile(
    r"\b(?:second|minute|hour|hr|day|week|wk|fortnight|decade)s?\b"
    r"|\b(?:hourly|daily|weekly|biweekly|biannual|biennial|bimonthly)(?:ly)?\b|\blifetime\b|\bone[- ]time\b"
)
_NUMBER_WORDS: Final = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "nine": 9, "twelve": 12, "eighteen": 18}
_NUMBER: Final = re.compile(rf"(?<![\w.])(\d+|{'|'.join(_NUMBER_WORDS)}|twenty[- ]?four)(?=[-_ ])")
_SEATS: Final = re.compile(
    r"(?:active |paid |team |licensed )?(?:user|seat|member|person|people|agent|editor|licen[cs]e|employee)s?"
)


@dataclass(frozen=True, slots=True)
class PriceUnit:
    """The unit of a price: an interval, and what one of is priced; `None` for a price of the whole plan."""

    interval: Interval
    per: str | None = None


def interval_named(name: str) -> Interval | None:
    """The interval that a word or a phrase names ("annually", "3 months"); `None` for any other time.

    A text that names no time at all, `""` too, is none.
    """
    text = name.strip().lower().replace("_", " ")
    found = _SOLD.search(text)
    if found is None or _OTHER.search(text):
        return None
    base = next(months for months, _ in _BASE if found[f"m{months}"])
    counted = _NUMBER.search(text)
    count = 1 if counted is None else _NUMBER_WORDS.get(counted[1]) or int(counted[1] if counted[1].isdigit() else 24)
    return _INTERVAL_OF.get(base * count)


def price_unit(text: str) -> PriceUnit | None:
    """The unit that a text names; without a time it is a month, as Pricing2Yaml has it; `None` for a time not sold.

    Examples:
        >>> price_unit("user/month")
        PriceUnit(interval='month', per='seat')
        >>> price_unit("per channel per quarter")
        PriceUnit(interval='quarter', per='channel')
        >>> price_unit("/3 months"), price_unit("USD"), price_unit("/2 years")
        (PriceUnit(interval='quarter', per=None), PriceUnit(interval='month', per=None), None)
    """
    parts = [part for each in _SEPARATOR.split(text) if (part := each.strip(" -,;:")) and not _is_currency(part)]
    times = [part for part in parts if names_time(part)]
    if len(times) > 1:
        return None
    interval = interval_named(times[0]) if times else "month"
    if interval is None:
        return None
    return PriceUnit(interval, "/".join(_thing(part) for part in parts if part not in times) or None)


def counted_for(unit: str) -> str | None:
    """The thing that each has a limit of its own, by the unit: "message/user/month" is a seat's; `None`: the plan's."""
    _, *others = _SEPARATOR.split(unit)
    return "/".join(_thing(part.strip()) for part in others if part.strip() and not names_time(part)) or None


def _thing(part: str) -> str:
    """The thing that a word stands for: all words for a person's place are the same thing."""
    return SEAT if _SEATS.fullmatch(part.lower()) else part


def names_time(text: str) -> bool:
    """Whether the text speaks of a time at all, sold or not."""
    words = text.lower().replace("_", " ")
    return bool(_SOLD.search(words) or _OTHER.search(words))


def _is_currency(part: str) -> bool:
    return part in SYMBOLS or part.upper() in MINOR_DIGITS
