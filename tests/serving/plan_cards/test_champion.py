import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from recommender.ranking.abstention import Abstention
from serving.plan_cards.champion import FIRST_RETRY_SECONDS, ChampionHolder
from serving.plan_cards.ranker_fallback import PAUSE_SECONDS
from tests.serving.harness import Service, running, usage
from tests.serving.rankers import Cheapest, Shelf


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    (tmp_path / "models").mkdir()
    return Shelf(tmp_path / "models")


def answered(answer: dict[str, object]) -> tuple[object, object, object]:
    return answer["strategy"], answer["model_version"], answer["fallback_reason"]


def cards_in(service: Service, locales: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    """The recommended cards in each language."""
    asked = {each: service.get("plan-recommendations", **{"Accept-Language": each}) for each in locales}
    return {locale: answer.json()["plans"] for locale, answer in asked.items()}


def test_the_champion_answers(tmp_path: Path, shelf: Shelf) -> None:
    shelf.promote(Cheapest())

    with running(tmp_path, model=shelf.folder, load=shelf.load) as service:
        service.put()
        answer = service.recommended()

    assert answered(answer) == ("model", "champion-1", None)
    assert [plan["plan"] for plan in answer["plans"]] == ["ecommerce-basic", "ecommerce-scale", "ecommerce-enterprise"]


def test_without_a_champion_the_rules_answer_and_say_so(tmp_path: Path, shelf: Shelf) -> None:
    with running(tmp_path, model=shelf.folder, load=shelf.load) as service:
        service.put()
        assert answered(service.recommended()) == ("rules", "2", "no_champion")


def test_instead_of_a_refused_champion_the_rules_answer(tmp_path: Path, shelf: Shelf) -> None:
    shelf.promote(None)

    with running(tmp_path, model=shelf.folder, load=shelf.load) as service:
        service.put()
        assert answered(service.recommended()) == ("rules", "2", "champion_refused")


@pytest.mark.parametrize(
    "broken", [Cheapest(fault=ValueError("no")), Cheapest(nonsense=True)], ids=["raises", "not a number"]
)
def test_instead_of_a_failing_champion_the_rules_answer(tmp_path: Path, shelf: Shelf, broken: Cheapest) -> None:
    shelf.promote(broken)

    with running(tmp_path, model=shelf.folder, load=shelf.load) as service:
        service.put()
        assert answered(service.recommended()) == ("rules", "2", "champion_failed")


def test_a_plan_that_the_champion_has_not_seen_is_ranked_with_a_caution(tmp_path: Path, shelf: Shelf) -> None:
    said = {"de": "Neu im Angebot", "en": "New: judged by", "fr": "Nouveau\u00a0: évalué"}
    shelf.promote(Cheapest(unseen=frozenset({"ecommerce-basic", "ecommerce-scale"})))

    with running(tmp_path, model=shelf.folder, load=shelf.load) as service:
        service.put()
        in_words = cards_in(service, said)

    for locale, cards in in_words.items():
        cautions = [[one["message"] for one in card["concerns"] if one["code"] == "little_known"] for card in cards]
        assert [len(each) for each in cautions] == [1, 1, 0]
        assert all(said[locale] in message for message in (cautions[0] + cautions[1]))
        assert cards[1]["concerns"][0]["code"] == "little_known"


def test_a_known_plan_at_a_price_that_the_champion_has_not_seen_carries_a_caution(tmp_path: Path, shelf: Shelf) -> None:
    said = {"de": "Neuer Preis", "en": "New price", "fr": "Nouveau prix"}
    unseen = frozenset({"ecommerce-basic"})
    shelf.promote(Cheapest(unseen=unseen, lowest={"ecommerce-basic": 1e9, "ecommerce-scale": 1e9}))

    with running(tmp_path, model=shelf.folder, load=shelf.load) as service:
        service.put()
        in_words = cards_in(service, said)

    for locale, cards in in_words.items():
        codes = {card["plan"]: [one["code"] for one in card["concerns"]] for card in cards}
        assert codes["ecommerce-scale"][0] == "new_price"
        assert codes["ecommerce-basic"][0] == "little_known"
        assert all("new_price" not in found for plan, found in codes.items() if plan != "ecommerce-scale")
        assert any(said[locale] in one["message"] for card in cards for one in card["concerns"])


@pytest.mark.parametrize("doubt", ["little_data", "unlike_training"])
def test_a_champion_that_knows_too_little_leaves_it_to_the_rules_and_is_asked_again(
    tmp_path: Path, shelf: Shelf, doubt: Abstention
) -> None:
    doubting = Cheapest(doubt=doubt)
    shelf.promote(doubting)

    with running(tmp_path, model=shelf.folder, load=shelf.load) as service:
        service.put()
        first = service.recommended()
        service.send(usage("e1"))
        second = service.recommended()

    assert answered(first) == answered(second) == ("rules", "2", doubt)
    assert doubting.asked == 2


def test_instead_of_a_slow_champion_the_rules_answer_and_it_is_left_alone_for_a_while(
    tmp_path: Path, shelf: Shelf
) -> None:
    slow = Cheapest(seconds=0.5)
    shelf.promote(slow)

    with running(tmp_path, model=shelf.folder, load=shelf.load, model_timeout_ms=50) as service:
        service.put()
        first = service.recommended()
        service.send(usage("e1"))
        second = service.recommended()

    assert answered(first) == answered(second) == ("rules", "2", "champion_slow")
    assert slow.asked == 1
    assert PAUSE_SECONDS == 5


def test_another_champion_takes_over_and_decides_anew(tmp_path: Path, shelf: Shelf) -> None:
    shelf.promote(Cheapest(version="a"))

    with running(tmp_path, model=shelf.folder, load=shelf.load) as service:
        service.put()
        before = service.recommended()
        shelf.promote(Cheapest(version="b"))
        service.services.fallback.champions.refresh()
        after = service.recommended()

    assert [before["model_version"], after["model_version"]] == ["a", "b"]
    assert before["decision_id"] != after["decision_id"]


def held(shelf: Shelf) -> ChampionHolder:
    return ChampionHolder(shelf.folder, known_features={"monthly_price"}, load=shelf.load)


def test_the_old_champion_stays_when_the_new_one_is_refused(shelf: Shelf) -> None:
    champions = held(shelf)
    shelf.promote(Cheapest(version="old"))
    assert champions.refresh() is True

    shelf.promote(None)

    assert champions.refresh() is False
    assert champions.champion.version == "old"


def test_a_champion_that_reads_what_nobody_computes_is_refused(shelf: Shelf) -> None:
    champions = held(shelf)
    shelf.promote(Cheapest(feature_names=("moon_phase",)))

    champions.refresh()

    assert champions.champion.absence == "champion_refused"


def test_a_champion_that_is_withdrawn_answers_no_more(shelf: Shelf) -> None:
    champions = held(shelf)
    shelf.promote(Cheapest())
    champions.refresh()

    (shelf.folder / "champion.json").unlink()
    champions.refresh()

    assert champions.champion.absence == "no_champion"


def test_a_champion_is_loaded_once(shelf: Shelf) -> None:
    champions = held(shelf)
    shelf.promote(Cheapest())

    assert [champions.refresh(), champions.refresh()] == [True, False]


def test_a_check_that_did_not_finish_is_made_again_until_it_does(shelf: Shelf) -> None:
    now = [0.0]
    champions = ChampionHolder(
        shelf.folder, known_features={"monthly_price"}, load=shelf.load, monotonic=lambda: now[0]
    )
    shelf.busy = True
    shelf.promote(Cheapest(version="new"))

    assert champions.refresh() is True
    assert (champions.retrying, champions.champion.absence) == (True, "champion_refused")
    shelf.busy = False
    now[0] = FIRST_RETRY_SECONDS - 1
    assert champions.refresh() is False
    now[0] = FIRST_RETRY_SECONDS
    assert champions.refresh() is True

    assert (champions.retrying, champions.champion.version) == (False, "new")


def test_a_wait_doubles_with_each_check_that_did_not_finish(shelf: Shelf) -> None:
    now = [0.0]
    champions = ChampionHolder(
        shelf.folder, known_features={"monthly_price"}, load=shelf.load, monotonic=lambda: now[0]
    )
    shelf.promote(Cheapest(version="old"))
    champions.refresh()
    shelf.busy = True
    shelf.promote(Cheapest(version="new"))
    champions.refresh()
    now[0] = FIRST_RETRY_SECONDS
    champions.refresh()

    shelf.busy = False
    now[0] = 2 * FIRST_RETRY_SECONDS
    assert champions.refresh() is False
    assert champions.champion.version == "old"
    now[0] = 3 * FIRST_RETRY_SECONDS
    assert champions.refresh() is True
    assert champions.champion.version == "new"


def test_monitoring_says_that_a_check_is_made_again(tmp_path: Path, shelf: Shelf) -> None:
    shelf.busy = True
    shelf.promote(Cheapest())

    with running(tmp_path, model=shelf.folder, load=shelf.load) as service:
        ready, measured = (service.client.get(path) for path in ("/readyz", "/metrics"))

    (model,) = (each for each in ready.json()["checks"] if each["name"] == "model")
    assert (ready.json()["status"], model["status"]) == ("degraded", "degraded")
    assert "is tried again" in model["detail"]
    assert "plans_champion_retrying 1.0" in measured.text


def test_monitoring_says_since_when_the_champion_answers(tmp_path: Path, shelf: Shelf) -> None:
    shelf.promote(Cheapest())
    promoted = (shelf.folder / "champion.json").stat().st_mtime

    with running(tmp_path, model=shelf.folder, load=shelf.load) as service:
        measured = service.client.get("/metrics").text

    (line,) = re.findall(r"^plans_champion_promoted_timestamp_seconds (.*)$", measured, re.MULTILINE)
    assert float(line) == pytest.approx(promoted)
