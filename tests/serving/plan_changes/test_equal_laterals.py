"""Another family at the same price: the plan changes, and nobody gets a document of 0.00 or a mail about it."""

from pathlib import Path

from sqlalchemy import select

from serving.db.payment_tables import notifications
from tests.serving.lives import Life, selling

OFFERS = "families: {here: {templates: [], tiers: [one]}, there: {templates: [], tiers: [other, dearer]}}\n"


def told(life: Life) -> list[str]:
    return life.service.column(select(notifications.c.kind).order_by(notifications.c.created_at, notifications.c.kind))


def test_equal_laterals_make_neither_documents_nor_mails(tmp_path: Path) -> None:  # W2
    prices = {"one": "40", "other": "40", "dearer": "50"}
    with selling(tmp_path, prices, offers=OFFERS, begins="2025-06-01", country="DE") as life:
        life.takes("one")
        before = told(life)

        for day, plan in enumerate(("other", "one") * 5, start=2):
            life.at(f"2025-06-{day:02}").takes(plan)

        documents = life.service.get("invoices").json()["invoices"]
        assert (len(documents), told(life)) == (1, before)
        assert life.subscription()["plan"] == "one"

        life.at("2025-06-16").takes("dearer")
        assert len(life.service.get("invoices").json()["invoices"]) == 2
