import json
from decimal import Decimal
from string import Formatter

import pytest
from babel import Locale

from data_contracts.currencies import MINOR_DIGITS
from serving.words.invoices import amount, unit_price
from serving.words.locales import LOCALES, LocaleCode, accepted
from serving.words.texts import MESSAGES_FOLDER, about, compact, exact_money, in_short, messages, money, roughly, say


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def unspaced(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ")


def figures(text: str) -> str:
    return "".join(character for character in text if character.isdecimal())


def decimals_of(locale: LocaleCode, text: str) -> str:
    whole, separator, decimals = text.rpartition("." if locale == "en" else ",")
    return figures(decimals) if separator and figures(whole) else ""


def said(locale: LocaleCode) -> dict[str, dict[str, str]]:
    """Message → plural kind → text; a message without kinds has the kind ""."""
    found: dict[str, dict[str, str]] = {}
    for key, text in messages(locale).items():
        base, _, kind = key.rpartition(".")
        counted = f"{base}.one" in messages(locale) or (kind == "many" and base in messages(locale))
        plural = kind in {"one", "two", "few", "many", "other"} and counted
        found.setdefault(base if plural else key, {})[kind if plural else ""] = text
    return found


def test_the_three_languages_say_the_same_things() -> None:
    german = said("de")
    for locale in LOCALES:
        assert said(locale).keys() == german.keys()
        differing = {
            key
            for key, texts in said(locale).items()
            if set().union(*map(placeholders, texts.values())) != set().union(*map(placeholders, german[key].values()))
        }
        assert differing == set()


@pytest.mark.parametrize("locale", LOCALES)
def test_a_counted_message_has_the_kinds_that_its_language_counts_in(locale: LocaleCode) -> None:
    """Kinds by CLDR; `many`, which French has for whole millions, may fall back on `other`."""
    kinds = Locale.parse(locale).plural_form.tags | {"other"}

    wrong = {
        key: sorted(texts)
        for key, texts in said(locale).items()
        if "" not in texts and not ({"one", "other"} <= texts.keys() <= kinds)
    }

    assert wrong == {}


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("metric", ["conversations", "ai_tokens"])
def test_a_unit_price_reads_well_for_one_for_thousands_and_for_millions(locale: LocaleCode, metric: str) -> None:
    one, thousands, millions = (
        unspaced(say(locale, f"unit.{metric}", count=count, amount="8 €", shown=in_short(locale, count)))
        for count in (1, 1_000, 1_000_000)
    )

    assert "1" not in one
    assert "1" in thousands
    assert "1" in millions
    assert (" de " in millions, " de " in thousands) == (locale == "fr", False)


def test_french_says_millions_as_a_noun_and_thousands_as_a_number() -> None:
    key, how = "context.usage_needs.conversations", {"plan": "Basic", "limit": "50 000"}
    few, many = (unspaced(say("fr", key, used=roughly("fr", used), count=used, **how)) for used in (36_000, 1_230_000))

    assert few.startswith("Vous menez environ 36 000 conversations par mois")
    assert many.startswith("Vous menez environ 1,2 M de conversations par mois")


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize(
    ("value", "german", "english", "french"),
    [
        (950, "950", "950", "950"),
        (38_400, "38.000", "38,000", "38 000"),
        (39_640_281, "40 Mio.", "40M", "40 M"),
        (1_234_567_890, "1,2 Mrd.", "1.2B", "1,2 Md"),
    ],
)
def test_an_estimate_in_a_sentence_has_two_digits_that_count(
    locale: LocaleCode, value: int, german: str, english: str, french: str
) -> None:
    assert unspaced(roughly(locale, value)) == {"de": german, "en": english, "fr": french}[locale]


@pytest.mark.parametrize(
    ("value", "text"), [(950, "950"), (1_222, "~1,2k"), (38_400, "~38k"), (109_123, "~109k"), (29_400_000, "~29M")]
)
def test_an_estimate_on_a_card_is_short_and_says_that_it_is_one(value: int, text: str) -> None:
    assert about("de", value) == text


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
