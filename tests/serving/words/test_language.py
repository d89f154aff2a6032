"""What an editor would strike out: elisions that are missing, words of the wrong register, two words for one thing."""

import re
from datetime import UTC, datetime

import pytest

from data_contracts.catalogue import OFFERS_PATH
from recommender.billing.periods import Period
from serving.words.locales import LOCALES, LocaleCode
from serving.words.texts import MESSAGES_FOLDER, day, days, listed, messages, say

NAMES = "company|plan|metric|subject|template|integration|name|current|organization"
"""Places that are filled with a name, which may begin with a vowel."""
PLACE = re.compile(r"\{\w+\}")


def found(locale: LocaleCode, pattern: str, *, also_names: bool = False) -> set[str]:
    """The messages in which a pattern occurs, as `key: text`; the names of their places count when asked for."""
    texts = messages(locale).items()
    return {f"{key}: {text}" for key, text in texts if re.search(pattern, text if also_names else PLACE.sub("…", text))}


def test_french_elides_before_a_vowel() -> None:
    assert found("fr", r"\b([dlnmtsjc]e|la|que|[Ll]e|[Ll]a) [aeiouyàâéèêëîïôûhœAEIOUÉ](?!\w*ET\b)") == set()


def test_french_never_puts_a_name_where_it_might_have_to_elide() -> None:
    assert found("fr", rf"\b([dlnmtsj]e|la|que|[Ll]e|[Ll]a) \{{({NAMES})\}}", also_names=True) == set()


def test_french_never_counts_tokens_by_the_million_without_its_preposition() -> None:
    """ "40 M de jetons", but "900 jetons": the figure stands apart where it may be either."""
    assert found("fr", r"\{(used|excess|own_limit)\} (jetons|conversations d)", also_names=True) == set()


def test_english_never_puts_a_name_behind_an_article_that_might_not_fit() -> None:
    assert found("en", rf"\b[Aa]n? \{{({NAMES})\}}", also_names=True) == set()


@pytest.mark.parametrize(
    ("locale", "struck_out"),
    [
        ("de", r"\bKI\b|KI-|\bTarif|Konversation|Benutzerpl|\b[Dd](u|ich|ir|ein)\b|Promotion|Intervall"),
        ("en", r"\boverage|\btake .*back|\bgoes on\b|\bat once\b|\bof it\b|\bholds?\b|\bannual"),
        ("en", r"\b[Aa]dditional usage|\b[Ee]-mail|\b[Oo]rganization\b|running promotion"),
        ("fr", r"\bquota|formule|\bsupport\b(?! client)|périodicité|\b[Tt](u|on|es)\b|Revenir sur|mensuelle|annuelle"),
    ],
)
def test_one_word_stands_for_one_thing(locale: LocaleCode, struck_out: str) -> None:
    assert found(locale, struck_out) == set()


def test_the_catalogue_of_the_product_uses_the_same_words() -> None:
    assert re.findall(r"\bKI\b|KI-|Benutzerplätze|Postes utilisateurs", OFFERS_PATH.read_text("utf-8")) == []


@pytest.mark.parametrize("locale", ["de", "fr"])
def test_a_percent_sign_never_begins_a_line(locale: LocaleCode) -> None:
    assert found(locale, r" %") == set()


@pytest.mark.parametrize(
    ("locale", "text"), [("de", "1. Dezember 2026"), ("en", "December 1, 2026"), ("fr", "1er décembre 2026")]
)
def test_the_first_of_a_month_is_written_as_each_language_writes_it(locale: LocaleCode, text: str) -> None:
    assert day(locale, datetime(2026, 12, 1, 12, tzinfo=UTC), "UTC") == text


@pytest.mark.parametrize(
    ("locale", "text"),
    [("de", "15.–30. Nov. 2026"), ("en", "Nov 15 – 30, 2026"), ("fr", "15–30 nov. 2026")],
)
def test_a_span_names_its_last_day(locale: LocaleCode, text: str) -> None:
    november = Period(datetime(2026, 11, 15, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))

    said = days(locale, november, "UTC")

    assert re.sub(r"\s", " ", said) == text


@pytest.mark.parametrize(("locale", "text"), [("de", "a, b und c"), ("en", "a, b, and c"), ("fr", "a, b et c")])
def test_an_enumeration_is_joined_as_each_language_does(locale: LocaleCode, text: str) -> None:
    assert listed(locale, ["a", "b", "c"]) == text


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("metric", ["assistants", "documents", "seats"])
def test_one_too_many_and_several_are_counted_apart(locale: LocaleCode, metric: str) -> None:
    one = say(locale, f"blocker.{metric}_over_limit", count=1, used=1, limit=0)
    five = say(locale, f"blocker.{metric}_over_limit", count=5, used=5, limit=3)

    assert "1" not in one
    assert "5" in five
    assert "3" in five


def test_the_glossary_names_no_word_that_it_strikes_out_as_the_right_one() -> None:
    rows = re.findall(r"^\| (.+) \|$", (MESSAGES_FOLDER / "GLOSSARY.md").read_text("utf-8"), flags=re.MULTILINE)[2:]

    for row in rows:
        _, *right, wrong = (cell.strip() for cell in row.split("|"))
        struck_out = {word for word in re.split(r"[,;] ?", wrong) if word}
        assert not struck_out & {word for cell in right for word in re.split(r"[,;] ?", cell)}, row


@pytest.mark.parametrize("locale", LOCALES)
def test_a_reason_never_repeats_the_bill_of_its_card(locale: LocaleCode) -> None:
    bills = {key for key, text in messages(locale).items() if key.startswith("reason.") and "{amount}" in text}
    assert bills == set()
