"""Twenty journeys, five charges, two refunds and four cancellations that can be counted by hand."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from data_contracts.experiments import Arm, Experiment
from pipelines.experiments.units import NEVER
from pipelines.metrics.decisions import DECISION_COLUMNS, PARTICIPANT_COLUMNS, SEEN, us_of
from pipelines.metrics.journeys import STEPS
from pipelines.metrics.metric_tables import MetricTables

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)

# week · template · country · strategy · step · over · drop · taken · direction · before → after (EUR) · regret (EUR)
TWENTY = """
0 ecommerce DE model        paid       1 -              scale recommended   0  490   0
0 ecommerce DE model        paid       1 -              scale recommended   0  490   20
0 ecommerce FR model        paid       1 -              scale recommended 190  490   0
0 ecommerce FR model        paid       1 -              basic lower         0  190   0
0 ecommerce DE model        confirmed  1 scheduled      basic recommended 490  190   -
0 ecommerce DE model        confirmed  1 payment_failed scale recommended   0    0   -
0 support   DE model        previewed  1 blocked        -     -           490  490   -
0 support   DE model        selected   1 silent         -     -             0    0   -
0 support   FR rules_share  paid       1 -              basic recommended   0  190   40
0 support   FR rules_share  viewed     1 closed         -     -           190  190   -
0 support   DE rules_share  viewed     1 closed         -     -             0    0   -
0 support   DE rules_share  impression 1 silent         -     -             0    0   -
0 support   DE rules_share  served     1 silent         -     -             0    0   -
1 support   FR model        paid       1 -              scale higher        0  490   -
1 support   FR model        paid       1 -              pro   sideways    490  490   -
1 support   FR model        viewed     1 closed         -     -             0    0   -
2 ecommerce FR rules        viewed     1 closed         -     -             0    0   -
2 ecommerce DE rules        viewed     0 -              -     -             0    0   -
2 ecommerce DE rules        paid       0 -              scale recommended   0  490   -
2 ecommerce DE rules        served     0 -              -     -             0    0   -
"""

# week · country · kind · net · tax · total · overage · credit · paid
FIVE = """
0 DE change   49000 9310 58310    0      0 1
0 FR change   30000 6000 36000    0 -19000 1
0 FR renewal  21500 4300 25800 2500      0 1
1 DE renewal  19000 3610 22610    0      0 0
1 DE change   -5000    0     0    0  -5000 1
"""

# week · country · amount
TWO = """
0 FR 36000
1 DE 22610
"""


# week · country · reason · status: of the billed organisations, one has left
FOUR = """
0 DE too_expensive  ended
0 FR too_expensive  offer_accepted
1 DE project_over   withdrawn
1 FR not_said       waiting
"""


def twenty() -> MetricTables:
    """The tables; the seconds to a step are 60 times its place, and of those paid 600, 1200, 1800, … in order."""
    rows = [line.split() for line in TWENTY.strip().splitlines()]
    journeys = pd.DataFrame([_journey(i, *row) for i, row in enumerate(rows)])
    paid = (journeys["step"] == STEPS.index("paid")).to_numpy()
    journeys.loc[paid, "seconds_to_paid"] = 600.0 * np.arange(1, paid.sum() + 1)
    charges = pd.DataFrame([_charge(i, *line.split()) for i, line in enumerate(FIVE.strip().splitlines())])
    return MetricTables(
        journeys,
        charges,
        refunds=pd.DataFrame([_refund(i, *line.split()) for i, line in enumerate(TWO.strip().splitlines())]),
        cancellations=pd.DataFrame([_leave(i, *line.split()) for i, line in enumerate(FOUR.strip().splitlines())]),
        data_end=MONDAY + timedelta(days=30),
        decisions=_decisions(journeys),
        participants=_participants(journeys),
        experiments=(AUTUMN,),
        unknown_arm_decisions={"autumn": 0},
    )


AUTUMN = Experiment(
    name="autumn",
    starts_at=MONDAY,
    ends_at=MONDAY + timedelta(days=60),
    planned_organizations=100,
    arms=(Arm(name="control", share=1), Arm(name="new", share=1)),
)


def _decisions(journeys: pd.DataFrame) -> pd.DataFrame:
    """One decision per journey: 10, 20, … 200 ms; half probable; three were answered by a fallback, each why."""
    took = np.where(journeys["over"], journeys["accepted"].astype(np.float64), np.nan)
    fallback = journeys["fallback"].where(journeys["strategy"] == "model", "rules_share")
    fallback = fallback.mask(journeys.index.isin([17, 18]), "champion_slow").mask(journeys.index == 19, "no_champion")
    return journeys[[*SEEN]].assign(
        fallback=fallback,
        experiment=None,
        arm=None,
        latency_ms=10.0 * np.arange(1, 21),
        probability=np.where(journeys["strategy"] == "model", 0.5, np.nan),
        took=took,
    )[list(DECISION_COLUMNS)]


def _participants(journeys: pd.DataFrame) -> pd.DataFrame:
    """The first ten organisations, in turns; the second was seen in both arms, the third in the wrong one."""
    rows = journeys.iloc[:10]
    place = np.arange(10)
    paid_us = us_of(rows["started_at"]) + 3_600_000_000
    return rows[[*SEEN]].assign(
        experiment="autumn",
        arm=np.where(place % 2 == 0, "control", "new"),
        crossed=place == 1,
        wrong_arm=place == 2,
        paid_us=np.where(rows["step"] == STEPS.index("paid"), paid_us, NEVER),
        revenue_before_cents=rows["mrr_before"],
        revenue_after_cents=rows["mrr_after"],
    )[list(PARTICIPANT_COLUMNS)]


def _journey(i: int, *row: str) -> dict[str, object]:
    week, template, country, strategy, step, over, drop, taken, direction, before, after, regret = row
    place = STEPS.index(step)
    return {
        "decision_id": f"d-{i}",
        "organization_id": f"org-{i}",
        "started_at": pd.Timestamp(MONDAY + timedelta(weeks=int(week), hours=i)),
        "template": template,
        "country": country,
        "plan": "scale",
        "interval": "month",
        "catalogue_version": "v",
        "strategy": "model" if strategy == "model" else "rules",
        "model_version": "m-1" if strategy == "model" else "none",
        "experiment": "none",
        "fallback": strategy if strategy == "rules_share" else "none",
        "step": place,
        "over": over == "1",
        "drop": drop.strip("-"),
        "taken": taken.strip("-"),
        "direction": direction.strip("-"),
        "accepted": direction == "recommended",
        **{f"seconds_to_{s}": 60.0 * k if k <= place else np.nan for k, s in enumerate(STEPS[1:], start=1)},
        "mrr_before": 100.0 * int(before),
        "mrr_after": 100.0 * int(after),
        "avoidable_cents": np.nan if regret == "-" else 100.0 * int(regret),
        "first_place_gain": 0.0,
        "first_place_weight": 0.0,
    }


def _charge(i: int, *row: str) -> dict[str, object]:
    week, country, kind, net, tax, total, overage, credit, paid = row
    return {
        "charge_id": f"c-{i}",
        "organization_id": f"org-{i}",
        "occurred_at": pd.Timestamp(MONDAY + timedelta(weeks=int(week))),
        "template": "ecommerce",
        "country": country,
        "plan": "scale",
        "kind": kind,
        "currency": "EUR",
        "net_cents": int(net),
        "tax_cents": int(tax),
        "total_cents": int(total),
        "overage_cents": int(overage),
        "credit_cents": int(credit),
        "paid": paid == "1",
    }


def _leave(i: int, week: str, country: str, why: str, status: str) -> dict[str, object]:
    return {
        "cancellation_id": f"l-{i}",
        "organization_id": f"org-{i}",
        "why": why,
        "status": status,
        "plan": "scale",
        "occurred_at": pd.Timestamp(MONDAY + timedelta(weeks=int(week))),
        "country": country,
        "template": "ecommerce",
    }


def _refund(i: int, week: str, country: str, amount: str) -> dict[str, object]:
    return {
        "refund_id": f"r-{i}",
        "organization_id": f"org-{i}",
        "amount_cents": int(amount),
        "occurred_at": pd.Timestamp(MONDAY + timedelta(weeks=int(week))),
        "plan": "scale",
        "country": country,
        "template": "ecommerce",
    }
