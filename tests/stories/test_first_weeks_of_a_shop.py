"""A shop tries the product for two weeks, is recommended a plan, looks at it, grows and is recommended another."""

from datetime import timedelta
from pathlib import Path

from tests.serving.harness import NOW, Service, running, usage


def report(service: Service, page: dict[str, str], decision_id: str, **outcome: object) -> int:
    body = {"event_id": f"o-{outcome['kind']}", "decision_id": decision_id, "occurred_at": service.clock().isoformat()}
    return service.client.post("/v1/outcomes", json={**body, **outcome}, headers=page).status_code


def conversations(service: Service, days: range, quantity: int) -> dict[str, object]:
    """One event for each of the days before now."""
    now = service.clock()
    batch = [
        usage(f"{quantity}-{day}", quantity=quantity, occurred_at=(now - timedelta(days=day)).isoformat())
        for day in days
    ]
    content: dict[str, object] = service.send(*batch).json()
    return content


def test_the_first_weeks_of_a_shop(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        # The host signs it up and reports 14 days with 1,000 conversations each.
        assert service.put("acme", templates=["ecommerce"], integrations=["shopify"]).status_code == 200
        assert conversations(service, range(1, 15), 1_000) == {"accepted": 14, "duplicates": 0, "rejected": []}

        # Its page asks with a token of its own: about 30,000 a month fit into the 50,000 of Basic, for 190 €, of which
        # the welcome offer takes 15 % for three months: 182.88 € in the mean of a year.
        page = service.token("acme")
        answer = service.client.get("/v1/organizations/acme/plan-recommendations", headers=page).json()
        first = answer["plans"][0]
        assert (first["plan"], first["price"]["amount_cents"]) == ("ecommerce-basic", 19_000)
        assert first["projected_bill"]["overage_cents"] == 0
        # The reason is the one that the rules chose by: on this chain of tiers, the lowest bill for its own usage.
        assert [reason["code"] for reason in first["reasons"]] == ["cheapest_bill"]
        assert first["reasons"][0]["params"] == {
            "amount_cents": 18_288,
            "averaged_months": 12,
            "now_cents": 16_150,
            "months": 3,
            "then_cents": 19_000,
            "other_amount_cents": 49_000,
            "overage_cents": 0,
            "overage_amount_cents": 0,
            "saving_amount_cents": 30_712,
            "plan": "ecommerce-scale",
        }

        # It looks, and chooses; the same page loaded again shows the same decision.
        service.clock.move_to(NOW + timedelta(minutes=2))
        assert report(service, page, answer["decision_id"], kind="viewed") == 201
        assert report(service, page, answer["decision_id"], kind="selected", plan="ecommerce-basic", position=1) == 201
        again = service.client.get("/v1/organizations/acme/plan-recommendations", headers=page).json()
        assert again == answer

        # A week later it has twelve times the conversations: 98,000 in three weeks no longer fit.
        service.clock.move_to(NOW + timedelta(days=7))
        assert conversations(service, range(7), 12_000)["accepted"] == 7
        page = service.token("acme")
        grown = service.client.get("/v1/organizations/acme/plan-recommendations", headers=page).json()
        assert grown["decision_id"] != answer["decision_id"]
        assert grown["plans"][0]["tier"] > 1
        assert grown["plans"][0]["name"] in {"Ecommerce Scale", "Ecommerce Enterprise"}

        # What was shown, with which chance, and what came of it can be learned from.
        chosen = {each["decision_id"]: each for each in service.candidates() if each["recommended"]}
        kinds = service.rows("SELECT decision_id, kind FROM export_outcomes ORDER BY recorded_at, kind DESC")
        learned = [(chosen[of]["plan"], chosen[of]["propensity"], kind) for of, kind in kinds]
        assert learned == [("ecommerce-basic", 1.0, "viewed"), ("ecommerce-basic", 1.0, "selected")]
        assert service.get("usage").json()["meters"][0]["used"] == 14 * 1_000 + 7 * 12_000
