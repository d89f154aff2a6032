"""PDF, XML, page and JSON of a document: the standard's own rules, and the same figures in all four."""

import io
import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pikepdf
import pytest
from facturx import get_xml_from_pdf
from httpx2 import Response
from pypdf import PdfReader
from sqlalchemy.exc import DBAPIError

from data_contracts.invoices import Invoice
from serving.invoices import e_invoice, files, printed
from serving.web.each_alone import FIRST_PAUSE, SomeFailed
from serving.words.locales import LOCALES, LocaleCode
from tests.serving.documents import LONG_NAME, every_kind, issued, month
from tests.serving.lives import Life, selling

RAM = "{urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100}"
TOTALS = {
    "net_cents": "TaxBasisTotalAmount",
    "tax_cents": "TaxTotalAmount",
    "total_cents": "GrandTotalAmount",
    "due_cents": "DuePayableAmount",
}


@pytest.fixture
def life(tmp_path: Path) -> Iterator[Life]:
    with selling(tmp_path, {"basic": "1190", "scale": "2490.5"}, country="FR", begins="2026-06-01") as life:
        yield life


def asked(life: Life, path: str, **headers: str) -> Response:
    answer = life.service.get(f"invoices/{path}", life.organization_id, **headers)
    assert answer.status_code == 200, answer.text
    return answer


def made_xml(invoice: Invoice) -> bytes:
    """In the thread that owns the XSLT processor."""
    return files.in_the_makers_thread(lambda: e_invoice.xml_of(invoice))


def broken(xml: str) -> tuple[str, ...]:
    return files.in_the_makers_thread(lambda: e_invoice.broken_rules(xml.encode()))


def cents_in(xml: bytes, name: str, *, per_unit: int = 100) -> int:
    summary = next(ET.fromstring(xml).iter(f"{RAM}SpecifiedTradeSettlementHeaderMonetarySummation"))
    return int(Decimal(summary.findtext(f"{RAM}{name}", default="nothing")) * per_unit)


def pdf_text(pdf: bytes) -> str:
    return " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages).split())


def shown_text(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.partition("<body>")[2]).split())


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("kind", every_kind())
def test_every_kind_of_document_passes_the_schema_and_every_rule_of_en_16931(kind: str, locale: LocaleCode) -> None:
    invoice = every_kind(locale)[kind]

    xml = made_xml(invoice)

    assert cents_in(xml, "GrandTotalAmount", per_unit=1 if kind == "yen" else 100) == invoice.total_cents


def test_the_rules_find_a_total_that_is_wrong_and_a_vat_id_that_is_missing() -> None:
    right = made_xml(issued(month())).decode()
    wrong = re.sub(r"(<ram:GrandTotalAmount>)228.00", r"\g<1>229.00", right)
    nameless = re.sub(r"<ram:SpecifiedTaxRegistration>.*?</ram:SpecifiedTaxRegistration>", "", right, flags=re.DOTALL)

    found = [{rule.partition(":")[0] for rule in broken(xml)} for xml in (right, wrong, nameless)]

    assert wrong != right != nameless
    assert found[0] == set()
    assert "BR-CO-15" in found[1]
    assert "BR-S-02" in found[2]


def test_a_currency_with_three_decimals_has_a_pdf_and_no_xml() -> None:
    made = files.make(issued(month(), country="US", currency="KWD"))

    assert made.xml is None
    assert made.pdf.startswith(b"%PDF")


@pytest.mark.parametrize(("kind", "locale"), [("upgrade", "de"), ("credit_note", "fr"), ("many_lines", "en")])
def test_the_pdf_is_pdf_a_3b_and_tagged_with_its_xml_as_alternative(kind: str, locale: LocaleCode) -> None:
    made = files.make(every_kind(locale)[kind])

    with pikepdf.open(io.BytesIO(made.pdf)) as pdf:
        metadata, root = pdf.open_metadata(), pdf.Root
        fonts = [font for page in pdf.pages for font in page.Resources.Font.values()]
        descriptors = [font.DescendantFonts[0].FontDescriptor for font in fonts]
        assert (metadata["pdfaid:part"], metadata["pdfaid:conformance"]) == ("3", "B")
        assert [str(each.AFRelationship) for each in root.AF] == ["/Alternative"]
        assert [str(each.UF) for each in root.AF] == ["factur-x.xml"]
        assert str(root.Lang) == locale
        assert len(root.OutputIntents) == 1
        assert bool(root.MarkInfo.Marked)
        assert all({"/FontFile", "/FontFile2", "/FontFile3"} & set(each.keys()) for each in descriptors)
        assert not pdf.is_encrypted
    assert get_xml_from_pdf(made.pdf, check_xsd=False)[1] == made.xml


@pytest.mark.parametrize("locale", LOCALES)
def test_pdf_page_xml_and_json_say_the_same_in_every_language(life: Life, locale: LocaleCode) -> None:
    life.service.put(country="FR", locale=locale, trial_started_at="2026-06-01T00:00:00+00:00", integrations=[])
    life.takes("basic")
    life.at("2026-06-16").takes("scale")
    number = life.service.get("invoices").json()["invoices"][0]["number"]

    said: dict[str, Any] = asked(life, number).json()
    page, pdf = (asked(life, f"{number}.{kind}") for kind in ("html", "pdf"))
    xml = asked(life, f"{number}.xml")

    figures = {**said, **said["payment"]}
    assert {name: cents_in(xml.content, term) for name, term in TOTALS.items()} == {n: figures[n] for n in TOTALS}
    assert pdf.headers["content-language"] == page.headers["content-language"] == locale
    on_paper, on_screen = pdf_text(pdf.content), shown_text(page.text)
    for words in (number, said["total_text"], said["issued_on_text"], *(line["text"] for line in said["lines"])):
        assert " ".join(words.split()) in on_screen
        assert " ".join(words.split()) in on_paper
    amounts = re.findall(r"[\d.,\u202f\xa0]*\d[.,]\d\d", asked(life, f"{number}.html").text)
    assert len(amounts) > 8
    lines = [line for page in PdfReader(io.BytesIO(pdf.content)).pages for line in page.extract_text().splitlines()]
    assert [line for line in lines if len(line.strip()) == 1] == []  # no letters of a caption that nobody sees
    assert all(" ".join(amount.split()) in on_paper for amount in amounts)


def test_the_files_are_made_once_and_never_again(life: Life) -> None:
    life.takes("basic")
    (number,) = [each["number"] for each in life.service.get("invoices").json()["invoices"]]

    with ThreadPoolExecutor(4) as readers:
        bodies = set(readers.map(lambda _: asked(life, f"{number}.pdf").content, range(4)))
    life.service.put(name="Another name", country="FR", trial_started_at="2026-06-01T00:00:00+00:00", integrations=[])

    assert bodies == {asked(life, f"{number}.pdf").content}
    with pytest.raises(DBAPIError, match=r"issued (document )?never changes"):
        life.service.execute("DELETE FROM invoice_files")


def test_the_job_makes_what_nobody_has_asked_for_and_one_fault_stops_nothing_else(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    life.takes("basic")
    life.at("2026-06-16").takes("scale")
    make = printed.files

    def faulty(invoice: Any) -> Any:
        if invoice.number.endswith("1"):
            raise OSError("no library")
        return make(invoice)

    def run(*, pauses: int = 0) -> int:
        return files.make_missing(life.service.database, now=life.service.clock() + pauses * FIRST_PAUSE)

    monkeypatch.setattr(printed, "files", faulty)
    with pytest.raises(SomeFailed):
        run()
    monkeypatch.undo()

    assert [run(), run(pauses=1), run(pauses=1)] == [0, 1, 0]


def test_documents_at_fault_hold_up_no_others(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    life.takes("basic")
    life.at("2026-06-16").takes("scale")
    make = printed.files

    def faulty(invoice: Any) -> Any:
        if invoice.number.endswith("1"):
            raise OSError("no library")
        return make(invoice)

    monkeypatch.setattr(files, "AT_ONCE", 1)
    monkeypatch.setattr(printed, "files", faulty)

    # the one at fault is the older one; one of 64 runs draws the other, but for a chance of 2⁻⁶⁴
    assert any(_made(life) for _ in range(64))


def _made(life: Life) -> int:
    try:
        return files.make_missing(life.service.database, now=life.service.clock())
    except SomeFailed:
        return 0


def test_without_what_prints_the_page_is_still_there(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    life.takes("basic")
    (number,) = [each["number"] for each in life.service.get("invoices").json()["invoices"]]
    monkeypatch.setitem(sys.modules, "weasyprint", None)

    answer = life.service.get(f"invoices/{number}.pdf")

    assert (answer.status_code, answer.json()["code"]) == (503, "printing_unavailable")
    assert life.service.get(f"invoices/{number}.html").status_code == 200


@pytest.mark.parametrize("kind", ["", ".pdf", ".xml", ".html"])
def test_nobody_sees_another_organisations_documents(life: Life, kind: str) -> None:
    life.takes("basic")
    (number,) = [each["number"] for each in life.service.get("invoices").json()["invoices"]]
    life.service.put("other", country="FR")
    path = f"/v1/organizations/acme/invoices/{number}{kind}"

    statuses = [
        life.service.get(f"invoices/{number}{kind}", "other").status_code,
        life.service.client.get(path, headers={**life.service.token("other"), "Origin": "https://app.example.com"}),
        life.service.get(f"invoices/INV-2026-000099{kind}").status_code,
        life.service.get(f"invoices/nonsense{kind}").status_code,
        life.service.client.get(path).status_code,
    ]

    assert [getattr(each, "status_code", each) for each in statuses] == [404, 404, 404, 422, 401]


def test_a_name_stays_text_and_loads_nothing() -> None:
    name = '<img src="http://127.0.0.1:9/x.png"><script>alert(1)</script>'
    page = printed.html(issued(month(), name=name), "de")

    assert "<script" not in page
    assert "<img" not in page
    assert LONG_NAME.split(" <", maxsplit=1)[0] in pdf_text(files.make(every_kind("fr")["long_name"]).pdf)
