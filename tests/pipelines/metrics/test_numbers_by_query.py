"""The numbers of the pages against SQL over the checked tables, which knows nothing of our journeys."""

from typing import Any, Final

import duckdb
import pandas as pd
import pytest

from pipelines.metrics.cancellations import WHY
from pipelines.metrics.declared import METRICS
from pipelines.metrics.filters import DIMENSIONS, Filters, cut, narrowed
from pipelines.metrics.journeys import DROPS, STEPS
from pipelines.metrics.metric_tables import MetricTables
from pipelines.metrics.ranker_health import FALLBACKS

pytestmark = pytest.mark.slow

DROP: Final = """
CASE WHEN failed THEN 'payment_failed' WHEN blocked THEN 'blocked' WHEN step = 5 THEN 'scheduled'
WHEN closed THEN 'closed' ELSE 'silent' END
"""
OF_LINES: Final = """
SELECT sum((line->>'amount_cents')::BIGINT) FROM (
    SELECT unnest(from_json(lines, '["JSON"]')) AS line FROM charges JOIN organizations USING (organization_id)
    WHERE country LIKE $country
) WHERE line->>'kind' IN
"""

LIFT: Final = """
FROM ended WHERE experiment IS NULL AND week IN (
    SELECT week FROM ended WHERE strategy = 'model' AND experiment IS NULL INTERSECT
    SELECT week FROM ended WHERE strategy = 'rules_share' AND experiment IS NULL
)
"""
ACCEPTED: Final = "coalesce(taken = ended.plan, coalesce(holding = ended.plan, false) AND step = 2)::INT"
TOOK: Final = f"avg({ACCEPTED})"
CHANGE: Final = "SELECT after - before AS change FROM ended"
CHANCE: Final = """
SELECT id, sum((position = 1)::INT * took - propensity * took) AS pull, sum(propensity * (1 - propensity)) AS weight
FROM (
    SELECT j.id, d.position, d.propensity, (d.plan = j.taken AND j.taken IS NOT NULL)::INT AS took
    FROM ended AS j JOIN decisions AS d ON d.decision_id = j.id WHERE d.propensity > 0 AND d.propensity < 1
) GROUP BY id
"""
REGRET: Final = """
WITH bought AS (
    SELECT org, id, taken, make_timestamptz(at6) AS since, make_timestamptz(at6) + INTERVAL 30 DAY AS until
    FROM ended WHERE at6 IS NOT NULL
), used AS (
    SELECT id, metric, sum(quantity) FILTER (WHERE occurred_at >= since) AS much,
        arg_max(quantity, (occurred_at, quantity, event_id)) AS level
    FROM bought JOIN usage_events ON organization_id = org AND occurred_at < until GROUP BY id, metric
), bills AS (
    SELECT b.id, b.taken, o.plan, any_value(o.monthly_cents)
        + sum(CASE WHEN renews THEN
            (2 * greatest(coalesce(much, 0) - most, 0) * cents + per) // (2 * per) ELSE 0 END) AS bill,
        bool_and(renews OR coalesce(level, 0) <= most) AS fits
    FROM bought AS b JOIN plans AS t ON t.plan = b.taken JOIN plans AS o ON o.family = t.family
    JOIN allowed AS a ON a.plan = o.plan LEFT JOIN used AS u ON u.id = b.id AND u.metric = a.metric
    WHERE b.until <= $data_end
    GROUP BY b.id, b.taken, o.plan
)
SELECT max(bill) FILTER (WHERE plan = taken) - least(
    min(bill) FILTER (WHERE fits), max(bill) FILTER (WHERE plan = taken)) AS regret
FROM bills GROUP BY id
"""
TAKING: Final = """
SELECT experiment, org, count(DISTINCT arm) AS arms, arg_min(arm <> right_arm, (moment, arm)) AS wrong_arm FROM (
    SELECT DISTINCT d.experiment, d.organization_id AS org, d.arm, w.arm AS right_arm, d.occurred_at AS moment
    FROM decisions AS d JOIN drawn AS w USING (decision_id) JOIN organizations AS o
    ON o.organization_id = d.organization_id WHERE d.experiment IS NOT NULL AND country LIKE $country
) GROUP BY experiment, org
"""


def queries() -> dict[str, str]:
    """Slug → a query for its number; `ended` are the journeys whose fortnight is over."""
    asked = {
        "served": "SELECT count(*) FROM ended",
        "still_open": "SELECT count(*) FROM journeys WHERE NOT over AND country LIKE $country",
        "accepted": f"SELECT {TOOK} FROM ended",
    }
    for i, step in enumerate(STEPS[1:], start=1):
        asked[f"rate_{step}"] = f"SELECT avg((step >= {i})::INT) FROM ended"
        asked[f"step_rate_{step}"] = f"SELECT avg((step >= {i})::INT) FROM ended WHERE step >= {i - 1}"
        asked[f"time_to_{step}"] = f"SELECT median((at{i} - epoch_us(begun)) / 1e6) FROM ended WHERE step >= {i}"
    for reason in DROPS:
        asked[f"drop_{reason}"] = f"SELECT avg(({DROP} = '{reason}')::INT) FROM ended WHERE step < 6"
    for name, holds in (
        ("recommended", "e.taken = e.plan"), ("higher", "t.tier > p.tier"), ("lower", "t.tier < p.tier"),
        ("sideways", "t.tier = p.tier AND e.taken <> e.plan"),
    ):  # fmt: skip
        asked[f"took_{name}"] = f"""
            SELECT avg(({holds})::INT) FROM ended e JOIN plans t ON t.plan = e.taken JOIN plans p ON p.plan = e.plan
        """
    for slug, column in (("net", "net_cents"), ("tax", "tax_cents"), ("total", "total_cents")):
        asked[f"billed_{slug}"] = f"SELECT sum({column}) FROM billed"
    asked["unpaid"] = "SELECT coalesce(sum(total_cents), 0) FROM billed WHERE paid_at IS NULL"
    asked["credit_notes"] = "SELECT coalesce(sum(-net_cents) FILTER (WHERE net_cents < 0), 0) FROM billed"
    asked["refunds"] = """
        SELECT coalesce(sum(amount_cents), 0) FROM refunds JOIN organizations USING (organization_id)
        WHERE country LIKE $country
    """
    left = "FROM cancellations JOIN organizations USING (organization_id) WHERE country LIKE $country"
    asked["cancelled"] = f"SELECT count(*) {left}"
    asked["kept"] = f"SELECT avg((status <> 'ended')::INT) {left} AND status <> 'waiting'"
    asked["churn"] = f"""
        SELECT count(DISTINCT organization_id) FILTER (
            WHERE organization_id IN (SELECT organization_id {left} AND status = 'ended')
        ) / count(DISTINCT organization_id) FROM billed
    """
    for why in WHY:
        asked[f"why_{why}"] = f"SELECT avg((why = '{why}')::INT) {left}"
    asked["billed_overage"] = f"SELECT coalesce(({OF_LINES} ('overage')), 0)"
    asked["billed_credits"] = f"SELECT coalesce(({OF_LINES} ('unused_time', 'credit_balance')), 0)"
    return asked | _of_rankers() | _of_changes()


def _of_rankers() -> dict[str, str]:
    fell = "fallback_reason IS NOT NULL AND fallback_reason <> 'rules_share'"
    return {
        "accepted_model": f"SELECT {TOOK} {LIFT} AND strategy = 'model'",
        "accepted_rules": f"SELECT {TOOK} {LIFT} AND strategy = 'rules_share'",
        "lift_over_rules": f"SELECT (SELECT {TOOK} {LIFT} AND strategy = 'model')"
        f" - (SELECT {TOOK} {LIFT} AND strategy = 'rules_share')",
        "position_effect": f"SELECT sum(pull) / sum(weight) FROM ({CHANCE})",
        "decisions": "SELECT count(*) FROM made",
        "fallback_share": f"SELECT avg(({fell})::INT) FROM made",
        **{
            f"fallback_{reason}": f"SELECT avg((coalesce(fallback_reason, '') = '{reason}')::INT) FROM made"
            for reason in FALLBACKS
        },
        "latency_median": "SELECT quantile_disc(latency_ms, 0.5) FROM made",
        "latency_p99": "SELECT quantile_disc(latency_ms, 0.99) FROM made",
        "calibration_gap": f"SELECT avg({ACCEPTED} - probability) FROM ended"
        " JOIN made ON made.decision_id = ended.id WHERE probability IS NOT NULL",
    }


def _of_changes() -> dict[str, str]:
    return {
        "mrr_change": f"SELECT avg(change) FROM ({CHANGE})",
        "upgrades": f"SELECT avg((change > 0)::INT) FROM ({CHANGE})",
        "downgrades": f"SELECT avg((change < 0)::INT) FROM ({CHANGE})",
        "avoidable_cost": f"SELECT avg(regret) FROM ({REGRET})",
        "cheapest_plan_share": f"SELECT avg((regret = 0)::INT) FROM ({REGRET})",
        "participants": f"SELECT count(*) FROM ({TAKING})",
        "in_two_arms": f"SELECT avg((arms > 1)::INT) FROM ({TAKING})",
        "wrong_arm": f"SELECT avg(wrong_arm::INT) FROM ({TAKING})",
    }


def answer(
    database: duckdb.DuckDBPyConnection, query: str, tables: MetricTables, country: str = ""
) -> list[tuple[Any, ...]]:
    """What a query finds; `ended` journeys, `billed` charges and `made` decisions are those of the country."""
    query = f"""
        WITH ended AS (SELECT * FROM journeys WHERE over AND country LIKE $country),
        billed AS (SELECT * FROM charges JOIN organizations USING (organization_id) WHERE country LIKE $country),
        made AS (SELECT decisions.* FROM decisions JOIN organizations USING (organization_id)
            WHERE recommended AND country LIKE $country)
        {query}
    """
    given = {"country": country or "%", "data_end": tables.data_end}
    return database.execute(query, {name: value for name, value in given.items() if f"${name}" in query}).fetchall()


def test_no_number_is_left_unasked() -> None:
    assert set(queries()) == set(METRICS)


@pytest.mark.parametrize("country", ["", "FR"])
@pytest.mark.parametrize("slug", queries())
def test_the_number_is_what_a_query_finds(
    slug: str, country: str, tables: MetricTables, database: duckdb.DuckDBPyConnection
) -> None:
    kept = narrowed(tables, Filters(countries=(country,))) if country else tables

    ((found,),) = answer(database, queries()[slug], tables, country)

    value = METRICS[slug](kept).value
    assert found is not None
    assert value == pytest.approx(float(found), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("dimension", DIMENSIONS)
@pytest.mark.parametrize("slug", ["rate_paid", "accepted", "mrr_change"])
def test_every_part_is_what_a_query_finds(
    slug: str, dimension: str, tables: MetricTables, database: duckdb.DuckDBPyConnection
) -> None:
    number = {"rate_paid": "avg((step >= 6)::INT)", "accepted": TOOK, "mrr_change": "avg(after - before)"}[slug]

    found = dict(answer(database, f"SELECT {dimension}, {number} FROM ended GROUP BY 1", tables))

    parts = {name: METRICS[slug](part).value for name, part in cut(tables, dimension)}
    assert {name: value for name, value in parts.items() if value is not None} == pytest.approx(found)
    assert len(found) > 1


def test_what_was_billed_is_the_sum_of_its_lines(database: duckdb.DuckDBPyConnection) -> None:
    wrong = database.execute("""
        SELECT count(*) FROM charges WHERE net_cents <> list_sum(
            list_transform(from_json(lines, '["JSON"]'), lambda line: (line->>'amount_cents')::BIGINT))
    """).fetchone()

    assert wrong == (0,)


def test_what_is_rare_is_there_to_be_counted(database: duckdb.DuckDBPyConnection) -> None:
    query = """
        SELECT (SELECT count(*) FROM charges WHERE net_cents < 0), (SELECT count(*) FROM refunds),
            (SELECT count(DISTINCT status) FROM cancellations)
    """
    ((notes, sent_back, ends),) = database.execute(query).fetchall()

    assert notes > 2
    assert sent_back > 2
    assert ends > 1


def test_there_are_enough_journeys_for_the_numbers_to_differ(tables: MetricTables) -> None:
    shares = pd.Series({slug: METRICS[slug](tables).value for slug in queries()})

    assert METRICS["served"](tables).n > 200
    assert shares.nunique() > 25
