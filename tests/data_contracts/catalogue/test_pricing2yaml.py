import math
import time
from fractions import Fraction

import pytest

from data_contracts.catalogue.pricing2yaml import read_pricing
from data_contracts.yaml_reading.places import MAX_CHARACTERS, CatalogueFaults, decode
from tests.data_contracts.catalogues import ANCHORS, EXPRESSIONS, ONLY_ADD_ONS, SMALL


def faults_of(text: str) -> list[str]:
    """Every fault as `line:column path message`."""
    with pytest.raises(CatalogueFaults) as refused:
        read_pricing(text)
    return [f"{fault.line}:{fault.column} {fault.path} {fault.message}" for fault in refused.value.faults]


def test_a_plan_keeps_the_defaults_that_it_does_not_override() -> None:
    pricing = read_pricing(SMALL)

    assert pricing.plans["BASIC"].features == {"chat": True, "shopify": False}
    assert pricing.plans["BASIC"].limits == {"conversations": 1000, "seats": 2}
    assert pricing.plans["PRO"].features == {"chat": True, "shopify": True}
    assert pricing.plans["PRO"].limits == {"conversations": 5000, "seats": math.inf}


def test_a_price_is_the_exact_decimal_that_is_written() -> None:
    pricing = read_pricing(SMALL)

    assert pricing.plans["PRO"].price == Fraction(2926, 100)
    assert pricing.plans["ENTERPRISE"].price == "Contact sales"


def test_a_catalogue_of_add_ons_alone_is_one() -> None:
    pricing = read_pricing(ONLY_ADD_ONS)

    assert pricing.plans == {}
    assert list(pricing.add_ons) == ["SSO", "ADAPTIVE_SSO"]


def test_prices_may_be_arithmetic_with_variables_and_numbers_may_stand_between_quotes() -> None:
    pricing = read_pricing(EXPRESSIONS)

    assert pricing.plans["STARTER"].price == 12
    assert pricing.plans["PRO"].price == Fraction("19.5")
    assert pricing.add_ons["SEATS"].price == 20
    assert pricing.add_ons["SETUP"].price == "See rates"


def test_texts_flags_and_lists_of_payment_methods_are_values() -> None:
    pricing = read_pricing(EXPRESSIONS)

    assert pricing.plans["STARTER"].features == {
        "payment": "CARD, INVOICE",
        "uptime": "99.99%",
        "contractReview": "None",
    }
    assert pricing.plans["PRO"].features["uptime"] is True
    assert pricing.plans["LEGACY"].private
    assert pricing.add_ons["SEATS"].available_for == ("PRO",)
    assert pricing.add_ons["SETUP"].available_for == ("STARTER", "PRO", "LEGACY")


def test_anchors_merge_keys_and_currency_signs_are_understood() -> None:
    pricing = read_pricing(ANCHORS)

    assert pricing.currency == "EUR"
    assert pricing.features["two"].kind == "management"
    assert pricing.plans["B"].features == {"one": True, "two": True}
    assert pricing.plans["FREE"].price == 0


def test_the_version_is_the_date_when_none_is_declared() -> None:
    assert read_pricing(SMALL).version == "2026"
    assert read_pricing(EXPRESSIONS).version == "2025-03-06"


def test_version_2_0_names_its_syntax_in_version() -> None:
    text = SMALL.replace("syntaxVersion: '2.1'\n", "").replace("version: '2026'", "version: '2.0'")

    assert read_pricing(text).version == "2026-01-01"


@pytest.mark.parametrize("written", ["1.0", "'1.1'", "'3.0'", "two"])
def test_another_syntax_version_is_refused_with_its_place(written: str) -> None:
    assert faults_of(SMALL.replace("syntaxVersion: '2.1'", f"syntaxVersion: {written}")) == [
        f"1:16 syntaxVersion Pricing2Yaml {written.strip(chr(39))} is not read here, only 2.1 and 2.0"
    ]


def test_all_faults_of_a_file_are_named_at_once_with_their_places() -> None:
    text = (
        SMALL.replace("currency: EUR", "currency: EURO")
        .replace("type: RENEWABLE", "type: RENEWABEL")
        .replace("    - chat", "    - chatt")
        .replace("price: 10", "price: -10")
        .replace("      shopify:\n        value: true", "      shopfy:\n        value: true")
        .replace("        value: 5000", "        value: many")
    )

    assert faults_of(text) == [
        "5:11 currency 'EURO' is not a currency (ISO 4217), did you mean EUR?",
        (
            "24:11 usageLimits.conversations.type must be one of "
            "NON_RENEWABLE, RENEWABLE, RESPONSE_DRIVEN, TIME_DRIVEN, is 'RENEWABEL', did you mean RENEWABLE?"
        ),
        (
            "26:7 usageLimits.conversations.linkedFeatures.0 'chatt' is not a feature that the file declares, "
            "did you mean chat?"
        ),
        "35:12 plans.BASIC.price must not be negative, is '-10'",
        "44:7 plans.PRO.features.shopfy is not a feature that the file declares, did you mean shopify?",
        "48:16 plans.PRO.usageLimits.conversations.value must be a number, is 'many'",
    ]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (".nan", "must be a number, an expression or a text of one line, is '.nan'"),
        (".inf", "must be a number, an expression or a text of one line, is '.inf'"),
        ("true", "must be a number, an expression or a text of one line, is 'true'"),
        ("1e11", "must be at most 10000000000, is '1e11'"),
        ("-0.01", "must not be negative, is '-0.01'"),
        ("'#x * 2'", "cannot be worked out: there is no number #x among the variables"),
        ("'2 / (3 - 3)'", "cannot be worked out: it divides by zero"),
        ("'2 * (3'", "cannot be worked out: a parenthesis is not closed"),
        ("'3 +'", "cannot be worked out: it ends too early"),
        ("'#1 in town!'", "cannot be worked out: there is no number #1 among the variables"),
    ],
)
def test_a_price_that_is_none_is_a_fault(written: str, message: str) -> None:
    assert faults_of(SMALL.replace("price: 10", f"price: {written}")) == [f"35:12 plans.BASIC.price {message}"]


@pytest.mark.parametrize("written", ["1e400", "0o17", "1:30", "10 EUR", "1,5"])
def test_a_price_that_is_nearly_a_number_is_a_text_with_a_warning(written: str) -> None:
    pricing = read_pricing(SMALL.replace("price: 10", f"price: {written}"))

    assert pricing.plans["BASIC"].price == written
    assert [(warning.path, warning.line) for warning in pricing.warnings] == [("plans.BASIC.price", 35)]


def test_a_price_that_is_a_list_is_a_fault_at_its_name() -> None:
    assert faults_of(SMALL.replace("price: 10", "price: [1, 2]")) == [
        "35:5 plans.BASIC.price must be a number, an expression or a text, is a list"
    ]


def test_a_price_left_out_is_missing_at_its_plan() -> None:
    assert faults_of(SMALL.replace("    price: 10\n", "")) == ["33:3 plans.BASIC.price is missing"]
    assert faults_of(SMALL.replace("price: 10", "price:")) == ["35:5 plans.BASIC.price is missing"]


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        (
            "defaultValue: true",
            "defaultValue: 1",
            "12:19 features.chat.defaultValue must be true or false, is '1'",
        ),
        (
            "defaultValue: 1000",
            "defaultValue: 10_00x",
            "22:19 usageLimits.conversations.defaultValue must be a number, is '10_00x'",
        ),
        (
            "defaultValue: 1000",
            "defaultValue: -1",
            "22:19 usageLimits.conversations.defaultValue must not be negative",
        ),
        (
            "defaultValue: 1000",
            "defaultValue: 1e999",
            "22:19 usageLimits.conversations.defaultValue must be a number below 10^30, is '1e999'",
        ),
        ("annual: 0.8", "annual: 1.2", "8:11 billing.annual must be above 0 and at most 1, is '1.2'"),
        ("saasName: Chatty\n", "", "1:1 saasName is missing"),
        ("features: null", "features: 3", "37:15 plans.BASIC.features must be a mapping of names, is '3'"),
    ],
)
def test_a_wrong_value_is_a_fault_at_its_place(before: str, after: str, fault: str) -> None:
    assert fault in faults_of(SMALL.replace(before, after, 1))


def test_a_name_that_stands_twice_is_a_fault() -> None:
    assert faults_of(SMALL.replace("  PRO:", "  BASIC:")) == ["39:3 plans.BASIC stands twice; first in line 33"]


def test_a_catalogue_that_sells_nothing_is_a_fault() -> None:
    text = SMALL[: SMALL.index("plans:")]

    assert faults_of(text) == ["1:1  sells nothing: it has neither plans nor addOns"]


def test_a_misspelt_field_is_a_warning() -> None:
    pricing = read_pricing(SMALL.replace("    unit: conversation/month", "    units: conversation/month"))

    assert [str(warning) for warning in pricing.warnings] == [
        "catalogue:23:5: usageLimits.conversations.units: is not a field known here and is not read, did you mean unit?"
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "1:1  is empty"),
        ("# nothing", "1:1  is empty"),
        ("just words", "1:1  is not a catalogue: it must be a mapping"),
        ("- a\n- b", "1:1  is not a catalogue: it must be a mapping"),
        ("a: 1\n---\nb: 2", "2:1  holds a second document; one file is one catalogue"),
        ("a: 1\nb: \ud800", "2:4  the character U+D800 must not stand in a YAML file"),
        ("a: 1\x00", "1:5  the character U+0000 must not stand in a YAML file"),
        ("a: *nowhere", "1:4 a *nowhere refers to nothing that is complete before it"),
        ("a: &a [*a]", "1:8 a.0 *a refers to nothing that is complete before it"),
        ("? [a]\n: 1", "1:3  a name must be one word or text, not a list or a mapping"),
    ],
)
def test_a_text_that_is_no_catalogue_is_refused_with_its_place(text: str, fault: str) -> None:
    assert faults_of(text) == [fault]


@pytest.mark.parametrize("text", ["a: [1, 2", "a:\n\t- b", 'a: "unfinished', "a: b: c", "%TAG bad"])
def test_what_is_not_yaml_is_refused_with_its_place(text: str) -> None:
    (fault,) = faults_of(text)

    assert "is not YAML" in fault


def test_a_tag_that_makes_objects_is_refused() -> None:
    text = SMALL.replace("saasName: Chatty", "saasName: !!python/object/apply:os.system [ls]")

    assert any(
        "the YAML tag tag:yaml.org,2002:python/object/apply:os.system is not known" in f for f in faults_of(text)
    )


def test_bombs_are_refused_quickly() -> None:
    aliases = "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
        f"{new}: &{new} [{','.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    )
    started = time.perf_counter()

    assert "holds more than 200000 values" in faults_of(aliases)[0]
    assert "nested more than 40 levels deep" in faults_of("[" * 100_000)[0]
    assert "is too long" in faults_of("#" * (MAX_CHARACTERS + 1))[0]
    assert time.perf_counter() - started < 5


def test_more_plans_than_are_read_is_a_fault() -> None:
    many = "".join(f"  P{number}:\n    price: {number}\n" for number in range(201))

    assert faults_of(SMALL.replace("plans:\n", "plans:\n" + many)) == [
        "32:1 plans holds 204 entries, at most 200 are read"
    ]


def test_thousands_of_faults_are_found_in_little_time() -> None:
    unknown = "".join(f"      unknown{number}: {{value: true}}\n" for number in range(10_000))
    started = time.perf_counter()

    faults = faults_of(SMALL.replace("      shopify:\n        value: true\n", unknown))

    assert len(faults) == 500
    assert time.perf_counter() - started < 10


def test_bytes_that_are_not_utf_8_are_named_with_their_place() -> None:
    with pytest.raises(CatalogueFaults) as refused:
        decode(b"a: 1\nb: \xe4\xf6", source="catalogue")

    assert [str(fault) for fault in refused.value.faults] == ["catalogue:2:4: is not UTF-8 text"]


def test_words_that_yaml_1_1_takes_for_flags_and_times_stay_words() -> None:
    text = SMALL.replace("BASIC:", "NO:").replace("description: To begin with", "description: 12:30")

    assert read_pricing(text).plans["NO"].description == "12:30"
