"""With a database that takes no writes the modal still opens, says so, and nothing it has shown is forgotten."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import select, text

from serving.db.session import Database
from serving.db.tables import decisions
from serving.plan_cards import repository
from serving.plan_cards.outbox import DecisionOutbox
from tests.serving.databases import KIND
from tests.serving.harness import Service
from tests.serving.lives import Life


@pytest.fixture
def locked(acme: Service, tmp_path: Path) -> Iterator[Service]:
    """A service whose database another process is writing to, without end."""
    if KIND == "sqlite":
        other = sqlite3.connect(tmp_path / "plans.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        yield acme
        other.close()
        return
    database = Database(str(acme.settings.database_url))
    with database.engine.begin() as connection:
        connection.execute(text("LOCK TABLE organizations, decisions IN EXCLUSIVE MODE"))
        yield acme
    database.close()


def stored(service: Service) -> list[str]:
    return service.column(select(decisions.c.decision_id))


def test_the_recommendation_is_answered_unrecorded_and_is_the_same_when_asked_again(locked: Service) -> None:
    first, again = locked.recommended(), locked.recommended()

    assert first["recorded"] is False
    assert again["decision_id"] == first["decision_id"]
    assert len(first["plans"]) == 3
    assert stored(locked) == []


def test_a_preview_of_it_is_answered_and_says_that_nothing_can_be_confirmed(locked: Service) -> None:
    decision = locked.recommended()
    quote = Life(locked).previews(decision["plans"][0]["plan"], decision_id=decision["decision_id"])

    assert quote["lines"]
    assert quote["unavailable"].startswith("Pläne können gerade nicht geändert werden")


def test_twelve_who_open_it_at_once_do_not_wait_for_each_other(locked: Service) -> None:
    with ThreadPoolExecutor(12) as pages:
        answers = list(pages.map(lambda _: locked.get("plan-recommendations").status_code, range(12)))

    assert set(answers) == {200}


@pytest.mark.skipif(KIND != "sqlite", reason="holds the lock of an SQLite file")
def test_what_was_shown_is_stored_as_soon_as_it_can_be(acme: Service, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "plans.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        shown = acme.recommended()
        other.execute("ROLLBACK")

    assert acme.services.outbox.store() == 1

    assert stored(acme) == [shown["decision_id"]]
    after = acme.recommended()
    assert (after["decision_id"], after["recorded"]) == (shown["decision_id"], True)
    assert acme.get("plan-changes/none").status_code == 404


def test_an_organisation_that_never_stops_changing_is_recommended_plans_all_the_same(
    acme: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as changing:
        changing.setattr(repository, "add", lambda *_, **__: None)  # so it says that the organisation has changed
        shown = acme.recommended()

    assert (shown["recorded"], len(shown["plans"])) == (False, 3)
    assert acme.services.outbox.store() == 1
    assert stored(acme) == [shown["decision_id"]]


def test_the_outbox_is_bounded(locked: Service) -> None:
    outbox = DecisionOutbox(locked.database, most=1)
    locked.recommended()
    (held,) = locked.services.outbox._held.values()
    for number in range(3):
        decision = type(held.decision)(
            **{
                **{n: getattr(held.decision, n) for n in type(held.decision).__dataclass_fields__},
                "decision_id": f"d{number}",
            }
        )
        outbox.hold(decision, held.logged, recorded_at=held.recorded_at)

    assert (len(outbox), outbox.dropped) == (1, 2)
