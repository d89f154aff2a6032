"""Without a script, pages with forms change the plan: as safely as the API, and every refusal is a page."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from httpx2 import Response

from tests.serving.harness import NOW, Service, running

HTML = {"Accept": "text/html"}
FIELD = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)"')


class Reader:
    """Somebody with a browser that runs no script."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.client = service.client

    def begin(self, organization_id: str = "acme") -> Response:
        token = self.service.token(organization_id)["Authorization"].removeprefix("Bearer ")
        return self.client.get(f"/plans?token={token}&locale=de", headers=HTML)

    def switch(self, organization_id: str) -> Response:
        """Open the link of another organisation, and say that this one is meant."""
        return self.send("/session/switch", hidden(self.begin(organization_id)))

    def get(self, path: str) -> Response:
        return self.client.get(path, headers=HTML)

    def send(self, path: str, fields: dict[str, str]) -> Response:
        return self.client.post(f"{path}?locale=de", data=fields, headers=HTML)

    def preview(self, plan: str = "ecommerce-basic") -> Response:
        form = next(fields for form in forms(self.begin()) if (fields := dict(FIELD.findall(form))).get("plan") == plan)
        return self.send("/plans/preview", form)

    def confirm(self, review: Response, paid_with: str = "new:tok_visa") -> Response:
        return self.send("/plans/confirm", {**hidden(review), "pay": paid_with})


def forms(page: Response) -> list[str]:
    return re.findall(r"<form.*?</form>", page.text, re.DOTALL)


def hidden(page: Response) -> dict[str, str]:
    return {name: unescape(value) for name, value in FIELD.findall(page.text)}


def heading(page: Response) -> str:
    return unescape(re.findall(r"<h1>(.*?)</h1>", page.text)[0])


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with running(tmp_path) as service:
        service.put()
        yield Reader(service)


def plan_of(reader: Reader) -> object:
    return reader.service.get("subscription").json()["plan"]


def test_a_token_becomes_a_session_and_leaves_the_address(reader: Reader) -> None:
    page = reader.begin()

    assert (page.status_code, heading(page)) == (200, "Wählen Sie Ihren Plan")
    assert "token" not in str(page.url)
    assert "HttpOnly" in page.history[0].headers["set-cookie"]
    assert "SameSite=lax" in page.history[0].headers["set-cookie"]


def test_a_plan_is_chosen_previewed_and_confirmed_by_forms(reader: Reader) -> None:
    review = reader.preview()
    assert heading(review) == "Ihr Start mit Ecommerce Basic"
    assert "Jetzt 192,19\u00a0€ zahlungspflichtig buchen" in review.text

    done = reader.confirm(review)

    assert (done.status_code, heading(done)) == (200, "Ecommerce Basic ist aktiv")
    assert plan_of(reader) == "ecommerce-basic"


def test_a_form_that_is_sent_twice_is_carried_out_once(reader: Reader) -> None:
    review = reader.preview()
    reader.service.client.post(
        "/v1/organizations/acme/payment-methods",
        json={"kind": "card", "token": "tok_visa"},
        headers=reader.service.host,
    )
    [method] = reader.service.get("payment-methods").json()["payment_methods"]

    first, second = (reader.confirm(review, method["payment_method"]) for _ in range(2))

    assert (heading(first), str(first.url)) == (heading(second), str(second.url))


def test_a_payment_that_fails_is_asked_again_with_what_helps(reader: Reader) -> None:
    failed = reader.confirm(reader.preview(), "new:tok_declined")
    assert failed.status_code == 402
    assert "Verwenden Sie eine andere Karte." in failed.text
    assert plan_of(reader) is None

    assert heading(reader.confirm(failed)) == "Ecommerce Basic ist aktiv"


def test_a_stale_quote_shows_the_new_figures_and_asks_again(reader: Reader) -> None:
    review = reader.preview()
    reader.service.put(country="AT")

    again = reader.confirm(review)

    assert again.status_code == 409
    assert "Angebot überholt" in again.text
    assert "Jetzt 193,80\u00a0€ zahlungspflichtig buchen" in again.text


def test_a_waiting_change_is_shown_and_taken_back(reader: Reader) -> None:
    reader.confirm(reader.preview("ecommerce-scale"))
    reader.service.send(
        *(
            {
                "event_id": metric,
                "organization_id": "acme",
                "metric": metric,
                "quantity": 1,
                "occurred_at": NOW.isoformat(),
            }
            for metric in ("documents", "assistants", "seats")
        )
    )
    reader.confirm(reader.preview(), "")
    page = reader.get("/plans?locale=de")
    assert "Vorgemerkt: Ecommerce Basic" in page.text

    [cancel] = [form for form in forms(page) if "/plans/cancel" in form]
    page = reader.send("/plans/cancel", dict(FIELD.findall(cancel)))

    assert "Vorgemerkt" not in page.text
    assert reader.service.get("subscription").json()["scheduled_change"] is None


def test_a_payment_without_an_answer_is_looked_at_again_when_the_reader_asks(reader: Reader) -> None:
    waiting = reader.confirm(reader.preview(), "new:tok_timeout")

    assert heading(waiting) == "Die Zahlung wird noch bestätigt"
    assert '<a class="action" href="">Status aktualisieren</a>' in waiting.text
    assert 'http-equiv="refresh"' not in waiting.text


@pytest.mark.parametrize("path", ["/plans/preview", "/plans/confirm", "/plans/cancel", "/plans/contact"])
def test_a_form_without_its_sessions_mark_does_nothing(reader: Reader, path: str) -> None:
    fields = hidden(reader.preview())

    refused = reader.send(path, {**fields, "mark": "0" * 64, "pay": "new:tok_visa"})

    assert (refused.status_code, heading(refused)) == (403, "Dieses Formular gilt nicht mehr")
    assert plan_of(reader) is None


def test_a_form_of_another_organisation_does_nothing(reader: Reader) -> None:
    review = reader.preview()
    reader.service.put("other")
    reader.switch("other")

    assert reader.confirm(review).status_code == 403


def test_a_link_to_another_organisation_asks_before_the_session_changes(reader: Reader) -> None:
    reader.service.put("other", name="Other GmbH")
    reader.begin()

    asked = reader.begin("other")

    assert (asked.status_code, heading(asked)) == (409, "Zu einer anderen Organisation wechseln?")
    assert "Acme GmbH" in asked.text
    assert "Other GmbH" not in reader.get("/?locale=de").text  # nothing has changed yet
    left = reader.client.cookies["plans_session"]
    assert "Other GmbH" in reader.send("/session/switch", hidden(asked)).text
    reader.client.cookies.clear()
    reader.client.cookies.set("plans_session", left)  # a copy that somebody kept
    assert reader.get("/?locale=de").status_code == 404


@pytest.mark.parametrize("elsewhere", ["//evil.example", "https://evil.example/", "/\\evil.example", ""])
def test_a_switch_leads_to_no_other_host(reader: Reader, elsewhere: str) -> None:
    reader.service.put("other")
    reader.begin()

    answer = reader.send("/session/switch", {**hidden(reader.begin("other")), "onwards": elsewhere})

    assert answer.status_code == 400


def test_a_quote_of_another_organisation_is_none(reader: Reader) -> None:
    quote = hidden(reader.preview())["quote"]
    reader.service.put("other")
    fields = hidden(reader.switch("other"))

    refused = reader.send("/plans/confirm", {**fields, "quote": quote, "pay": "new:tok_visa", "key": "k"})

    assert (refused.status_code, heading(refused)) == (422, "Angebot ungültig")


def test_a_session_that_waits_too_long_has_ended(reader: Reader) -> None:
    review = reader.preview()
    reader.service.clock.move_to(reader.service.clock().replace(hour=13))

    assert (reader.confirm(review).status_code, heading(reader.confirm(review))) == (401, "Ihre Sitzung ist abgelaufen")


@pytest.mark.parametrize("token", ["", "bad", "WyJhIl0.AAAA"])
def test_a_token_that_does_not_hold_opens_no_page(reader: Reader, token: str) -> None:
    assert reader.get(f"/plans?token={token}").status_code == 401


def test_a_session_sees_no_other_organisation(reader: Reader) -> None:
    reader.service.put("other")
    reader.begin()

    assert reader.get("/plans?organization=other").status_code == 401


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        ("/plans/preview", {"plan": "nope", "interval": "month"}, 404),
        ("/plans/preview", {"plan": "ecommerce-basic", "interval": "week"}, 400),
        ("/plans/preview", {"plan": "\x00", "interval": "month"}, 400),
        ("/plans/preview", {}, 400),
        ("/plans/confirm", {}, 422),
        ("/plans/confirm", {"quote": "x" * 9_000}, 422),
        ("/plans/cancel", {}, 404),
        ("/plans/contact", {"name": "", "email": "no"}, 422),
    ],
)
def test_a_form_that_says_nothing_sensible_is_answered_by_a_page(
    reader: Reader, path: str, fields: dict[str, str], status: int
) -> None:
    mark = hidden(reader.begin())["mark"]

    answer = reader.send(path, {"mark": mark, **fields})

    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")


def test_what_is_no_form_is_answered_by_a_page(reader: Reader) -> None:
    headers = {**HTML, "Content-Type": "application/x-www-form-urlencoded"}

    assert reader.client.post("/plans/confirm", content=b"mark=%FF%FE", headers=headers).status_code == 400


def test_the_api_takes_no_forms(reader: Reader) -> None:
    answer = reader.client.post(
        "/v1/organizations/acme/plan-changes/preview",
        data={"plan": "ecommerce-basic", "interval": "month"},
        headers=reader.service.host,
    )

    assert answer.status_code == 415


def test_what_was_chosen_by_forms_joins_its_decision(reader: Reader) -> None:
    decision = reader.service.recommended()["decision_id"]

    reader.confirm(reader.preview())

    def kinds(connection: object) -> list[str]:
        return [row.kind for row in connection.execute(outcomes_of(decision))]  # type: ignore[attr-defined]

    assert set(reader.service.database.reading(kinds)) >= {"checkout_started", "paid", "selected", "viewed"}


def outcomes_of(decision: str) -> object:
    from sqlalchemy import select

    from serving.db.tables import outcomes

    return select(outcomes.c.kind).where(outcomes.c.decision_id == decision)
