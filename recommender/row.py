"""Which plans stand on cards, in which order, and by which rule: a decision of its own, after the one who is first.

For each candidate the first rule that matches says why it is shown; the cards stand in the order of the rules. Given
the first plan and what is on sale to the organisation, the row is settled: nothing in it is drawn. So the propensities
go on speaking of the first place, and a policy judged from the log is one of first plans, each with its own row. Where
a plan stands further back is chance as far as the first place was drawn, and follows from the organisation otherwise;
`models.ranker.position_bias` estimates the bias of a position beside the propensities and the features for that reason.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from recommender.billing.catalogue import Plan

ShownAs = Literal["recommended", "held", "below", "above", "further", "other_family"]
"""The rule by which a card is shown."""

ONE_MORE: Final = 1
"""Beside a plan held there is room for one card more than on a trial."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """The facts of one row that the rules compare a plan with."""

    first: Plan
    held: str | None
    families: frozenset[str]
    """Families of which the organisation has a template, or holds a plan."""
    below: int | None
    """The next tier down from the first plan that there is in its family."""
    above: int | None


Rule = tuple[ShownAs, Callable[[Plan, Shelf], bool]]

RULES: Final[tuple[Rule, ...]] = (
    ("recommended", lambda plan, shelf: plan.code == shelf.first.code),
    ("held", lambda plan, shelf: plan.code == shelf.held),
    ("below", lambda plan, shelf: plan.family == shelf.first.family and plan.tier == shelf.below),
    ("above", lambda plan, shelf: plan.family == shelf.first.family and plan.tier == shelf.above),
    ("further", lambda plan, shelf: plan.family == shelf.first.family),
    ("other_family", lambda plan, shelf: plan.family in shelf.families),
)
"""First match wins; a plan that matches none is on no card."""

KEPT: Final[frozenset[ShownAs]] = frozenset({"recommended", "held"})
"""Cards that are shown even if another one is like them in all but the name."""


@dataclass(frozen=True, slots=True)
class Place:
    """One card of the row."""

    plan: str
    shown_as: ShownAs


def row(
    *, plans: Sequence[Plan], first: str, held: str | None, families: Collection[str], cards_on_trial: int
) -> tuple[Place, ...]:
    """The cards, in order: as many as on a trial, and one more where a plan is held.

    `plans` are the candidates, best first; of those that match one rule the nearest tier goes first, then the better.
    `first` must be among them. `families` are those that the organisation has a template of.
    """
    lead = next(plan for plan in plans if plan.code == first)
    tiers = sorted(plan.tier for plan in plans if plan.family == lead.family)
    shelf = Shelf(
        first=lead,
        held=held,
        families=frozenset(families) | {plan.family for plan in plans if plan.code == held},
        below=max((tier for tier in tiers if tier < lead.tier), default=None),
        above=min((tier for tier in tiers if tier > lead.tier), default=None),
    )
    found = [(shown_as, plan) for plan in plans if (shown_as := rule_of(plan, shelf)) is not None]
    order = {shown_as: number for number, (shown_as, _) in enumerate(RULES)}
    found.sort(key=lambda each: (order[each[0]], abs(each[1].tier - lead.tier)))
    there = any(shown_as == "held" or plan.code == held for shown_as, plan in found)
    return tuple(_unlike(found)[: cards_on_trial + (ONE_MORE if there else 0)])


def rule_of(plan: Plan, shelf: Shelf) -> ShownAs | None:
    """The rule by which the plan is shown; `None`: it is not."""
    return next((shown_as for shown_as, matches in RULES if matches(plan, shelf)), None)


def _unlike(found: Sequence[tuple[ShownAs, Plan]]) -> list[Place]:
    """The cards in order, without those that differ from an earlier one in name alone."""
    seen: list[Plan] = []
    places = []
    for shown_as, plan in found:
        bare = replace(plan, code="", name="", description="", family="", tier=0, templates=frozenset())
        if bare not in seen or shown_as in KEPT:
            places.append(Place(plan.code, shown_as))
        seen.append(bare)
    return places
