"""Nobody is promoted whom the gate has not measured beside the present champion, or has refused."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.__main__ import app
from models.registry.bundle import champion_version
from models.registry.gate_reports import read_report
from models.registry.promotion_history import PromotionRefused
from models.registry.registry import Registry
from tests.models.registries import judged_now, promote


def said(*command: str, registry: Registry) -> tuple[int, str]:
    result = CliRunner().invoke(app, [*command, "--registry", str(registry.folder)])
    return result.exit_code, result.output


def test_a_version_that_the_gate_refused_is_never_promoted(registry: Registry, versions: tuple[str, str, str]) -> None:
    judged_now(registry, versions[0], outcome="refused")

    refusal = f"the gate refused {versions[0]}: as good as the champion: by 0.1\n"
    assert said("promote", versions[0], registry=registry) == (1, refusal)
    assert champion_version(registry.bundles) is None


def test_a_version_judged_beside_another_champion_is_judged_again_first(
    registry: Registry, versions: tuple[str, str, str]
) -> None:
    judged_now(registry, versions[1])
    promote(registry, versions[0])

    with pytest.raises(PromotionRefused, match=r"was judged without a champion, the champion is .* now; judge it"):
        registry.promote(versions[1])
    assert champion_version(registry.bundles) == versions[0]


def test_without_a_report_of_the_gate_nobody_is_promoted(registry: Registry, versions: tuple[str, str, str]) -> None:
    (registry.folder / "judged" / f"{versions[2]}.json").unlink()

    with pytest.raises(PromotionRefused, match="the gate has not judged"):
        registry.promote(versions[2])


@pytest.mark.parametrize("text", ["{", "[]", '{"version": "x"}'])
def test_a_report_that_cannot_be_read_promotes_nobody(
    registry: Registry, versions: tuple[str, str, str], text: str
) -> None:
    (registry.folder / "judged" / f"{versions[2]}.json").write_text(text)

    with pytest.raises(PromotionRefused, match="cannot be read"):
        registry.promote(versions[2])


def test_a_registered_version_is_judged_anew_on_demand(registry: Registry, versions: tuple[str, str, str]) -> None:
    training_set = str(registry.folder.parent / "set")

    code, words = said("evaluate", "--training-set", training_set, "--version", versions[0], registry=registry)

    report = read_report(registry.folder, versions[0])
    assert code == 0, words
    assert report is not None
    assert f"the gate: {report.outcome}" in words
    assert {each.name for each in report.conditions} > {"NDCG@3 above the rules", "features are declared"}


def test_a_version_that_is_none_cannot_be_judged(registry: Registry) -> None:
    training_set = str(registry.folder.parent / "set")

    code, words = said("evaluate", "--training-set", training_set, "--version", "nothing", registry=registry)

    assert code == 1
    assert words.startswith("there is no version nothing; there are: ")


def test_the_run_keeps_report_card_and_pictures(registry: Registry) -> None:
    kept = {path.name for path in (registry.folder / "artifacts").rglob("*") if path.is_file()}

    assert {"report.md", "model_card.md", "calibration.png", "gains.png", "parameters.json"} <= kept
    card = next((registry.folder / "artifacts").rglob("model_card.md")).read_text("utf-8")
    assert card.startswith("# Model card: plan-ranker-")
    assert "## Limits" in card


def test_the_registry_says_what_it_keeps_of_a_verdict(registry: Registry, versions: tuple[str, str, str]) -> None:
    report = read_report(registry.folder, versions[0])

    assert report is not None
    assert (report.version, report.champion, report.outcome) == (versions[0], None, "level")
    assert read_report(Path("nowhere"), versions[0]) is None
