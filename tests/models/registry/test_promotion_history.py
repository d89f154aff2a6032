"""Promotion and rollback: alias, pointer and history move together, or nothing moves and one line says why."""

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from models.__main__ import app
from models.registry.bundle import CHALLENGER, POINTER, champion_version, check, load_challenger, point_to
from models.registry.promotion_history import (
    HISTORY,
    Change,
    How,
    PromotionRefused,
    changes,
    line_of_champions,
    previous,
)
from models.registry.registry import CHAMPION, NAME, Registry
from tests.models.registries import judged_challenger, judged_now, promote


def alias_of(registry: Registry) -> str | None:
    """The number of the version that MLflow calls champion, from its own table."""
    with closing(sqlite3.connect(registry.folder / "mlflow.db")) as database:
        found = database.execute(
            "SELECT version FROM registered_model_aliases WHERE name = ? AND alias = ?", (NAME, CHAMPION)
        ).fetchone()
    return None if found is None else str(found[0])


def champion_of(registry: Registry) -> tuple[str | None, str | None]:
    """The version's number by the pointer and by the alias."""
    version = champion_version(registry.bundles)
    return None if version is None else version.split("-")[-2], alias_of(registry)


def said(*command: str, registry: Registry) -> tuple[int, str]:
    result = CliRunner().invoke(app, [*command, "--registry", str(registry.folder)])
    return result.exit_code, result.output


def history(*steps: tuple[str, How]) -> list[Change]:
    return [Change(version, how, "2026-06-01T00:00:00+00:00") for version, how in steps]


def test_promotion_and_rollback_move_pointer_and_alias_together(
    registry: Registry, versions: tuple[str, str, str]
) -> None:
    assert champion_of(registry) == (None, None)
    promote(registry, versions[0])

    judged_now(registry, versions[1])
    assert said("promote", versions[1], registry=registry) == (0, f"{versions[1]} is the champion\n")
    assert champion_of(registry) == ("2", "2")

    assert said("rollback", registry=registry) == (0, f"{versions[0]} is the champion again\n")
    assert champion_of(registry) == ("1", "1")


def test_rollbacks_go_back_one_champion_at_a_time(registry: Registry, versions: tuple[str, str, str]) -> None:
    for version in versions:
        promote(registry, version)

    assert [registry.rollback(), registry.rollback()] == [versions[1], versions[0]]
    assert said("rollback", registry=registry) == (1, f"there is no champion before {versions[0]} to roll back to\n")
    assert champion_of(registry) == ("1", "1")
    assert [change.how for change in changes(registry.folder)] == ["promoted"] * 3 + ["rolled back"] * 2


def test_an_unknown_version_is_refused_with_the_known_ones(registry: Registry, versions: tuple[str, str, str]) -> None:
    code, words = said("promote", "plan-ranker-9-nothing", registry=registry)

    assert code == 1
    assert words == f"there is no version plan-ranker-9-nothing; there are: {', '.join(versions)}\n"


@pytest.mark.parametrize("name", ["../bundles", ".", "", "nothing"])
def test_a_name_that_is_no_version_leads_nowhere(registry: Registry, name: str) -> None:
    with pytest.raises(PromotionRefused, match="there is no version"):
        registry.promote(name)


def test_a_version_is_not_promoted_twice(registry: Registry, versions: tuple[str, str, str]) -> None:
    promote(registry, versions[0])

    assert said("promote", versions[0], registry=registry) == (1, f"{versions[0]} is the champion already\n")
    assert [replace(change, at="") for change in changes(registry.folder)] == [Change(versions[0], "promoted", "")]


def test_a_version_is_tried_out_beside_the_champion(registry: Registry, versions: tuple[str, str, str]) -> None:
    registry.promote(versions[0])

    assert said("try", versions[1], registry=registry) == (0, f"{versions[1]} is the challenger\n")
    assert load_challenger(registry.bundles).version == versions[1]
    assert champion_of(registry) == ("1", "1")


def test_what_is_trained_to_be_tried_out_is_the_challenger_even_if_it_won(registry: Registry) -> None:
    trained, judged = judged_challenger(registry.folder.parent, outcome="won")

    registered = registry.register(trained, judged, try_out=True)

    assert not registered.promoted
    assert load_challenger(registry.bundles).version == registered.version
    assert champion_of(registry) == (None, None)


def test_what_may_not_be_promoted_is_not_tried_out(registry: Registry, versions: tuple[str, str, str]) -> None:
    with pytest.raises(PromotionRefused, match="there is no version"):
        registry.try_out("nothing")
    manifest = registry.bundles / versions[0] / "manifest.json"
    manifest.write_text(manifest.read_text() + " ")
    with pytest.raises(PromotionRefused, match="not the one that was registered"):
        registry.try_out(versions[0])
    assert not (registry.bundles / CHALLENGER).exists()


def test_a_registry_without_a_champion_has_nothing_to_roll_back(tmp_path: Path) -> None:
    code, words = said("rollback", registry=Registry(tmp_path / "empty"))

    assert (code, words) == (1, "there is no champion to roll back from\n")
    assert not (tmp_path / "empty").exists()


def test_while_one_is_at_it_no_other_changes_the_champion(registry: Registry, versions: tuple[str, str, str]) -> None:
    """Else a challenger would be promoted over a champion it was never compared with."""
    with registry.exclusive():
        code, words = said("promote", versions[0], registry=registry)
        other = said("train", "--training-set", str(registry.folder.parent / "set"), registry=registry)

    refusal = f"{registry.folder}: another training or promotion is under way\n"
    assert (code, words, other) == (1, refusal, (1, refusal))
    assert champion_of(registry) == (None, None)


def test_a_champion_promoted_during_the_check_of_another_version_is_not_replaced(
    registry: Registry, versions: tuple[str, str, str]
) -> None:
    """The third version was judged without a champion; while its bundle is being checked, the second is promoted."""
    for version in versions:
        judged_now(registry, version)
    refusals = []

    def meanwhile(bundle: Path) -> None:
        check(bundle)
        try:
            Registry(registry.folder, check_bundle=check).promote(versions[1])
        except PromotionRefused as refused:
            refusals.append(str(refused))

    Registry(registry.folder, check_bundle=meanwhile).promote(versions[2])

    assert refusals == [f"{registry.folder}: another training or promotion is under way"]
    assert champion_of(registry) == ("3", "3")
    with pytest.raises(PromotionRefused, match=f"was judged without a champion, the champion is {versions[2]} now"):
        registry.promote(versions[1])


def test_a_copied_registry_writes_to_its_own_folder(registry: Registry, tmp_path: Path) -> None:
    """MLflow notes where artifacts go when an experiment is made, and would go on writing there."""
    copied = Registry(Path(shutil.copytree(registry.folder, tmp_path / "copied")), check_bundle=check)
    before = sorted((registry.folder / "artifacts").rglob("*"))
    trained, judged = judged_challenger(registry.folder.parent, outcome="won")

    registered = copied.register(trained, judged)

    assert champion_version(copied.bundles) == registered.version
    assert list((copied.folder / "artifacts" / registered.run_id).rglob("report.md"))
    assert sorted((registry.folder / "artifacts").rglob("*")) == before
    assert champion_version(registry.bundles) is None


def test_a_damaged_model_is_never_promoted(registry: Registry, versions: tuple[str, str, str]) -> None:
    point_to(registry.bundles, versions[0])
    model = registry.bundles / versions[1] / "model.txt"
    model.write_bytes(model.read_bytes() + b"\n")

    with pytest.raises(PromotionRefused, match=r"may not be served: model\.txt has") as refused:
        promote(registry, versions[1])
    assert "\n" not in str(refused.value)
    assert champion_of(registry) == ("1", None)


def test_a_manifest_edited_after_registration_is_never_promoted(
    registry: Registry, versions: tuple[str, str, str]
) -> None:
    path = registry.bundles / versions[1] / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps(manifest | {"about": {}}))

    with pytest.raises(PromotionRefused, match="its manifest is not the one that was registered"):
        promote(registry, versions[1])
    assert champion_of(registry) == (None, None)


def test_a_rollback_onto_a_damaged_bundle_is_refused(registry: Registry, versions: tuple[str, str, str]) -> None:
    point_to(registry.bundles, versions[0])
    promote(registry, versions[1])
    (registry.bundles / versions[0] / "model.txt").write_bytes(b"")

    with pytest.raises(PromotionRefused, match="may not be served"):
        registry.rollback()
    assert champion_of(registry) == ("2", "2")


def test_the_alias_goes_back_when_the_pointer_cannot_be_written(
    registry: Registry, versions: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_bundles: Path, _version: str) -> None:
        raise OSError("no space left")

    promote(registry, versions[0])
    monkeypatch.setattr("models.registry.registry.point_to", full)

    with pytest.raises(PromotionRefused, match="the pointer cannot be written: no space left"):
        promote(registry, versions[1])
    assert champion_of(registry) == ("1", "1")


def test_promotion_mends_a_pointer_that_cannot_be_read(registry: Registry, versions: tuple[str, str, str]) -> None:
    (registry.bundles / POINTER).write_text("{")

    promote(registry, versions[2])

    assert champion_of(registry) == ("3", "3")


def test_a_champion_that_was_never_written_down_can_be_rolled_back_to(
    registry: Registry, versions: tuple[str, str, str]
) -> None:
    point_to(registry.bundles, versions[0])
    promote(registry, versions[1])

    assert registry.rollback() == versions[0]
    assert [change.how for change in changes(registry.folder)] == ["found", "promoted", "rolled back"]


def test_a_history_that_cannot_be_read_is_refused_in_words(registry: Registry, versions: tuple[str, str, str]) -> None:
    point_to(registry.bundles, versions[0])
    (registry.folder / HISTORY).write_text("[1]")

    with pytest.raises(PromotionRefused, match=r"champions\.json cannot be read"):
        registry.rollback()


def test_a_rollback_takes_the_champions_after_it_away() -> None:
    past = history(("a", "promoted"), ("b", "promoted"), ("c", "promoted"), ("b", "rolled back"), ("d", "promoted"))

    assert line_of_champions(past, current="d") == ("a", "b", "d")


def test_a_pointer_moved_by_hand_counts_as_the_newest_champion() -> None:
    assert line_of_champions(history(("a", "promoted")), current="b") == ("a", "b")


def test_without_a_pointer_there_is_nobody_to_roll_back_from(tmp_path: Path) -> None:
    with pytest.raises(PromotionRefused, match="there is no champion to roll back from"):
        previous(tmp_path, current=None)
