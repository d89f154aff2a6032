"""A lead reaches sales by mail, and the host lists it and gives it a state."""

import csv
import email
from email import policy
from pathlib import Path
from typing import Any

import pytest

from tests.serving.harness import Service, running

ADA = {"name": "Ada Krause", "email": "ada@acme.example", "needs": ["sla"], "message": "Bitte <b>bald</b>."}


def sent(service: Service, **changes: Any) -> str:
    answer = service.client.post("/v1/organizations/acme/enterprise-leads", json=ADA | changes, headers=service.token())
    assert answer.status_code == 201, answer.text
    return str(answer.json()["lead_id"])


def listed(service: Service, query: str = "") -> dict[str, Any]:
    answer = service.client.get(f"/v1/enterprise-leads{query}", headers=service.host)
    assert answer.status_code == 200, answer.text
    content: dict[str, Any] = answer.json()
    return content


def test_a_lead_is_mailed_to_sales_once_and_answered_to_who_asked(tmp_path: Path) -> None:
    outbox = tmp_path / "mails"
    with running(tmp_path, mail_outbox=outbox, sales_email="sales@seller.example") as service:
        service.put(locale="de")
        lead_id = sent(service)
        for _ in range(2):
            service.billing.jobs.run_due(now=service.clock())

        (file,) = outbox.glob("lead-*.eml")
        mail = email.message_from_bytes(file.read_bytes(), policy=policy.default)
        text, html = (part.get_content() for part in mail.iter_parts())
        (lead,) = listed(service)["leads"]

    assert (mail["To"], mail["Reply-To"]) == ("sales@seller.example", "ada@acme.example")
    assert mail["Subject"] == "Anfrage von Acme GmbH"
    assert "Bedarf: sla" in text
    assert "&lt;b&gt;bald" in html
    assert (lead["lead_id"], lead["state"]) == (lead_id, "new")
    assert lead["mailed_at"] is not None


def test_without_an_address_a_lead_is_listed_and_not_mailed(acme: Service) -> None:
    sent(acme)
    acme.billing.jobs.run_due(now=acme.clock())

    (lead,) = listed(acme)["leads"]

    assert (lead["name"], lead["needs"], lead["mailed_at"]) == ("Ada Krause", ["sla"], None)


def test_leads_are_listed_newest_first_page_by_page(acme: Service) -> None:
    names = [f"Person {i}" for i in range(5)]
    for name in names:
        sent(acme, name=name)

    seen, after = [], ""
    while True:
        page = listed(acme, f"?most=2{after}")
        seen += [lead["name"] for lead in page["leads"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"

    assert sorted(seen) == names
    assert len(seen) == 5


def test_leads_are_exported_as_a_table(acme: Service) -> None:
    lead_ids = [sent(acme, name="=1+1"), sent(acme, needs=["sla", "dedicated_support"])]
    acme.client.patch(f"/v1/enterprise-leads/{lead_ids[0]}", json={"state": "closed"}, headers=acme.host)

    answer = acme.client.get("/v1/enterprise-leads.csv", headers=acme.host)
    rows = {row["lead_id"]: row for row in csv.DictReader(answer.text.splitlines())}

    assert answer.headers["content-disposition"] == 'attachment; filename="enterprise-leads.csv"'
    assert [rows[each]["state"] for each in lead_ids] == ["closed", "new"]
    assert (rows[lead_ids[0]]["name"], rows[lead_ids[1]]["needs"]) == ("'=1+1", "sla, dedicated_support")
    new = acme.client.get("/v1/enterprise-leads.csv?state=new", headers=acme.host).text
    assert len(new.splitlines()) == 2


def test_sales_gives_a_lead_a_state(acme: Service) -> None:
    lead_id = sent(acme)

    path = f"/v1/enterprise-leads/{lead_id}"
    answer = acme.client.patch(path, json={"state": "contacted"}, headers=acme.host)

    assert answer.json()["state"] == "contacted"
    assert listed(acme, "?state=new")["leads"] == []
    assert len(listed(acme, "?state=contacted")["leads"]) == 1


@pytest.mark.parametrize(("path", "status"), [("/unknown", 404), ("", 405)])
def test_what_is_no_lead_is_refused(acme: Service, path: str, status: int) -> None:
    answer = acme.client.patch(f"/v1/enterprise-leads{path}", json={"state": "closed"}, headers=acme.host)

    assert answer.status_code == status


def test_a_page_of_a_customer_sees_no_leads(acme: Service) -> None:
    answer = acme.client.get("/v1/enterprise-leads", headers=acme.token())

    assert (answer.status_code, answer.json()["code"]) == (403, "not_for_browsers")
