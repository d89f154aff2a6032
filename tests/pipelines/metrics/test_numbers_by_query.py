"""The numbers of the pages against SQL over the checked tables, which knows nothing of our journeys."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import duckdb
import pandas as pd
import pytest

from data_contracts.catalogue import reference_texts
from pipelines.demo_data import write_demo_data
from pipelines.metrics.declared import METRICS
from pipelines.metrics.facts import Facts
from pipelines.metrics.filters import Filters, narrowed
from pipelines.metrics.journeys import DROPS, STEPS
from pipelines.metrics.warm import warm
from pipelines.validate import validate
from recommender.billing.catalogue_build import load_catalogue

pytestmark = pytest.mark.slow

UNTIL: Final = datetime(2026, 6, 1, tzinfo=UTC)
CATALOGUE: Final = load_catalogue(*reference_texts())

JOURNEYS: Final = """
CREATE TABLE journeys AS
WITH RECURSIVE d AS (
    SELECT organization_id AS org, occurred_at AS moment, decision_id AS id, plan FROM decisions WHERE recommended
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
    taken, at1, at2, at3, at4, at5, at6,
    (SELECT arg_min(plan, id) FROM d WHERE d.org = j.org AND d.moment = j.begun) AS plan
FROM j JOIN organizations ON organization_id = j.org LEFT JOIN far ON far.org = j.org AND far.begun = j.begun
"""
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


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("asked")
    quiet = lambda _: None  # noqa: E731
    write_demo_data(out=root / "raw", organizations=300, until=UNTIL, broken_share=0, progress=quiet)
    validate(root / "raw", root / "checked", now=UNTIL, progress=quiet)
    return root / "checked"


@pytest.fixture(scope="module")
def facts(checked: Path) -> Facts:
    return warm(checked=checked, out=checked.parent / "metrics", catalogues=[CATALOGUE])


@pytest.fixture(scope="module")
def database(checked: Path, facts: Facts) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for name in ("decisions", "outcomes", "charges", "organizations"):
        connection.execute(f"CREATE VIEW {name} AS SELECT * FROM '{checked / name}.parquet'")
    connection.execute("CREATE TABLE tiers (plan TEXT, tier INT)")
    connection.executemany("INSERT INTO tiers VALUES (?, ?)", [(plan.code, plan.tier) for plan in CATALOGUE.plans])
    connection.execute(JOURNEYS, {"data_end": facts.data_end})
    return connection


def queries() -> dict[str, str]:
    """Slug → a query for its number; `ended` are the journeys whose fortnight is over."""
    asked = {
        "served": "SELECT count(*) FROM ended",
        "still_open": "SELECT count(*) FROM journeys WHERE NOT over AND country LIKE $country",
        "accepted": "SELECT avg((taken = plan AND taken IS NOT NULL)::INT) FROM ended",
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
            SELECT avg(({holds})::INT) FROM ended e JOIN tiers t ON t.plan = e.taken JOIN tiers p ON p.plan = e.plan
        """
    for slug, column in (("net", "net_cents"), ("tax", "tax_cents"), ("total", "total_cents")):
        asked[f"billed_{slug}"] = f"SELECT sum({column}) FROM billed"
    asked["unpaid"] = "SELECT coalesce(sum(total_cents), 0) FROM billed WHERE paid_at IS NULL"
    asked["billed_overage"] = f"SELECT coalesce(({OF_LINES} ('overage')), 0)"
    asked["billed_credits"] = f"SELECT coalesce(({OF_LINES} ('unused_time', 'credit_balance')), 0)"
    return asked


@pytest.mark.parametrize("country", ["", "FR"])
@pytest.mark.parametrize("slug", queries())
def test_the_number_is_what_a_query_finds(
    slug: str, country: str, facts: Facts, database: duckdb.DuckDBPyConnection
) -> None:
    kept = narrowed(facts, Filters(countries=(country,))) if country else facts
    query = f"""
        WITH ended AS (SELECT * FROM journeys WHERE over AND country LIKE $country),
        billed AS (SELECT * FROM charges JOIN organizations USING (organization_id) WHERE country LIKE $country)
        {queries()[slug]}
    """

    (found,) = database.execute(query, {"country": country or "%"}).fetchone() or (None,)

    value = METRICS[slug](kept).value
    assert found is not None
    assert value == pytest.approx(float(found), rel=1e-12, abs=1e-12)


def test_what_was_billed_is_the_sum_of_its_lines(database: duckdb.DuckDBPyConnection) -> None:
    wrong = database.execute("""
        SELECT count(*) FROM charges WHERE net_cents <> list_sum(
            list_transform(from_json(lines, '["JSON"]'), lambda line: (line->>'amount_cents')::BIGINT))
    """).fetchone()

    assert wrong == (0,)


def test_there_are_enough_journeys_for_the_numbers_to_differ(facts: Facts) -> None:
    shares = pd.Series({slug: METRICS[slug](facts).value for slug in queries()})

    assert METRICS["served"](facts).n > 200
    assert shares.nunique() > 25
