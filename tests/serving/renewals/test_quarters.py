"""A plan that is priced per quarter is sold, shown, invoiced and renewed per quarter."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving.lives import Life, amounts, catalogue_text, selling, span


@pytest.fixture
def life(tmp_path: Path) -> Iterator[Life]:
    """Basic: 69.95 a quarter alone, and its usage beyond; scale: 50 a month, 135 a quarter."""
    text = catalogue_text({"basic": "69.95", "scale": "50"}, billing="{monthly: 1.0, quarterly: 0.9}")
    text = text.replace("price: 69.95, unit: /month", "price: 69.95, unit: /quarter")
    offers = "plans:\n  basic: {overage: {conversations: {price: '0.10', per: 1}}}\n"
    with selling(tmp_path, {}, text=text, offers=offers, begins="2026-01-31") as life:
        yield life


@pytest.mark.parametrize(
    ("locale", "price", "elsewhere"),
    [
        ("de", "62,96 €/Quartal zzgl. MwSt.", "Nur mit monatlicher Zahlung"),
        ("en", "€62.96/quarter excl. VAT", "With monthly billing only"),
        ("fr", "62,96 €/trimestre HT", "Uniquement en mensuel"),
    ],
)
def test_a_quarter_has_its_price_and_its_words(life: Life, locale: str, price: str, elsewhere: str) -> None:
    by_quarter, by_month = (
        life.service.get(f"plans?interval={each}&locale={locale}").json() for each in ("quarter", "month")
    )
    named = {plan["plan"]: plan for plan in by_quarter["plans"]}

    assert by_quarter["intervals"] == ["month", "quarter"]
    assert " ".join(named["basic"]["price"]["text"].split()) == price
    assert named["scale"]["price"]["amount_cents"] == 13_500
    assert [plan["plan"] for plan in by_month["plans"]] == ["scale"]
    assert by_month["elsewhere_text"] is not None
    assert elsewhere not in by_month["elsewhere_text"]


def test_a_quarter_bills_its_months_keeps_its_anchor_and_prorates(life: Life) -> None:
    life.takes("basic", "quarter")
    assert life.subscription()["period"] == span("2026-01-31", "2026-04-30")

    life.at("2026-02-02").uses("conversations", 150, "2026-02-01T12:00")
    life.at("2026-03-01")
    assert [lines for _, lines, _ in life.charges()] == [[("full_period", 6296)], [("overage", 500)]]

    upgrade = life.previews("scale", "quarter")
    whole, left = 89, 60  # 31 January to 30 April, 1 March to 30 April
    assert amounts(upgrade) == [-round(6296 * left / whole), round(13_500 * left / whole)]
    assert upgrade["next_invoice"] == {"at": "2026-04-30T00:00:00Z", "net_cents": 13_500}

    later = life.takes("scale", "month")
    assert (later["timing"], later["effective_at"]) == ("period_end", "2026-04-30T00:00:00Z")
    life.at("2026-05-01")
    held = life.subscription()
    assert (held["interval"], held["period"]) == ("month", span("2026-04-30", "2026-05-31"))


def test_the_invoice_of_a_quarter_counts_quarters(life: Life) -> None:
    life.takes("basic", "quarter")

    (summary,) = life.service.get("invoices").json()["invoices"]
    html, xml = (life.service.get(f"invoices/{summary['number']}.{kind}") for kind in ("html", "xml"))

    assert "Quartal" in html.text
    assert 'unitCode="QAN"' in xml.text
