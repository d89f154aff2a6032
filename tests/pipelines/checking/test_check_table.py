from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.expectations import suites
from data_contracts.expectations.rules import Rule
from data_contracts.raw.tables import RAW_TABLES
from pipelines.checking.check_table import CheckedTable, RowsLost, check_table
from pipelines.checking.judging import great_expectations_batches
from pipelines.checking.sources import read_table
from pipelines.history.engine import Engine
from tests.pipelines.raw_folder import CANDIDATE, NOW, RUNNER_UP, TUESDAY, USAGE, Row, write_csv

Check = Callable[..., "Checked"]


class Checked:
    """One table after its checks, with its rows read back from the files."""

    def __init__(self, table: CheckedTable) -> None:
        assert table.kept is not None
        assert table.set_aside is not None
        self.table = table
        self.kept = pd.read_parquet(table.kept)
        self.set_aside = pd.read_parquet(table.set_aside)


@pytest.fixture(scope="module")
def check(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Check]:
    """Checks rows of one table, given as text, against two known organisations."""
    batches = great_expectations_batches()
    known = tmp_path_factory.mktemp("kept") / "organizations.parquet"
    pd.DataFrame({"organization_id": ["bakery", "florist"]}).to_parquet(known)

    def checked(
        name: str, rows: list[Row], *, parents: Sequence[str] = ("organizations",), reference: datetime = NOW
    ) -> Checked:
        folder = write_csv(tmp_path_factory.mktemp("raw"), {name: rows})
        scratch, into = folder / "scratch", folder / "checked"
        scratch.mkdir()
        into.mkdir()
        raw = read_table(folder, RAW_TABLES[name], scratch=scratch)
        kept = {name: [known] for name in parents}
        return Checked(check_table(engine, raw, kept=kept, into=into, now=NOW, reference=reference, batches=batches))

    with Engine() as engine:
        yield checked


def said(table: Checked) -> list[tuple[int, str]]:
    return list(zip(table.set_aside["row"], table.set_aside["rule"], strict=True))


def test_of_rows_with_one_key_the_first_recorded_stays_and_then_the_first_in_the_file(check: Check) -> None:
    late, early, same_time = USAGE | {"recorded_at": TUESDAY}, USAGE, USAGE | {"quantity": "99"}

    table = check("usage_events", [late, early, same_time])

    assert table.kept["quantity"].tolist() == [12]
    assert said(table) == [(0, "duplicate_key"), (2, "duplicate_key")]


def test_a_broken_row_does_not_push_out_a_sound_one_with_its_key(check: Check) -> None:
    table = check("usage_events", [USAGE | {"quantity": "-1"}, USAGE | {"recorded_at": TUESDAY}])

    assert said(table) == [(0, "quantity_out_of_range")]
    assert table.table.rows_kept == 1


def test_a_row_is_set_aside_for_the_first_rule_it_breaks_and_names_them_all(check: Check) -> None:
    table = check("usage_events", [USAGE, USAGE | {"event_id": "u2", "metric": "clicks", "quantity": "-2.5"}])

    row = table.set_aside.iloc[0]
    assert row["rule"] == "unknown_metric"
    assert row["rules"] == "unknown_metric, quantity_not_whole, quantity_out_of_range"
    assert row["reason"] == "metric is not a known one: metric = 'clicks'"
    assert {rule.rule: (rule.rows, rule.rows_breaking) for rule in table.table.rules} == {
        "unknown_metric": (1, 1),
        "quantity_not_whole": (0, 1),
        "quantity_out_of_range": (0, 1),
    }


def test_a_row_set_aside_is_as_the_file_had_it(check: Check) -> None:
    broken = USAGE | {"quantity": "007.50", "occurred_at": "30 March"}

    table = check("usage_events", [broken])

    assert {name: value or "" for name, value in table.set_aside.fillna("").iloc[0].items() if name in broken} == broken


def test_a_decision_that_does_not_add_up_is_set_aside_as_a_whole(check: Check) -> None:
    other = {"decision_id": "d2"}

    table = check("decisions", [CANDIDATE, RUNNER_UP, CANDIDATE | other, RUNNER_UP | other | {"propensity": "0.5"}])

    assert said(table) == [(2, "propensities_do_not_sum_to_one"), (3, "propensities_do_not_sum_to_one")]
    assert table.kept["decision_id"].tolist() == ["d1", "d1"]


def test_each_identity_of_a_decision_has_its_rule(check: Check) -> None:
    changes = {
        "d1": ({"probability": "0.26"}, "probabilities_do_not_sum_to_one"),
        "d2": ({"position": "3"}, "positions_not_one_to_k"),
        "d3": ({"position": "1"}, "positions_not_one_to_k"),
        "d4": ({"recommended": "true"}, "recommended_not_once"),
        "d5": ({"organization_id": "florist"}, "decision_not_uniform"),
    }
    decisions = [
        [CANDIDATE | {"decision_id": name}, RUNNER_UP | {"decision_id": name} | change]
        for name, (change, _rule) in changes.items()
    ]

    table = check("decisions", [row for rows in decisions for row in rows])

    assert table.table.rows_kept == 0
    assert table.set_aside["rule"].tolist() == [rule for _change, rule in changes.values() for _row in range(2)]


def test_the_other_candidates_of_a_broken_one_go_with_it(check: Check) -> None:
    table = check("decisions", [CANDIDATE, RUNNER_UP | {"probability": "1.25"}])

    assert said(table) == [(0, "sibling_set_aside"), (1, "probability_out_of_range")]


def test_a_candidate_delivered_twice_does_not_break_its_decision(check: Check) -> None:
    table = check("decisions", [CANDIDATE, RUNNER_UP, RUNNER_UP])

    assert said(table) == [(2, "duplicate_key")]


def test_a_table_of_which_too_many_rows_are_broken_is_broken_as_a_whole(check: Check) -> None:
    rows = [USAGE | {"event_id": f"u{i}", "metric": "clicks" if i < 20 else "seats"} for i in range(70)]

    assert check("usage_events", rows).table.broken == (
        "20 of 70 rows are broken (29%, at most 25%), most by unknown_metric",
    )
    assert check("usage_events", rows[1:]).table.broken == ()


def test_a_table_without_news_is_broken_as_a_whole(check: Check) -> None:
    fifteen_days_on = datetime(2026, 4, 14, 12, tzinfo=UTC)

    assert check("usage_events", [USAGE], reference=fifteen_days_on - timedelta(days=2)).table.broken == ()
    (reason,) = check("usage_events", [USAGE], reference=fifteen_days_on).table.broken
    assert reason.startswith("the newest row was recorded more than 14 days before 2026-04-14 12:00 UTC")


def test_a_table_of_no_rows_is_whole_where_none_are_promised(check: Check) -> None:
    assert check("usage_events", []).table.broken == ()
    assert "fewer than 1 rows are left" in check("organizations", []).table.broken[0]


def test_references_into_a_table_that_is_broken_as_a_whole_are_said_not_to_be_checked(check: Check) -> None:
    table = check("usage_events", [USAGE | {"organization_id": "nobody"}], parents=())

    assert table.table.rows_kept == 1
    assert table.table.notes == ("references into organizations were not checked: it is broken as a whole",)


def test_what_could_not_be_checked_is_told_apart_and_breaks_the_table(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rules() -> list[Rule]:
        return [Rule("metric_sorts", "", ("metric",), lambda rows: rows.metric >= 1)]

    monkeypatch.setitem(suites.ROW_RULES, "usage_events", rules)

    (reason,) = check("usage_events", [USAGE]).table.broken
    assert reason.startswith("metric_sorts could not be checked: ")


@pytest.mark.parametrize("name", list(RAW_TABLES))
def test_no_expectation_is_lost_as_great_expectations_keeps_one_of_two_equal_ones(name: str) -> None:
    declared = suites.rules(name, now=NOW)
    of_table = bool(RAW_TABLES[name].min_rows) + (RAW_TABLES[name].fresh_for_days is not None)

    kept = suites.suite(name, declared, reference=NOW).expectations

    assert len(kept) == len(declared) + of_table
    assert len({rule.name for rule in declared}) == len(declared)


def test_rows_that_do_not_add_up_are_a_fault_of_ours(check: Check) -> None:
    table = check("usage_events", [USAGE]).table

    with pytest.raises(RowsLost, match="usage_events: 2 rows in, but 1 kept"):
        CheckedTable(table.table, file=table.file, rows_in=2, rows_kept=1, rows_set_aside=0)


NONSENSE = st.sampled_from(["", " ", "NaN", "-1", "1.5", "1e999", "9" * 30, "x", "bakery", "\x00", "é", "2099-01-01"])


@settings(max_examples=4)
@given(st.lists(st.dictionaries(st.sampled_from(sorted(USAGE)), NONSENSE, max_size=4), min_size=40, max_size=60))
def test_whatever_is_broken_every_row_is_either_kept_or_set_aside(check: Check, changes: list[Row]) -> None:
    rows = [USAGE | {"event_id": f"u{place}"} | change for place, change in enumerate(changes)]

    table = check("usage_events", rows)

    assert len(table.kept) + len(table.set_aside) == table.table.rows_in == len(rows)
    untouched = [f"u{place}" for place, change in enumerate(changes) if not change]
    assert set(untouched) <= set(table.kept["event_id"])
    assert table.kept["quantity"].between(0, 10**12).all()
    assert set(table.kept["organization_id"]) <= {"bakery", "florist"}
    assert table.set_aside[["rule", "reason"]].notna().all(axis=None)


def test_great_expectations_writes_nothing_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    great_expectations_batches()

    assert list(tmp_path.iterdir()) == []
