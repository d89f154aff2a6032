"""A demo world as tables of a database, with the journeys as SQL finds them, which knows nothing of our own."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Final

import duckdb
import numpy as np
import pandas as pd

from pipelines.metrics.metric_tables import MetricTables
from recommender.billing.catalogue import Catalogue

TABLES: Final = (
    "decisions", "outcomes", "charges", "refunds", "cancellations", "organizations", "subscriptions",
    "template_installs", "usage_events",
)  # fmt: skip
HELD: Final = """
CREATE VIEW held AS SELECT organization_id AS org, recorded_at, occurred_at, event_id,
    CASE WHEN s.status = 'active' THEN s.plan ELSE '' END AS plan,
    CASE WHEN s.status <> 'active' THEN 0 WHEN s.interval = 'month' THEN monthly_cents
    ELSE (2 * yearly_cents + 12) // 24 END AS cents
FROM subscriptions AS s LEFT JOIN plans USING (plan)
"""
JOURNEYS: Final = """
CREATE TABLE journeys AS
WITH RECURSIVE d AS (
    SELECT organization_id AS org, occurred_at AS moment, decision_id AS id, plan, coalesce(model_version, 'none') AS
        model_version, coalesce(fallback_reason, 'none') AS fallback, experiment,
        CASE WHEN fallback_reason = 'rules_share' THEN 'rules_share' ELSE strategy END AS strategy
    FROM decisions WHERE recommended
), j(org, begun) AS (
    SELECT org, min(moment) FROM d GROUP BY org
    UNION ALL
    SELECT j.org, min(d.moment) FROM j JOIN d ON d.org = j.org AND d.moment >= j.begun + INTERVAL 14 DAY
    GROUP BY j.org, j.begun
), steps(kind, step) AS (
    VALUES ('impression', 1), ('viewed', 2), ('dismissed', 2), ('selected', 3), ('checkout_started', 4),
    ('previewed', 4), ('blocked', 4), ('confirmed', 5), ('payment_failed', 5)
), told AS (
    SELECT decision_id AS id, kind, step, plan, occurred_at AS moment FROM outcomes JOIN steps USING (kind)
    UNION ALL
    SELECT decision_id, 'paid', 6, plan, paid_at FROM charges WHERE decision_id IS NOT NULL AND paid_at IS NOT NULL
), mine AS (
    SELECT j.org, j.begun, told.kind, told.step, told.plan, greatest(told.moment, j.begun) AS moment
    FROM j JOIN d ON d.org = j.org AND d.moment >= j.begun AND d.moment < j.begun + INTERVAL 14 DAY
    JOIN told ON told.id = d.id AND told.moment < j.begun + INTERVAL 14 DAY
), far AS (
    SELECT org, begun, max(step) AS step, bool_or(kind = 'payment_failed') AS failed,
        bool_or(kind = 'blocked') AS blocked, bool_or(kind = 'dismissed') AS closed,
        arg_max(plan, (step, moment, plan)) FILTER (WHERE step >= 5 AND plan IS NOT NULL) AS taken,
        min(epoch_us(moment)) FILTER (WHERE step >= 1) AS at1, min(epoch_us(moment)) FILTER (WHERE step >= 2) AS at2,
        min(epoch_us(moment)) FILTER (WHERE step >= 3) AS at3, min(epoch_us(moment)) FILTER (WHERE step >= 4) AS at4,
        min(epoch_us(moment)) FILTER (WHERE step >= 5) AS at5, min(epoch_us(moment)) FILTER (WHERE step >= 6) AS at6
    FROM mine GROUP BY org, begun
)
SELECT j.org, country, j.begun, j.begun + INTERVAL 14 DAY <= $data_end AS over, coalesce(step, 0) AS step,
    coalesce(failed, false) AS failed, coalesce(blocked, false) AS blocked, coalesce(closed, false) AS closed,
    taken, at1, at2, at3, at4, at5, at6, first.id, first.plan, first.strategy, first.fallback, first.model_version,
    first.experiment,
    (SELECT arg_max(held.plan, (recorded_at, occurred_at, event_id)) FROM held
     WHERE held.org = j.org AND recorded_at <= j.begun) AS holding,
    coalesce((
        SELECT arg_min(template, (recorded_at, event_id)) FROM template_installs AS t
        WHERE t.organization_id = j.org AND t.change = 'installed' AND t.recorded_at <= j.begun
    ), 'none') AS template,
    strftime(date_trunc('week', j.begun), '%Y-%m-%d') AS week,
    (SELECT coalesce(arg_max(cents, (recorded_at, occurred_at, event_id)), 0) FROM held
     WHERE held.org = j.org AND recorded_at <= j.begun) AS before,
    (SELECT coalesce(arg_max(cents, (recorded_at, occurred_at, event_id)), 0) FROM held
     WHERE held.org = j.org AND recorded_at <= least(j.begun + INTERVAL 14 DAY, $data_end)) AS after
FROM j JOIN organizations ON organization_id = j.org
JOIN (
    SELECT org, moment, arg_min({'id': id, 'plan': plan, 'strategy': strategy, 'fallback': fallback,
        'model_version': model_version, 'experiment': experiment}, id) AS first
    FROM d GROUP BY org, moment
) AS f ON f.org = j.org AND f.moment = j.begun
LEFT JOIN far ON far.org = j.org AND far.begun = j.begun
"""


def answered_in_turns(decisions: pd.DataFrame) -> pd.DataFrame:
    """The decisions as if a ranker had answered most, the rules their share, and others where it failed.

    Every hundredth organisation was also answered in the other arm of its experiment, half of these at first.
    """
    ids, place = np.unique(decisions["organization_id"].to_numpy(dtype=np.str_), return_inverse=True)
    lot, one = np.random.default_rng(5).random(len(ids))[place], pd.util.hash_array(decisions["decision_id"].to_numpy())
    mine = lot < 0.3
    failed = ~mine & (one % 20 == 0)
    reason = np.where(one % 3 == 0, "champion_slow", "challenger_failed")
    decided = decisions.assign(
        strategy=np.where(mine | failed, "rules", "model"),
        fallback_reason=pd.Series(np.where(mine, "rules_share", reason)).where(mine | failed, None),
        model_version=pd.Series(np.where(one % 2 == 0, "m-1", "m-2")).mask(mine | failed, None),
    )
    seen = decided.groupby("organization_id")["occurred_at"].transform("min") == decided["occurred_at"]
    turned = np.where(place % 100 == 0, seen, np.where(place % 100 == 50, ~seen, False)) & decided["arm"].notna()
    return decided.assign(arm=decided["arm"].mask(turned, decided["arm"].map({"control": "new", "new": "control"})))


def with_credit_notes(charges: pd.DataFrame) -> pd.DataFrame:
    """The charges as if every twentieth had given back a little more than it charged."""
    noted = np.arange(len(charges)) % 20 == 0
    lines = [
        json.dumps([*json.loads(text), {"kind": "unused_time", "amount_cents": -1_234 - i - net}]) if note else text
        for i, (text, net, note) in enumerate(zip(charges["lines"], charges["net_cents"], noted, strict=True))
    ]
    net = charges["net_cents"].mask(noted, -1_234 - np.arange(len(charges)))
    taxed = {name: charges[name].mask(noted, 0) for name in ("tax_cents", "total_cents")}
    return charges.assign(lines=lines, net_cents=net, **taxed)


def database(checked: Path, tables: MetricTables, catalogue: Catalogue) -> duckdb.DuckDBPyConnection:
    """The checked tables, what plans cost and allow, and the journeys."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for name in TABLES:
        connection.execute(f"CREATE VIEW {name} AS SELECT * FROM '{checked / name}.parquet'")
    connection.execute("CREATE TABLE plans (plan TEXT, family TEXT, tier INT, monthly_cents INT, yearly_cents INT)")
    connection.executemany(
        "INSERT INTO plans VALUES (?, ?, ?, ?, ?)",
        [(p.code, p.family, p.tier, p.price_cents["month"], p.price_cents["year"]) for p in catalogue.plans],
    )
    connection.execute("CREATE TABLE allowed (plan TEXT, metric TEXT, most HUGEINT, renews BOOL, per INT, cents INT)")
    connection.executemany(
        "INSERT INTO allowed VALUES (?, ?, ?, ?, ?, ?)",
        [
            (p.code, each.metric, int(each.value), each.renewable, price.denominator, price.numerator)
            for p in catalogue.plans
            for each in p.limits
            if np.isfinite(each.value)
            for price in [p.overage_cents.get(str(each.metric), Fraction(0))]
        ],
    )
    connection.execute(HELD)
    connection.execute(JOURNEYS, {"data_end": tables.data_end})
    return connection
