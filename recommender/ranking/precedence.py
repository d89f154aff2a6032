"""Which reason is said first, and what the sentence above the cards is about: money and limits before anything else."""

from typing import Final, Literal

ContextCode = Literal[
    "beyond",
    "money",
    "limit",
    "growth",
    "stay",
    "usage",
    "integration",
    "template",
    "blocked",
    "keep",
    "kept",
    "withdrawn",
    "unknown",
    "neutral",
    "nothing",
]
"""The sentence above the cards: usage is `beyond` the largest plan of the family; the better plan is `blocked`; nothing
speaks against what is held (`keep`), though it is not sold any more (`kept` where it holds all usage, else
`withdrawn`); usage is `unknown`; not enough is known (`neutral`); `nothing` is on sale."""

PRECEDENCE: Final[tuple[tuple[str, ContextCode], ...]] = (
    ("saves", "money"),
    ("cheaper_by_year", "money"),
    ("limits_passed", "limit"),
    ("usage_needs", "limit"),
    ("usage_beyond", "limit"),
    ("limit_reached_soon", "growth"),
    ("bill_passed_soon", "growth"),
    ("bill_lower", "money"),
    ("usage_near_limit", "limit"),
    ("current_plan_fits", "stay"),
    ("enough", "money"),
    ("smaller_blocked", "limit"),
    ("usage_fits", "usage"),
    ("usage_small", "usage"),
    ("cheapest_bill", "money"),
    ("growth", "growth"),
    ("integration_connected", "integration"),
    ("template_installed", "template"),
)
"""Reason → what the sentence is about if it leads; the earlier one leads, of equals the one that weighs more."""

_PLACE: Final = {code: place for place, (code, _) in enumerate(PRECEDENCE)}
_ABOUT: Final = dict(PRECEDENCE)


def place_of(code: str) -> int:
    """The reason's place in the table; `KeyError` for one that has none."""
    return _PLACE[code]


def about(code: str) -> ContextCode:
    """The subject of the sentence above the cards if this reason leads."""
    return _ABOUT[code]
