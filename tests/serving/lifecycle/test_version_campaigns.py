"""Campaigns over HTTP: everybody concerned is told in time, moved at a renewal, and may leave before."""

from email import policy
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import pytest

from serving.notifications.post import Outbox
from tests.serving.lives import Life, code_of, span
from tests.serving.sale.test_versions import DEARER, FIRST, WITHOUT_BASIC, on_sale

CAMPAIGN = "/v1/version-campaigns/basic-2025"
BODY = {"plan": "basic", "notice_days": 30}


def calls(life: Life, verb: str, path: str = CAMPAIGN, body: object = None) -> Any:
    answer = life.service.client.request(verb, path, json=body, headers=life.service.host)
    assert answer.status_code < 300, answer.text
    return answer.json()


def customers(life: Life) -> dict[str, str]:
    """Organisation → its status in the campaign."""
    found = calls(life, "GET", f"{CAMPAIGN}/customers")["customers"]
    return {each["organization_id"]: each["status"] for each in found}


def told(life: Life, organization_id: str = "acme") -> list[str]:
    query = f"SELECT kind FROM notifications WHERE organization_id = '{organization_id}' ORDER BY created_at, kind"
    return [kind for kind in life.service.column(query) if kind.startswith("version_")]


def with_basic(life: Life, *names: str, interval: str = "month") -> list[Life]:
    """Organisations that hold the smaller plan."""
    held = []
    for name in names:
        life.service.put(name, country="US", trial_started_at=life.service.clock().isoformat(), integrations=[])
        each = Life(life.service, name)
        each.pays_with()
        each.takes("basic", interval)
        held.append(each)
    return held


def test_a_customer_is_told_then_moved_at_the_first_renewal_after_the_notice(tmp_path: Path) -> None:
    with on_sale(tmp_path, FIRST, "2025-06-01", new=True) as life:
        life.takes("basic")
        first = life.subscription()["catalogue_version"]

    with on_sale(tmp_path, DEARER, "2025-06-10") as life:
        started = calls(life, "PUT", body=BODY)
        assert (started["status"], started["to_be_told"]) == ("running", 1)
        life.at("2025-06-10T00:01")

        held = life.subscription()
        assert held["announced_version"] == {
            "campaign": "basic-2025",
            "catalogue_version": started["to_version"],
            "effective_at": "2025-08-01T00:00:00Z",  # 1 July is less than 30 days away
            "price_cents": 12000,
        }
        assert held["next_invoice"] == {"at": "2025-07-01T00:00:00Z", "net_cents": 10000}
        notice = {each["code"]: each["text"] for each in held["notices"]}["announced"]
        assert notice.startswith("Ab dem 1. August 2025 gilt die neue Version von Basic: 120\N{NO-BREAK SPACE}€/Monat")
        assert "kündigen" in life.service.page("/?organization=acme&locale=de").text.split('data-live="notices"')[1]

        life.at("2025-07-02")
        assert life.charges()[-1] == ("renewal", [("full_period", 10000)], 10000)
        assert life.subscription()["next_invoice"] == {"at": "2025-08-01T00:00:00Z", "net_cents": 12000}
        life.at("2025-08-02")
        assert life.charges()[-1] == ("renewal", [("full_period", 12000)], 12000)
        moved = life.subscription()
        assert (moved["price_cents"], moved["catalogue_version"]) == (12000, started["to_version"])
        assert (moved["period"], moved["announced_version"]) == (span("2025-08-01", "2025-09-01"), None)
        assert told(life) == ["version_announced", "version_moved"]
        (customer,) = calls(life, "GET", f"{CAMPAIGN}/customers")["customers"]
        assert (customer["from_version"], customer["old_cents"], customer["new_cents"]) == (first, 10000, 12000)
        assert (customer["not_before"], customer["moved_at"]) == ("2025-08-01T00:00:00Z", "2025-08-01T00:00:00Z")
        life.at("2025-09-02")
        assert life.charges()[-1] == ("renewal", [("full_period", 12000)], 12000)


def test_whoever_changes_cancels_pauses_or_moves_by_quote_is_moved_by_nobody_else(tmp_path: Path) -> None:
    with on_sale(tmp_path, FIRST, "2025-06-01", new=True) as life:
        lives = with_basic(life, "stays", "up", "ends", "pauses", "quotes", "waits")

    with on_sale(tmp_path, DEARER, "2025-06-02") as life:
        stays, up, ends, pauses, quotes, waits = (Life(life.service, each.organization_id) for each in lives)
        calls(life, "PUT", body=BODY)
        up.takes("scale", "year")  # before anybody was told
        life.at("2025-06-02T01:00")
        assert customers(life) == dict.fromkeys(("ends", "pauses", "quotes", "stays", "waits"), "announced")
        quotes.takes("basic")
        assert quotes.post("subscription/cancellation", {"reason": "other"}).status_code == 200
        assert ends.post("subscription/cancellation", {"reason": "other"}).status_code == 200
        life.at("2025-06-20")
        assert pauses.post("subscription/pause", {}).status_code == 200
        life.at("2025-07-05")
        assert (
            life.service.client.delete(
                "/v1/organizations/pauses/subscription/pause", headers=life.service.host
            ).status_code
            == 200
        )
        life.at("2025-08-10")

        assert stays.charges()[-1][1] == [("full_period", 12000)]
        assert waits.charges()[-1][1] == [("full_period", 12000)]
        assert ends.charges()[-1][1] == [("full_period", 10000)]
        assert [charge[1] for charge in quotes.charges()[-1:]] == [[("unused_time", -9653), ("remaining_time", 11583)]]
        # after a pause a period begins at the price it was sold; its renewal is the first after the notice
        charged = [charge[1][0] for charge in pauses.charges()[-2:]]
        assert charged == [("full_period", 10000), ("full_period", 12000)]
        assert customers(life) == {
            "ends": "changed",
            "pauses": "moved",
            "quotes": "changed",
            "stays": "moved",
            "waits": "moved",
        }
        assert calls(life, "GET")["customers"] == {
            "announced": 0,
            "moved": 3,
            "changed": 2,
            "left_out": 0,
            "withdrawn": 0,
        }


def test_a_pause_that_moves_the_renewals_moves_nobody_before_the_day_that_was_told(tmp_path: Path) -> None:
    with on_sale(tmp_path, FIRST, "2025-06-01", new=True) as life:
        life.takes("basic")
    with on_sale(tmp_path, DEARER, "2025-06-10") as life:
        calls(life, "PUT", body=BODY)
        life.at("2025-06-10T01:00")
        assert life.post("subscription/pause", {}).status_code == 200
        life.at("2025-06-12")
        url = "/v1/organizations/acme/subscription/pause"
        assert life.service.client.delete(url, headers=life.service.host).status_code == 200

        # the notice has ended on 10 July, but 1 August was told
        assert life.subscription()["announced_version"]["effective_at"] == "2025-08-12T00:00:00Z"
        life.at("2025-07-13")
        assert life.charges()[-1][1][0] == ("full_period", 10000)
        life.at("2025-08-13")
        assert life.charges()[-1][1] == [("full_period", 12000)]


def test_a_stopped_campaign_moves_nobody_and_says_so(tmp_path: Path) -> None:
    with on_sale(tmp_path, FIRST, "2025-06-01", new=True) as life:
        with_basic(life, "early")
    with on_sale(tmp_path, DEARER, "2025-06-15") as life:
        (late,) = with_basic(life, "late")
        early = Life(life.service, "early")
        calls(life, "PUT", body=BODY)
        life.at("2025-06-15T01:00")
        assert customers(life) == {"early": "announced"}  # who took it today holds the new version
        stopped = calls(life, "DELETE")
        assert calls(life, "DELETE") == stopped
        assert stopped["status"] == "stopped"
        life.at("2025-06-15T02:00")

        assert (customers(life), told(life, "early")) == (
            {"early": "withdrawn"},
            ["version_announced", "version_withdrawn"],
        )
        life.at("2025-08-02")
        assert early.charges()[-1][1] == [("full_period", 10000)]
        assert late.charges()[-1][1] == [("full_period", 12000)]
        assert calls(life, "PUT", body=BODY)["status"] == "stopped"


def test_a_campaign_that_is_stopped_at_the_last_moment_moves_nobody(tmp_path: Path) -> None:
    with on_sale(tmp_path, FIRST, "2025-06-01", new=True) as life:
        life.takes("basic")
    with on_sale(tmp_path, DEARER, "2025-06-01T01:00") as life:
        calls(life, "PUT", body=BODY)
        life.at("2025-06-30T23:59")
        calls(life, "DELETE")
        life.at("2025-07-01")  # the renewal comes before the job that takes the notice back
        assert life.charges()[-1][1] == [("full_period", 10000)]


def test_what_cannot_be_held_is_left_out_with_its_reason(tmp_path: Path) -> None:
    with on_sale(tmp_path, FIRST, "2025-06-01", new=True) as life:
        life.takes("basic", "year")
        first = life.subscription()["catalogue_version"]
    with on_sale(tmp_path, WITHOUT_BASIC, "2025-06-02") as life:
        for body, expected in (
            ({"plan": "basic"}, (404, "unknown_plan")),
            ({"plan": "basic", "to_version": "none"}, (404, "unknown_version")),
            ({"plan": "basic", "notice_days": 29}, (422, "invalid_request")),
        ):
            answer = life.service.client.put(CAMPAIGN, json=body, headers=life.service.host)
            assert code_of(answer) == expected
    with on_sale(tmp_path, DEARER, "2025-06-03", currency="USD") as life:
        calls(life, "PUT", body={**BODY, "from_versions": [first]})
        life.at("2025-06-03T01:00")
        (customer,) = calls(life, "GET", f"{CAMPAIGN}/customers")["customers"]
        assert (customer["status"], customer["left_out"]) == ("left_out", "other_currency")
        assert life.subscription()["announced_version"] is None


def test_the_same_campaign_again_changes_nothing_and_another_one_needs_its_own_name(tmp_path: Path) -> None:
    with on_sale(tmp_path, FIRST, "2025-06-01", new=True) as life:
        life.takes("basic")
    with on_sale(tmp_path, DEARER, "2025-06-02") as life:
        first = calls(life, "PUT", body=BODY)
        life.at("2025-06-02T01:00")
        again = calls(life, "PUT", body={**BODY, "to_version": first["to_version"]})
        assert again == {**first, "to_be_told": 0, "customers": {**first["customers"], "announced": 1}}
        other = life.service.client.put(CAMPAIGN, json={**BODY, "notice_days": 60}, headers=life.service.host)
        assert code_of(other) == (409, "campaign_known")
        assert [each["campaign_id"] for each in calls(life, "GET", "/v1/version-campaigns")["campaigns"]] == [
            "basic-2025"
        ]
        assert code_of(life.service.client.get(f"{CAMPAIGN}-no", headers=life.service.host)) == (
            404,
            "unknown_campaign",
        )
        life.at("2025-06-03")
        assert told(life) == ["version_announced"]
        log = calls(life, "GET", "/v1/audit-log")["entries"]
        assert [each["action"] for each in log if each["subject"] == "campaign_id=basic-2025"] == ["start_campaign"] * 2


@pytest.mark.parametrize(
    ("locale", "subject", "page", "mail"),
    [
        (
            "de",
            "Basic: neue Version ab dem 1. August 2025",
            "Plan wechseln oder kündigen",
            "dann wird der neue Preis nicht berechnet",
        ),
        (
            "en",
            "Basic: new version from August 1, 2025",
            "change plan or cancel",
            "the new price will not be charged",
        ),
        (
            "fr",
            "Forfait Basic\N{NO-BREAK SPACE}: nouvelle version à partir du 1er août 2025",
            "changer de forfait ou résilier",
            "le nouveau prix ne vous sera alors pas facturé",
        ),
    ],
)
def test_the_notice_is_on_the_page_and_in_the_mail_in_each_language(
    tmp_path: Path, locale: str, subject: str, page: str, mail: str
) -> None:
    with on_sale(tmp_path, FIRST, "2025-06-01", new=True) as life:
        since = "2025-06-01T00:00:00Z"
        life.service.put(
            country="US", trial_started_at=since, integrations=[], locale=locale, email="office@acme.example"
        )
        life.takes("basic")
    with on_sale(tmp_path, DEARER, "2025-06-10") as life:
        calls(life, "PUT", body=BODY)
        life.at("2025-06-10T01:00")
        notices = life.service.get(f"subscription?locale={locale}").json()["notices"]
        assert page in {each["code"]: each["text"] for each in notices}["announced"]

        life.service.mails(Outbox(tmp_path / "outbox")).send_due(now=life.service.clock())

        sent = (
            BytesParser(policy=policy.default).parsebytes(file.read_bytes()) for file in (tmp_path / "outbox").iterdir()
        )
        letters = {str(each["Subject"]): each for each in sent}
        assert subject in letters
        body = letters[subject].get_body(("plain",))
        assert body is not None
        assert all(said in body.get_content() for said in (mail, "100", "120"))
