import json
from decimal import Decimal
from string import Formatter

import pytest

from data_contracts.currencies import MINOR_DIGITS
from serving.words.invoices import amount, unit_price
from serving.words.locales import LOCALES, LocaleCode, accepted
from serving.words.texts import MESSAGES_FOLDER, compact, exact_money, messages, money, say


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def unspaced(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ")


def figures(text: str) -> str:
    return "".join(character for character in text if character.isdecimal())


def decimals_of(locale: LocaleCode, text: str) -> str:
    whole, separator, decimals = text.rpartition("." if locale == "en" else ",")
    return figures(decimals) if separator and figures(whole) else ""


def test_the_three_languages_say_the_same_things() -> None:
    german = messages("de")
    for locale in LOCALES:
        assert messages(locale).keys() == german.keys()
        differing = {key for key, text in messages(locale).items() if placeholders(text) != placeholders(german[key])}
        assert differing == set()


@pytest.mark.parametrize("locale", LOCALES)
def test_no_key_stands_twice_and_no_text_is_empty(locale: LocaleCode) -> None:
    pairs = json.loads(
        (MESSAGES_FOLDER / f"messages.{locale}.json").read_text("utf-8"), object_pairs_hook=lambda pairs: pairs
    )

    assert len({key for key, _ in pairs}) == len(pairs)
    assert [key for key, text in pairs if not text.strip()] == []


@pytest.mark.parametrize("locale", LOCALES)
def test_what_has_one_has_others(locale: LocaleCode) -> None:
    keys = messages(locale).keys()

    assert [key for key in keys if key.endswith(".one") and f"{key.removesuffix('.one')}.other" not in keys] == []


@pytest.mark.parametrize(
    ("locale", "cents", "text"),
    [
        ("de", 19_000, "190 €"),
        ("en", 19_000, "€190"),
        ("fr", 19_000, "190 €"),
        ("de", 119_050, "1.190,50 €"),
        ("en", 119_050, "€1,190.50"),
        ("fr", 119_050, "1 190,50 €"),
        ("de", 0, "0 €"),
    ],
)
def test_whole_amounts_have_no_decimals(locale: LocaleCode, cents: int, text: str) -> None:
    assert unspaced(money(locale, cents, "EUR")) == text


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("currency", sorted(MINOR_DIGITS))
def test_an_amount_is_printed_with_the_decimals_that_the_books_have(locale: LocaleCode, currency: str) -> None:
    whole, odd = 1_234_567 * 10 ** MINOR_DIGITS[currency], 1_234_567

    assert figures(money(locale, whole, currency)) == "1234567"
    assert figures(money(locale, odd, currency, decimals=True)) == "1234567"
    assert figures(amount(locale, odd, currency)) == "1234567"
    assert figures(unit_price(locale, Decimal(odd), currency)) == "1234567"
    assert len(decimals_of(locale, money(locale, odd, currency, decimals=True))) == MINOR_DIGITS[currency]


def test_a_dinar_of_1990_is_not_a_hundred_times_as_much() -> None:
    assert unspaced(money("de", 199_000, "RSD")) == "1.990 RSD"


def test_a_price_of_less_than_a_cent_keeps_its_decimals() -> None:
    assert unspaced(exact_money("de", Decimal("1.25"), "EUR")) == "0,0125 €"


def test_a_currency_without_minor_units_is_not_divided() -> None:
    assert unspaced(money("en", 19_000, "JPY")) == "¥19,000"


@pytest.mark.parametrize(
    ("value", "german"),
    [(3, "3"), (950, "950"), (1_000, "1k"), (1_500, "1,5k"), (50_000, "50k"), (99_999, "99,9k"), (200_000_000, "200M")],
)
def test_large_numbers_are_short_and_never_too_large(value: int, german: str) -> None:
    assert compact("de", value) == german


def test_one_is_not_many() -> None:
    assert say("de", "key.assistants", count=1, shown="1") == "1 Assistent"
    assert say("de", "key.assistants", count=3, shown="3") == "3 Assistenten"
    assert say("fr", "limit.documents", count=0, shown="0") == "0 document"


def test_the_current_plan_is_called_selected_in_words() -> None:
    assert say("de", "selection.current") == "✓ Ausgewählt"


@pytest.mark.parametrize(
    ("header", "locale"),
    [
        ("fr-FR,fr;q=0.9,en;q=0.8", "fr"),
        ("es,en;q=0.5,de;q=0.7", "de"),
        ("en;q=0", None),
        ("*", None),
        ("", None),
        (None, None),
        ("de;q=x, en", "en"),
        (";;,,q=1", None),
    ],
)
def test_the_best_language_that_we_speak_is_taken(header: str | None, locale: LocaleCode | None) -> None:
    assert accepted(header) == locale
