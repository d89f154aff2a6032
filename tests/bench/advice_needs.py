"""Which needs the guard does not name: what the true choices of a demo world say for a plan that it replaced."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np

from models.data.situations import Batch
from pipelines.demo.choices import typical_terms
from pipelines.demo.decisions import observe
from pipelines.demo.showcase import with_showcases, without_idle_usage
from pipelines.demo.world import DailyUsage, Organizations, draw_organizations, draw_usage
from recommender.ranking.day_cube import DAY_US, microseconds
from recommender.ranking.ranker import FloatArray, IntArray

EXAMPLES: Final = 3
LEAST_PULL: Final = 0.1
"""In utility: what speaks for a plan by less is no need."""


@dataclass(frozen=True)
class TrueWorld:
    """The organisations of a demo world and their usage, drawn once more from its seed."""

    drawn: Organizations
    usage: DailyUsage
    day_zero: IntArray

    @classmethod
    def again(cls, *, seed: int, organisations: int, until: datetime) -> "TrueWorld":
        """What `pipelines.demo.write.make_demo_data` draws first."""
        end = until.replace(hour=0, minute=0, second=0, microsecond=0)
        rng = np.random.default_rng(seed)
        drawn = with_showcases(draw_organizations(number=organisations, rng=rng))
        weekday = (end - timedelta(days=1)).weekday()
        usage = without_idle_usage(drawn, draw_usage(drawn, last_weekday=weekday, rng=rng))
        return cls(drawn, usage, microseconds(end) - drawn.life * DAY_US)

    def terms(self, batch: Batch, *, decided_us: Mapping[str, int]) -> Mapping[str, FloatArray]:
        """What speaks for each plan of each decision, (decisions, plans), by what it is about.

        `decided_us`: decision → instant, microseconds since 1970.
        """
        place = {name: i for i, name in enumerate(self.drawn.ids)}
        rows = np.array([place[each.organization_id] for each in batch.logged])
        at = np.array([decided_us[each.decision_id] for each in batch.logged])
        observed = observe(
            self.drawn,
            self.usage,
            batch.plans,
            rows=rows,
            day=(at - self.day_zero[rows]) // DAY_US,
            held=batch.situations.current_plan,
        )
        return typical_terms(observed, batch.plans)


@dataclass(frozen=True)
class Replaced:
    """One decision in which the guard put another plan first."""

    organisation: str
    wanted: str
    led_to: str
    need: str
    """What speaks most for the plan wanted, by the world's truth; `none` where nothing does."""
    predicted: float
    """What the ranker's predicted acceptance loses."""
    true: float
    """What the true one loses; below 0 where it gains."""


def replaced(
    batch: Batch,
    *,
    wanted: IntArray,
    led_to: IntArray,
    predicted: FloatArray,
    truth: FloatArray,
    terms: Mapping[str, FloatArray],
) -> Iterator[Replaced]:
    """Every decision of the batch that the guard changed; probabilities are (decisions, plans)."""
    codes = batch.plans.codes
    for i in np.flatnonzero(wanted != led_to).tolist():
        first, then = int(wanted[i]), int(led_to[i])
        pulls = {name: float(values[i, first] - values[i, then]) for name, values in terms.items()}
        most = max(pulls, key=pulls.__getitem__)
        yield Replaced(
            organisation=batch.logged[i].organization_id,
            wanted=codes[first],
            led_to=codes[then],
            need=most if pulls[most] >= LEAST_PULL else "none",
            predicted=float(predicted[i, first] - predicted[i, then]),
            true=float(truth[i, first] - truth[i, then]),
        )


def needs_not_named(strategy: str, found: list[Replaced], *, decisions: int) -> Iterator[dict[str, Any]]:
    """One figure for each need: in how many decisions it is what speaks most, and what it costs over all decisions."""
    for need, count in Counter(each.need for each in found).most_common():
        mine = [each for each in found if each.need == need]
        dearest = sorted(mine, key=lambda each: -each.true)[:EXAMPLES]
        yield {
            "figure": f"{strategy}: the guard does not see: {need}",
            "value": count,
            "unit": f"of {len(found):,} first plans changed, of {decisions:,} decisions",
            "predicted_acceptance_lost": round(sum(each.predicted for each in mine) / decisions, 4),
            "true_acceptance_lost": round(sum(each.true for each in mine) / decisions, 4),
            "for_example": [f"{each.organisation}: {each.led_to} for {each.wanted}" for each in dearest],
        }
