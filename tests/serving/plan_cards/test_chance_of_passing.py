"""Where an allowance that is passed is the reason, the sentence says how often, by the range that the card shows."""

from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from data_contracts.catalogue import reference_texts
from recommender.ranking.usage_range import chance_above
from tests.serving.harness import NOW, running, usage


def test_the_ends_of_the_range_are_passed_in_one_and_in_nine_months_of_ten() -> None:
    for expected, low, high in [(40_000, 30_000, 60_000), (10, 3, 400), (5, 5, 5)]:
        ends = [chance_above(limit, expected=expected, low=low, high=high) for limit in (low, expected, high)]
        assert ends == pytest.approx([0.9, 0.5, 0.1] if low < high else [0.5] * 3)
    assert chance_above(7, expected=5, low=5, high=5) == 0
    assert chance_above(3, expected=5, low=5, high=5) == 1


def test_the_sentence_says_in_how_many_months_the_allowance_is_passed(tmp_path: Path) -> None:
    """52,000 conversations where Basic includes 50,000 and sells no more."""
    offers = yaml.safe_load(reference_texts()[1])
    for plan in offers["plans"].values():
        plan.pop("overage", None)
    (tmp_path / "offers.yml").write_text(yaml.safe_dump(offers), encoding="utf-8")
    with running(tmp_path, offers=str(tmp_path / "offers.yml")) as service:
        service.put()
        service.send(
            *(
                usage(f"e{day}", quantity=1_750, occurred_at=(NOW - timedelta(days=day)).isoformat())
                for day in range(1, 15)
            )
        )
        said = [service.get(f"plan-recommendations?locale={each}").json()["context"] for each in ("de", "en", "fr")]

    months = said[0]["params"]["months_in_ten"]
    assert 5 <= months <= 9
    assert said[0]["message"].endswith(f"In etwa {months} von 10 Monaten reicht das Kontingent nicht.")
    assert said[1]["message"].endswith(f"In about {months} months out of 10, the allowance is not enough.")
    assert said[2]["message"].endswith(f"Environ {months} mois sur 10, le volume inclus ne suffit pas.")
