"""The reasons for a plan, with what was found when they were checked, and the sentence that they amount to."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from recommender.ranking.precedence import ContextCode
from recommender.ranking.reason_facts import Figure


@dataclass(frozen=True, slots=True)
class Checks:
    """The figures of a reason's check."""

    rival: str
    """The plan it was weighed against."""
    margin: float
    """Utility of the plan minus the rival's."""
    margin_without: float
    """The same with the fact taken away."""
    attribution: float
    """The share of the margin from the fact's features; for a ranker without attributions, the margin's loss."""
    by: Literal["ranker", "guard"] = "ranker"
    """The side that it weighs for. Without a fact of the guard's, the guard would have put another plan first; the
    figures are the ranker's all the same."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One fact that holds, weighs and would be missed."""

    code: str
    message_key: str
    params: Mapping[str, Figure]
    contribution: float
    checks: Checks


@dataclass(frozen=True, slots=True)
class Context:
    """The sentence above the cards."""

    code: ContextCode
    reason: Reason | None
    """The reason that the sentence rests on."""

    @property
    def params(self) -> Mapping[str, Figure]:
        """The parameters of the sentence."""
        return {} if self.reason is None else self.reason.params


@dataclass(frozen=True, slots=True)
class Explanation:
    """The reasons for one plan, strongest first, and the sentence they amount to."""

    plan: str
    reasons: tuple[Reason, ...]
    context: Context

    def records(self) -> list[dict[str, Any]]:
        """Every reason that is shown, as plain values for the decision log, and where: on the card, above the cards."""
        leading = self.context.reason
        shown = self.reasons if leading is None or leading in self.reasons else (*self.reasons, leading)
        places = [("card", self.reasons), ("context", () if leading is None else (leading,))]
        return [
            {**asdict(reason), "shown_on": [place for place, reasons in places if reason in reasons]}
            for reason in shown
        ]


NEUTRAL: Final = Context("neutral", None)
