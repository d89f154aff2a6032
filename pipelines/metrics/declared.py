"""Every number that a dashboard shows, declared once: its name, its unit and the function that computes it.

The label and the definition of each number in three languages are in `words/`, under its family.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

from data_contracts.languages import Locale
from pipelines.metrics import acceptance, cancellations, conversion, money, ranker_health
from pipelines.metrics.filters import Rows
from pipelines.metrics.intervals import Estimate, Statistic
from pipelines.metrics.journeys import DROPS, STEPS
from pipelines.metrics.metric_tables import MetricTables
from pipelines.metrics.words import say

Unit = Literal["count", "share", "points", "cents", "seconds", "milliseconds"]
"""`points`: a difference of shares. `cents`: whole minor units of the ledger's currency."""
Page = Literal["overview", "acceptance", "money", "experiments", "ranker_health"]
BILLED: Final = (
    "billed_net", "billed_overage", "billed_credits", "billed_tax", "billed_total", "credit_notes", "refunds", "unpaid",
)  # fmt: skip
"""The sums of the ledger, in the order in which they are read: charges and refunds, not journeys."""
_FAR: Final = ("over", "step")
_ROWS: Final[Mapping[Page, Rows]] = {"experiments": "participants", "ranker_health": "decisions"}


@dataclass(frozen=True, slots=True)
class Metric:
    """One number of the dashboards: what it is called, its unit, its page, and how it is computed.

    Calling a metric gives its `Estimate` for some tables.
    """

    family: str
    unit: Unit
    page: Page
    function: Callable[[MetricTables], Estimate | Statistic]
    """An `Estimate` where the number has no interval or one comparison only; a `Statistic` where many are compared."""
    of: str | None = None
    """The step, reason or direction that the metric counts, for metrics that come in families."""
    reads: tuple[str, ...] = ()
    """The columns that the function reads, given where copying the others would be slow; empty: any."""

    @property
    def slug(self) -> str:
        """The name by which the metric is found: its family, and which member of it."""
        return self.family if self.of is None else f"{self.family}_{self.of}"

    @property
    def rows(self) -> Rows:
        """The kind of rows that the metric counts, and that a breakdown divides."""
        return _ROWS.get(self.page, "journeys")

    def label(self, locale: Locale) -> str:
        """The label of the metric in this language."""
        return say(locale, f"metric.{self.family}.label", of=self._of(locale))

    def definition(self, locale: Locale) -> str:
        """The definition of the metric in this language."""
        return say(locale, f"metric.{self.family}.definition", of=self._of(locale))

    def _of(self, locale: Locale) -> str:
        kind = {"drop": "drop", "why": "why", "took": "direction", "fallback": "fallback"}.get(self.family, "step")
        return "" if self.of is None else say(locale, f"{kind}.{self.of}")

    def __call__(self, tables: MetricTables, *, comparisons: int = 1) -> Estimate:
        """The number for these tables; its interval is one of `comparisons` that hold together."""
        found = self.function(tables)
        return found if isinstance(found, Estimate) else found.estimate(comparisons=comparisons)


def _declared() -> list[Metric]:
    after, latency = STEPS[1:], ranker_health.latency_ms
    return [
        Metric("served", "count", "overview", conversion.served),
        Metric("still_open", "count", "overview", conversion.still_open),
        *(
            Metric("rate", "share", "overview", partial(conversion.overall_rate, step=s), of=s, reads=_FAR)
            for s in after
        ),
        *(
            Metric("step_rate", "share", "overview", partial(conversion.step_rate, step=s), of=s, reads=_FAR)
            for s in after
        ),
        *(Metric("time_to", "seconds", "overview", partial(conversion.seconds_to, step=s), of=s) for s in after),
        *(Metric("drop", "share", "overview", partial(conversion.drop_share, reason=r), of=r) for r in DROPS),
        Metric("accepted", "share", "acceptance", acceptance.accepted, reads=("over", "accepted")),
        *(
            Metric("took", "share", "acceptance", partial(acceptance.taken_share, direction=d), of=d)
            for d in ("recommended", "higher", "lower", "sideways")
        ),
        Metric("accepted_model", "share", "acceptance", partial(acceptance.accepted_beside_rules, by="model")),
        Metric("accepted_rules", "share", "acceptance", partial(acceptance.accepted_beside_rules, by="rules_share")),
        Metric("lift_over_rules", "points", "acceptance", acceptance.lift_over_rules),
        Metric("position_effect", "points", "acceptance", acceptance.position_effect),
        *_of_money(),
        Metric("participants", "count", "experiments", conversion.participants),
        Metric("in_two_arms", "share", "experiments", conversion.in_two_arms),
        Metric("wrong_arm", "share", "experiments", conversion.wrong_arm),
        Metric("decisions", "count", "ranker_health", ranker_health.decisions),
        Metric("fallback_share", "share", "ranker_health", ranker_health.fallback_share, reads=("fallback",)),
        *(
            Metric("fallback", "share", "ranker_health", partial(ranker_health.fallback_share, reason=r), of=r)
            for r in ranker_health.FALLBACKS
        ),
        Metric("latency_median", "milliseconds", "ranker_health", partial(latency, quantile=0.5)),
        Metric("latency_p99", "milliseconds", "ranker_health", partial(latency, quantile=0.99), reads=("latency_ms",)),
        Metric(
            "calibration_gap", "points", "ranker_health", ranker_health.calibration_gap, reads=("took", "probability")
        ),
    ]


def _of_money() -> list[Metric]:
    return [
        Metric("mrr_change", "cents", "money", money.mrr_change, reads=("over", "mrr_before", "mrr_after")),
        Metric("upgrades", "share", "money", partial(money.moved_share, up=True)),
        Metric("downgrades", "share", "money", partial(money.moved_share, up=False)),
        *(
            Metric(slug, "cents", "money", partial(money.billed, column=column))
            for slug, column in (
                ("billed_net", "net_cents"),
                ("billed_overage", "overage_cents"),
                ("billed_credits", "credit_cents"),
                ("billed_tax", "tax_cents"),
                ("billed_total", "total_cents"),
            )
        ),
        Metric("credit_notes", "cents", "money", money.credit_notes),
        Metric("refunds", "cents", "money", money.refunds),
        Metric("unpaid", "cents", "money", money.unpaid),
        Metric("avoidable_cost", "cents", "money", money.avoidable_cost, reads=("over", "avoidable_cents")),
        Metric("cheapest_plan_share", "share", "money", money.cheapest_plan_share),
        Metric("cancelled", "count", "money", cancellations.cancelled),
        Metric("churn", "share", "money", cancellations.churn_share),
        Metric("kept", "share", "money", cancellations.kept_share),
        *(
            Metric("why", "share", "money", partial(cancellations.why_share, why=why), of=why)
            for why in cancellations.WHY
        ),
    ]


METRICS: Final[Mapping[str, Metric]] = {metric.slug: metric for metric in _declared()}
