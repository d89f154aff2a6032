"""The published faults of billers by their ids: where each is answered over HTTP, and the ones that stand here.

Each id is an input that was answered wrongly once, with its expected figure; other inputs of its kind stand beside it.
"""

import ast
import re
from pathlib import Path
from typing import Any, Final

import pytest

from tests.serving.lives import Life, catalogue_text, selling

HERE: Final = Path(__file__).parent
TESTED: Final = {
    "F1": ("renewals/test_without_limit.py", "test_what_the_plan_before_covered_stays_covered"),
    "F1b": ("renewals/test_without_limit.py", "test_an_hour_without_limit_frees_no_million"),
    "F2 charge": ("invoices/test_tax_of_then.py", "test_a_credit_on_an_invoice_returns_the_tax_of_then"),
    "F2 credit note": ("invoices/test_tax_of_then.py", "test_a_credit_note_returns_the_tax_of_then_with_the_money"),
    "F2b": ("invoices/test_tax_of_then.py", "test_a_credit_note_returns_the_tax_of_then_with_the_money"),
    "F3 dispute": ("collection/test_taken_back.py", "test_a_dispute_opens_the_invoice_and_losing_it_leaves_it_open"),
    "F3 return": ("collection/test_taken_back.py", "test_a_debit_that_the_bank_returns_opens_the_invoice"),
    "F3 refund": ("collection/test_taken_back.py", "test_a_refund_made_at_the_provider_opens_the_invoice_by_as_much"),
    "F4 upgrade": (
        "collection/test_carried.py",
        "test_an_upgrade_of_20_cents_happens_and_the_next_invoice_asks_for_them",
    ),
    "F4 overage": (
        "collection/test_carried.py",
        "test_overage_of_36_cents_at_the_end_is_never_dunned_and_a_new_start_asks_for_it",
    ),
    "F5": (
        "collection/test_good_methods.py",
        "test_after_a_refused_change_the_good_card_is_the_default_and_pays_the_renewal",
    ),
    "F6 part": ("collection/test_bank_transfers.py", "test_a_part_leaves_the_rest_open"),
    "F6 surplus": ("collection/test_bank_transfers.py", "test_what_is_over_is_owed_back"),
    "F6 erasure": ("test_published_faults.py", "test_what_is_owed_to_a_customer_stands_in_the_way_of_erasure"),
    "F6 write-off": ("test_published_faults.py", "test_a_suspended_customers_debt_is_written_off_and_they_are_erased"),
    "F7": ("test_published_faults.py", "test_card_quote_button_invoice_and_xml_say_the_same_amount"),
    "F7b": ("payments/test_stripe_amounts.py", "test_an_amount_is_sent_in_the_units_of_stripe"),
    "F8": (
        "organizations/test_billing_details.py",
        "test_a_change_that_charges_is_blocked_until_an_address_is_there_and_cards_do_not_speak_of_it",
    ),
    "F9": (
        "collection/test_bank_transfers.py",
        "test_a_lower_plan_is_scheduled_only_with_a_method_that_may_pay_for_it",
    ),
    "F10": ("notifications/test_payment_words.py", "test_every_failure_has_its_words_for_every_method"),
    "F11": ("payments/test_paying_by_stripe.py", "test_erasing_an_organisation_deletes_its_customer_at_stripe"),
    "F12": ("test_published_faults.py", "test_a_published_price_is_sold_for_its_own_time"),
    "F13": ("invoices/test_tax_of_then.py", "test_tax_goes_back_only_with_what_is_given_back"),
    "F13 move": ("test_published_faults.py", "test_who_moves_while_a_debit_is_under_way_is_invoiced_as_agreed"),
    "W1": (
        "renewals/test_without_limit.py",
        "test_late_usage_is_billed_or_rejected_with_a_code_but_never_forgotten",
    ),
    "W2": ("plan_changes/test_equal_laterals.py", "test_equal_laterals_make_neither_documents_nor_mails"),
    "W3": ("renewals/test_local_anchor.py", "test_the_anchor_day_is_the_organisations_own"),
    "W4": ("invoices/test_invoice_files.py", "test_pdf_page_xml_and_json_say_the_same_in_every_language"),
}
"""Id, and what of it → the module and the test that hold it."""


@pytest.mark.parametrize("fault", TESTED)
def test_every_published_fault_has_its_test(fault: str) -> None:
    module, name = TESTED[fault]
    tree = ast.parse((HERE / module).read_text("utf-8"))

    assert name in {each.name for each in tree.body if isinstance(each, ast.FunctionDef)}


@pytest.mark.parametrize(
    ("currency", "price", "shown", "total", "in_xml"),
    [
        ("RSD", "1990", "1.990 RSD", "1.990 RSD", "1990.00"),
        ("HUF", "1990.50", "1.990,50 HUF", "1.990,50 HUF", "1990.50"),
        ("JPY", "1990", "1.990 ¥", "1.990 ¥", "1990"),
        ("ISK", "2500", "2.500 ISK", "2.500 ISK", "2500"),
        ("UGX", "90000", "90.000 UGX", "90.000 UGX", "90000"),
        ("COP", "99900", "99.900 COP", "99.900 COP", "99900.00"),
    ],
)
def test_card_quote_button_invoice_and_xml_say_the_same_amount(
    tmp_path: Path, currency: str, price: str, shown: str, total: str, in_xml: str
) -> None:
    with selling(tmp_path, {"basic": price}, currency=currency, begins="2025-06-01", country="US") as life:
        card = life.service.get("plans?interval=month").json()["plans"][0]["price"]["text"]
        quote = life.takes("basic")
        invoice = life.service.get("invoices").json()["invoices"][0]
        xml = life.service.get(f"invoices/{invoice['number']}.xml").text

    assert _plain(card).startswith(f"{shown}/Monat")
    assert f"Jetzt {total.replace(' ', chr(160))}" in quote["summary"]["confirm"].replace(",00", "")
    assert _plain(invoice["total_text"]).replace(",00", "") == total
    assert set(re.findall(r"<ram:(?:GrandTotal|TaxBasisTotal)Amount>([^<]*)<", xml)) == {in_xml}


def _plain(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("unit", "interval", "text", "ends"),
    [
        ("/quarter", "quarter", "69,95 €/Quartal zzgl. MwSt.", "2025-09-01T00:00:00Z"),
        ("/6 months", "halfyear", "69,95 €/Halbjahr zzgl. MwSt.", "2025-12-01T00:00:00Z"),
        ("/year", "year", "69,95 €/Jahr zzgl. MwSt.", "2026-06-01T00:00:00Z"),
    ],
)
def test_a_published_price_is_sold_for_its_own_time(
    tmp_path: Path, unit: str, interval: str, text: str, ends: str
) -> None:
    published = catalogue_text({"basic": "69.95"}).replace("unit: /month, features", f"unit: {unit}, features")
    with selling(tmp_path, {}, text=published, begins="2025-06-01", country="US") as life:
        card = life.service.get(f"plans?interval={interval}").json()["plans"][0]["price"]
        monthly = life.post("plan-changes/preview", {"plan": "basic", "interval": "month"})
        life.takes("basic", interval)

        assert (_plain(card["text"]), card["amount_cents"]) == (text, 6995)
        assert monthly.status_code >= 400 or monthly.json()["blockers"]
        assert (life.charges()[0][2], life.subscription()["period"]["end"]) == (6995, ends)


def test_who_moves_while_a_debit_is_under_way_is_invoiced_as_agreed(tmp_path: Path) -> None:
    with selling(tmp_path, {"basic": "100"}, begins="2025-06-01", country="DE", method=None) as life:
        life.post("payment-methods", {"kind": "sepa", "token": "tok_sepa_pending", "default": True})
        change = life.confirms(life.previews("basic")).json()
        paris = {"street": "1 rue Neuve", "postal_code": "75001", "city": "Paris"}
        life.service.put(country="FR", address=paris, trial_started_at="2025-06-01T00:00:00+00:00", integrations=[])
        life.service.sandbox.settle(key=change["change_id"], outcome="succeeded")
        life.at("2025-06-05")
        number = life.service.get("invoices").json()["invoices"][0]["number"]
        document: dict[str, Any] = life.service.get(f"invoices/{number}").json()

        assert document["buyer"]["country"] == "DE"
        assert [(each["country"], each["rate_percent"], each["amount_cents"]) for each in document["tax"]] == [
            ("DE", "19", 1900)
        ]
        assert life.service.get(f"invoices/{number}.xml").status_code == 200


def _erased(life: Life) -> int:
    return int(life.service.client.delete("/v1/organizations/acme", headers=life.service.host).status_code)


@pytest.mark.parametrize("waived", [False, True])
def test_what_is_owed_to_a_customer_stands_in_the_way_of_erasure(tmp_path: Path, waived: bool) -> None:
    with selling(tmp_path, {"basic": "100"}, begins="2025-06-01", country="DE") as life:
        life.takes("basic")
        life.at("2025-06-16")
        life.post("subscription/cancellation", {"reason": "other", "when": "now"})
        assert life.service.get("money").json()["credit_balance_cents"] == 5950
        assert _erased(life) == 409

        body = {"amount_cents": 5950, "reference": "out", "waived": waived}
        assert life.post("payouts", body, **{"Idempotency-Key": "out"}).status_code == 200

        assert _erased(life) == 200


def test_a_suspended_customers_debt_is_written_off_and_they_are_erased(tmp_path: Path) -> None:
    with selling(tmp_path, {"basic": "100"}, begins="2025-06-01", country="DE") as life:
        life.takes("basic")
        life.pays_with("tok_declined")
        life.at("2025-07-20")
        assert (life.subscription()["status"], _erased(life)) == ("suspended", 409)

        number = life.service.get("invoices").json()["invoices"][0]["number"]
        off = life.post(f"invoices/{number}/write-off", {}, **{"Idempotency-Key": "off"})
        assert off.status_code == 200
        life.post("subscription/cancellation", {"reason": "other", "when": "now"})

        assert (life.service.get("money").json()["open_invoices"], _erased(life)) == ([], 200)
