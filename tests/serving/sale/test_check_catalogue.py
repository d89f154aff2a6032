import json
from pathlib import Path

import pytest

from data_contracts.catalogue import CATALOGUE_PATH, OFFERS_PATH
from serving.sale.check_catalogue import check_catalogue
from tests.data_contracts.catalogues import EXPRESSIONS, SMALL

Printed = pytest.CaptureFixture[str]


def written(folder: Path, text: str | bytes, name: str = "catalogue.yml") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_the_reference_catalogue_is_printed_as_json(capsys: Printed) -> None:
    status = check_catalogue(CATALOGUE_PATH, OFFERS_PATH)

    printed = capsys.readouterr()
    catalogue = json.loads(printed.out)
    assert (status, printed.err) == (0, "")
    assert len(catalogue["plans"]) == 12
    basic = catalogue["plans"][0]
    assert (basic["plan"], basic["price_cents"]) == ("ecommerce-basic", {"month": 19000, "year": 182400})
    assert basic["overage_cents"] == {"conversations": 0.8, "ai_tokens": 0.0008}
    assert [offer["price_text"] for offer in catalogue["enterprise"]] == ["Contact sales"]
    assert len(catalogue["promotions"]) == 2
    assert catalogue["not_comparable"] == []


def test_no_bound_is_null_and_said_in_words(tmp_path: Path, capsys: Printed) -> None:
    check_catalogue(written(tmp_path, SMALL))

    plans = json.loads(capsys.readouterr().out)["plans"]
    seats = [limit for plan in plans for limit in plan["limits"] if limit["code"] == "seats"]
    assert [(limit["value"], limit["unlimited"]) for limit in seats] == [(2, False), (None, True)]


def test_a_higher_tier_that_is_not_simply_more_is_named(tmp_path: Path, capsys: Printed) -> None:
    smaller = CATALOGUE_PATH.read_text("utf-8").replace("value: 75000000", "value: 20000000", 1)
    check_catalogue(written(tmp_path, smaller), OFFERS_PATH)

    (found,) = json.loads(capsys.readouterr().out)["not_comparable"]
    assert (found["metric"], found["what"]) == ("ai_tokens", "holds_less")
    assert found["higher"] == "ecommerce-scale"


def test_every_fault_is_printed_with_file_line_and_column(tmp_path: Path, capsys: Printed) -> None:
    catalogue = written(tmp_path, SMALL.replace("price: 10", "price: -10").replace("currency: EUR", "currency: EURO"))
    offers = written(tmp_path, "annual_discount_percent: 200\n", "offers.yml")

    status = check_catalogue(catalogue, offers)

    printed = capsys.readouterr()
    assert (status, printed.out) == (1, "")
    assert printed.err.splitlines() == [
        f"{catalogue}:5:11: currency: 'EURO' is not a currency (ISO 4217), did you mean EUR?",
        f"{catalogue}:35:12: plans.BASIC.price: must not be negative, is '-10'",
        f"{offers}:1:26: annual_discount_percent: must be from 0 to below 100, is '200'",
        "3 faults",
    ]


def test_what_is_odd_but_usable_is_a_warning(tmp_path: Path, capsys: Printed) -> None:
    path = written(tmp_path, EXPRESSIONS)

    assert check_catalogue(path) == 0
    assert f"{path}:47:16: warning: plans.PRO.features.uptime.value: is a flag" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "fault"),
    [(b"saasName: \xff", "1:11: is not UTF-8 text"), (b"", "1:1: is empty"), (b"a: ]", "1:4: is not YAML")],
)
def test_a_file_that_is_no_catalogue_is_refused_in_one_line(
    tmp_path: Path, capsys: Printed, content: bytes, fault: str
) -> None:
    path = written(tmp_path, content)

    assert check_catalogue(path) == 1
    assert capsys.readouterr().err.startswith(f"{path}:{fault}")


def test_a_file_that_is_not_there_is_named(tmp_path: Path, capsys: Printed) -> None:
    assert check_catalogue(tmp_path / "none.yml") == 1
    assert capsys.readouterr().err == f"{tmp_path / 'none.yml'}: cannot be read: No such file or directory\n"
    assert check_catalogue(tmp_path) == 1
