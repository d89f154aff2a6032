"""Twenty journeys and five charges that can be counted by hand."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from pipelines.metrics.facts import Facts
from pipelines.metrics.journeys import STEPS

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


def twenty() -> Facts:
    """The facts; the seconds to a step are 60 times its place, and of those paid 600, 1200, 1800, … in order."""
    rows = [line.split() for line in TWENTY.strip().splitlines()]
    journeys = pd.DataFrame([_journey(i, *row) for i, row in enumerate(rows)])
    paid = (journeys["step"] == STEPS.index("paid")).to_numpy()
    journeys.loc[paid, "seconds_to_paid"] = 600.0 * np.arange(1, paid.sum() + 1)
    charges = pd.DataFrame([_charge(i, *line.split()) for i, line in enumerate(FIVE.strip().splitlines())])
    return Facts(journeys, charges, data_end=MONDAY + timedelta(days=30))


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
        "fallback": strategy if strategy == "rules_share" else "none",
        "step": place,
        "over": over == "1",
        "drop": drop.strip("-"),
        "taken": taken.strip("-"),
        "direction": direction.strip("-"),
        **{f"seconds_to_{s}": 60.0 * k if k <= place else np.nan for k, s in enumerate(STEPS[1:], start=1)},
        "mrr_before": 100.0 * int(before),
        "mrr_after": 100.0 * int(after),
        "regret_cents": np.nan if regret == "-" else 100.0 * int(regret),
        "pull": 0.0,
        "pull_weight": 0.0,
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
