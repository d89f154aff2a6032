"""Which decisions are learned from and judged on."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from models.data.dataset import TrainingSet, TrainingSetRefused, held_out
from models.data.holdout import split

DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Name:
    """An organisation's id that counts how often it is compared."""

    text: str
    compared: ClassVar[int] = 0

    def __eq__(self, other: object) -> bool:
        Name.compared += 1
        return isinstance(other, Name) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __str__(self) -> str:
        return self.text


def training_set(organizations: list[object], *, settled_days: int | None = None) -> TrainingSet:
    """One decision of two plans for each name, a day apart; settled up to a day."""
    n = len(organizations)
    names = np.empty(n, dtype=object)
    names[:] = organizations
    return TrainingSet(
        feature_names=("monthly_price",),
        features=np.zeros((2 * n, 1)),
        positions=np.zeros((2 * n, 3)),
        chosen=np.tile([1.0, 0.0], n),
        group_sizes=np.full(n, 2),
        decisions=np.array([f"decision-{i}" for i in range(n)], dtype=object),
        organizations=names,
        plans=np.tile(np.array(["a", "b"], dtype=object), n),
        order=np.tile([1, 2], n),
        decided_at_us=np.arange(n) * DAY_US,
        propensity=np.full(2 * n, 0.5),
        digest="d",
        settled_until_us=None if settled_days is None else settled_days * DAY_US,
    )


def test_what_is_known_only_because_somebody_paid_is_neither_learned_from_nor_judged_on() -> None:
    rows = training_set([f"org-{i}" for i in range(1_000)], settled_days=799)

    cut = split(rows)

    for part in (cut.learned_from, cut.holdout, cut.unseen):
        assert part.settled.all()
    assert cut.later
    assert cut.holdout.decided_at_us.min() > cut.learned_from.decided_at_us.max()
    # The latest fifth of the 800 settled decisions, with the one at the cut-off; not of all.
    assert len(cut.holdout) == 161


def test_all_settled_decisions_of_organisations_not_learned_from_are_unseen() -> None:
    rows = training_set([f"org-{i % 300}" for i in range(1_000)])

    cut = split(rows)

    learned = set(cut.learned_from.organizations)
    assert not learned & set(cut.unseen.organizations)
    assert set(cut.holdout.decisions) < set(cut.unseen.decisions)
    assert held_out(cut.unseen.organizations).mean() > 0.9
    assert len(cut.unseen) == sum(name not in learned for name in rows.organizations)


def test_a_log_in_which_nothing_is_settled_yet_is_refused_with_the_reason() -> None:
    rows = training_set([f"org-{i}" for i in range(100)], settled_days=9)

    with pytest.raises(TrainingSetRefused, match=r"10 decisions are too few .* \(90 more are too recent\)"):
        split(rows)


def comparisons_of_a_split(decisions: int) -> int:
    rows = training_set([Name(f"org-{i}") for i in range(decisions)])
    Name.compared = 0
    split(rows)
    return Name.compared


def test_a_split_compares_names_in_proportion_to_the_number_of_decisions() -> None:
    small, large = comparisons_of_a_split(500), comparisons_of_a_split(4_000)

    assert large <= 8 * small + 4_000
