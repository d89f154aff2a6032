"""The three languages say the same things, with the same figures in them."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from serving.words.locales import LOCALES, LocaleCode
from serving.words.texts import messages

MODAL = Path(__file__).parents[2] / "serving" / "modal"
WORDS = Path(__file__).parents[2] / "serving" / "words"
# The pages and the script name every key in full; the few that are put together are listed here.
COMPOSED = re.compile(
    r"^(cancel\.(done|stayed)|interval\.(month|quarter|halfyear|year)|enterprise\.(title|description|action)|error\.\w+|pay\.(card|sepa|bank_transfer)|metric\.\w+\.name)$"
)


def own(table: Mapping[str, str]) -> dict[str, str]:
    return {key: text for key, text in table.items() if key.startswith(("modal.", "page."))}


@pytest.mark.parametrize("locale", ["de", "en", "fr"])
def test_no_text_of_the_pages_is_empty_or_untrimmed(locale: LocaleCode) -> None:
    for key, text in own(messages(locale)).items():
        assert text == text.strip() != "", key


def test_no_french_text_may_break_before_its_punctuation() -> None:
    breakable = {key for key, text in messages("fr").items() if re.search(r" [:;?!»](?!\w)|« ", text)}

    assert breakable == set()


def test_hardly_any_text_of_the_pages_was_left_untranslated() -> None:
    german, english, french = (own(messages(locale)) for locale in LOCALES)

    same = {key for key in german if english[key] == german[key] or french[key] == german[key]}

    # Words that are the same in two languages, seen one by one.
    assert same <= {"page.organization", "modal.enterprise.offer"}


def test_the_modal_uses_every_one_of_its_texts_and_no_other() -> None:
    script = "\n".join(path.read_text(encoding="utf-8") for path in (MODAL / "static").glob("*.js"))
    templates = "\n".join(path.read_text(encoding="utf-8") for path in (MODAL / "templates").glob("*.html"))
    asked = set(re.findall(r'say\(\s*(?:\w+ \? )?"([\w.]+)"', script)) | set(re.findall(r'"((?:\w+\.)+\w+)"', script))
    on_pages = set(re.findall(r't\("modal\.([\w.]+)"', templates))
    texts = {
        re.sub(r"\.(one|many|other)$", "", key.removeprefix("modal."))
        for key in messages("de")
        if key.startswith("modal.")
    }
    known = texts | {key for key in messages("de") if key.startswith(("enterprise.", "metric."))}

    unused = {key for key in texts - asked - on_pages if not COMPOSED.match(key)}

    assert unused == set()
    assert {key for key in asked if key.split(".")[0] in {key.split(".")[0] for key in texts}} <= known


@pytest.mark.parametrize("locale", ["de", "en", "fr"])
def test_the_files_are_plain_tables_in_utf_8_without_doubles(locale: str) -> None:
    text = (WORDS / f"messages.{locale}.json").read_text(encoding="utf-8")

    pairs = json.loads(text, object_pairs_hook=list)

    assert len({key for key, _ in pairs}) == len(pairs)
