"""Everything about an organisation can be had, and goes; its documents and books stay as they were."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from sqlalchemy import Connection, func, select

from serving.db.tables import metadata, organizations
from serving.personal_data.tables import ERASED, KEPT, PERSONAL, rows_of
from tests.serving.harness import Service, usage
from tests.serving.lives import Life, selling

NOT_ABOUT_ONE = {
    *(
        "catalogue_versions",
        "decision_frames",
        "version_campaigns",
        "experiment_changes",
        "invoice_series",
        "sandbox_payments",
        "sandbox_refunds",
    ),
    *("job_runs", "documents_due", "job_rows", "operator_log", "call_counts"),
    *("api_keys", "people", "people_sessions", "revocations"),
}


@pytest.fixture
def life(tmp_path: Path) -> Iterator[Life]:
    with selling(tmp_path, {"basic": "1190", "scale": "2490.5"}, country="FR", begins="2026-06-01") as life:
        life.service.put("neighbour")
        yield life


def lived(life: Life) -> None:
    """It tries, looks, chooses, pays, uses, asks, and waits for a smaller plan."""
    decision = life.service.recommended(life.organization_id)
    life.post("enterprise-leads", {"name": "Marie Curie", "email": "marie@example.com", "message": "Rappelez-moi"})
    life.pays_with()
    life.takes("scale", decision_id=decision["decision_id"])
    life.at("2026-06-03").uses("conversations", 40, "2026-06-02T10:00")
    life.uses("seats", 2, "2026-06-02T10:00")
    life.takes("basic")
    life.at("2026-06-04")


def ends(life: Life) -> None:
    """Its subscription is cancelled and its last period over."""
    assert life.post("subscription/cancellation", {"reason": "not_said"}).status_code == 200
    life.at("2026-08-02")


def archive_of(service: Service, organization_id: str) -> dict[str, Any]:
    answer = service.get("export", organization_id)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    with ZipFile(io.BytesIO(answer.content)) as packed:
        assert packed.testzip() is None
        return {
            name: json.loads(packed.read(name)) if name.endswith(".json") else packed.read(name)
            for name in packed.namelist()
        }


def erase(service: Service, organization_id: str, **headers: str) -> Any:
    return service.client.delete(f"/v1/organizations/{organization_id}", headers={**service.host, **headers})


def counted(service: Service, organization_id: str) -> dict[str, int]:
    def read(connection: Connection) -> dict[str, int]:
        return {
            table.name: connection.execute(
                select(func.count()).select_from(table).where(rows_of(table, organization_id))
            ).scalar_one()
            for table in PERSONAL
        }

    return service.database.reading(read)


def test_every_table_is_erased_or_kept_or_tells_of_nobody() -> None:
    assert {table.name for table in metadata.sorted_tables} - {table.name for table in PERSONAL} == NOT_ABOUT_ONE
    assert set(PERSONAL) == set(ERASED) | KEPT | {organizations}


def test_the_archive_holds_every_row_and_the_documents_as_issued(life: Life) -> None:
    lived(life)
    ends(life)
    number = life.service.get("invoices", life.organization_id).json()["invoices"][0]["number"]
    pdf = life.service.get(f"invoices/{number}.pdf", life.organization_id).content

    content = archive_of(life.service, life.organization_id)

    rows = {name.removesuffix(".json"): len(found) for name, found in content.items() if name.count(".json")}
    expected = counted(life.service, life.organization_id)
    assert {name: rows[name] for name in expected if name != "invoice_files"} == {
        name: count for name, count in expected.items() if name != "invoice_files"
    }
    assert all(expected[name] for name in ("decisions", "plan_changes", "enterprise_leads", "ledger_postings"))
    assert content[f"invoices/{number}.pdf"] == pdf
    assert content["about.json"]["rows"]["usage_events.json"] == 2
    decision = content["decisions.json"][0]
    assert [each["position"] for each in decision["candidates"]] == list(range(1, decision["plans"] + 1))
    assert decision["candidates"][0]["plan"] == decision["content"]["plans"][0]["plan"]
    assert decision["candidates"][0]["features"]["seats_unknown"] in (0, 1)
    # what is JSON in a column is part of the row, and no name opens anything at the provider
    assert content["organizations.json"][0]["templates"] == ["ecommerce"]
    assert not {"reference", "customer"} & set(content["payment_methods.json"][0])


def test_an_archive_holds_nothing_of_anybody_else(life: Life) -> None:
    lived(life)
    life.service.send(usage("theirs", organization_id="neighbour", occurred_at="2026-06-02T00:00:00Z"))

    content = archive_of(life.service, "neighbour")

    assert [row["event_id"] for row in content["usage_events.json"]] == ["theirs"]
    assert life.organization_id not in json.dumps(content)


def test_who_never_paid_is_gone_without_a_trace(life: Life) -> None:
    life.service.recommended("neighbour")
    life.service.send(usage("theirs", organization_id="neighbour", occurred_at="2026-05-31T00:00:00Z"))

    answer = erase(life.service, "neighbour")

    assert (answer.status_code, sum(answer.json()["kept"].values())) == (200, 0)
    assert answer.json()["erased"]["usage_events"] == 1
    assert set(counted(life.service, "neighbour").values()) == {0}
    assert erase(life.service, "neighbour").status_code == 404
    assert life.service.put("neighbour").status_code == 200


def test_of_a_customer_only_documents_and_books_are_left_and_can_be_read(life: Life) -> None:
    lived(life)
    ends(life)
    number = life.service.get("invoices", life.organization_id).json()["invoices"][0]["number"]
    pdf = life.service.get(f"invoices/{number}.pdf", life.organization_id).content
    kept = counted(life.service, life.organization_id)

    answer = erase(life.service, life.organization_id)

    assert answer.status_code == 200, answer.text
    left = counted(life.service, life.organization_id)
    names = {table.name for table in KEPT}
    assert {name: count for name, count in left.items() if count} == {
        **{name: kept[name] for name in names if kept[name]},
        "organizations": 1,
    }
    assert life.service.get(f"invoices/{number}.pdf", life.organization_id).content == pdf
    assert answer.json()["kept"]["invoices"] == 1
    row = life.service.database.reading(
        lambda connection: connection.execute(select(organizations).where(organizations.c.erased_at.is_not(None))).one()
    )
    assert (row.name, row.vat_id, row.address, row.templates) == ("", None, None, "[]")


def test_who_is_erased_does_not_exist_any_more(life: Life) -> None:
    lived(life)
    ends(life)
    erase(life.service, life.organization_id)

    paths = ("plan-recommendations", "plans", "usage", "subscription", "payment-methods", "export")
    assert {path: life.service.get(path, life.organization_id).status_code for path in paths} == dict.fromkeys(
        paths, 404
    )
    said = life.service.send(usage("late", organization_id=life.organization_id, occurred_at="2026-06-02T00:00:00Z"))
    assert said.json()["rejected"][0]["code"] == "unknown_organization"
    assert life.post("plan-changes/preview", {"plan": "basic", "interval": "month"}).status_code == 404
    assert life.service.put(life.organization_id).json()["code"] == "organization_erased"
    # and no month of it is billed
    assert life.at("2026-09-01").service.get("invoices", life.organization_id).json()["invoices"][1:] == []


def test_while_an_invoice_is_open_nobody_is_forgotten(life: Life) -> None:
    life.takes("basic")
    life.pays_with("tok_insufficient_funds")
    life.at("2026-07-02")
    ends(life)
    before = counted(life.service, life.organization_id)

    answer = erase(life.service, life.organization_id)

    assert (answer.status_code, answer.json()["code"]) == (409, "money_still_open")
    assert counted(life.service, life.organization_id) == before

    # paid by another card, the invoice keeps nobody from going
    life.pays_with("tok_visa")
    life.at("2026-08-03")
    assert erase(life.service, life.organization_id).status_code == 200


def test_while_a_payment_is_under_way_nobody_is_forgotten(life: Life) -> None:
    life.pays_with("tok_pending")
    assert life.confirms(life.previews("basic")).json()["status"] == "payment_pending"

    answer = erase(life.service, life.organization_id)

    assert (answer.status_code, answer.json()["code"]) == (409, "money_still_open")
    assert answer.json()["remedy"]


def test_a_page_may_neither_export_nor_erase(life: Life) -> None:
    page = life.service.token(life.organization_id)

    exported = life.service.client.get(f"/v1/organizations/{life.organization_id}/export", headers=page)
    erased = erase(life.service, life.organization_id, **page)

    assert (exported.status_code, erased.status_code) == (403, 403)
    assert (exported.json()["code"], erased.json()["code"]) == ("not_for_browsers", "not_for_browsers")
