import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from data_contracts.atomic_files import atomic_files
from pipelines.__main__ import app
from tests.pipelines.small_world import random_world, write_tables

REFERENCE = Path(__file__).parents[2] / "data_contracts" / "catalogue"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.parametrize("command", ["demo-data", "validate", "training-set", "export"])
def test_every_command_explains_itself_and_its_options(command: str) -> None:
    result = run(command, "--help")

    assert result.exit_code == 0
    assert "--out" in result.stdout


def test_a_training_set_is_built_and_what_is_left_out_is_said(tmp_path: Path) -> None:
    checked = write_tables(random_world(1), tmp_path / "checked")

    result = run("training-set", "--checked", checked, "--out", tmp_path / "out")

    assert result.exit_code == 0, result.output
    about = json.loads((tmp_path / "out" / "training_set.json").read_text())
    assert f"{about['rows']} rows of {about['decisions']} decisions" in result.stdout
    unknown = about["excluded"]["catalogue_unknown"]
    assert f"left out {unknown} decisions: its catalogue was not given" in result.stdout


def test_a_catalogue_of_ones_own_is_read_with_its_offers(tmp_path: Path) -> None:
    checked = write_tables(random_world(1), tmp_path / "checked")
    files = ("--catalogue", REFERENCE / "catalogue.yml", "--offers", REFERENCE / "offers.yml")

    run("training-set", "--checked", checked, "--out", tmp_path / "own", *files)
    run("training-set", "--checked", checked, "--out", tmp_path / "reference")

    own, reference = (tmp_path / name / "training_set.json" for name in ("own", "reference"))
    assert own.read_text() == reference.read_text()


def test_demo_data_is_as_large_as_asked_for(tmp_path: Path) -> None:
    result = run("demo-data", "--out", tmp_path / "raw", "--organizations", 20)

    assert result.exit_code == 0, result.output
    assert (tmp_path / "raw" / "usage_events.parquet").is_file()
    assert "usage_events" in result.stdout


def test_bad_input_is_one_line_and_exit_status_1(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yml"
    broken.write_text("plans: [")
    binary = tmp_path / "binary.yml"
    binary.write_bytes(b"\xff\xfe\x00")
    file = tmp_path / "a-file"
    file.write_text("")
    checked = write_tables(random_world(1), tmp_path / "checked")
    empty = write_tables({}, tmp_path / "empty")
    folder = ("--out", tmp_path / "out")
    for arguments in (
        ("training-set", "--checked", tmp_path / "nowhere", *folder),
        ("training-set", "--checked", empty, *folder),
        ("training-set", "--checked", checked, *folder, "--catalogue", tmp_path / "none.yml"),
        ("training-set", "--checked", checked, *folder, "--catalogue", broken),
        ("training-set", "--checked", checked, *folder, "--catalogue", binary),
        ("training-set", "--checked", checked, "--out", file),
        ("export", "--database", "sqlite:///nowhere.db", *folder),
        ("demo-data", "--out", file / "below", "--organizations", 20),
        ("validate", "--raw", checked, "--out", checked),
    ):
        result = run(*arguments)
        said = result.stderr.strip()
        assert (result.exit_code, said != "", "\n" not in said) == (1, True, True), (arguments, result.output)


def test_only_tables_that_were_checked_are_learned_from(tmp_path: Path) -> None:
    """Raw tables have the same names; built from unchecked, a training set would hold their broken rows."""
    folder = write_tables(random_world(1), tmp_path / "checked")
    described = json.loads((folder / "validation.json").read_text())
    build = ("training-set", "--checked", folder, "--out", tmp_path / "out")

    for said, refusal in (
        (described | {"valid": False}, "validation.json says that the tables are broken"),
        (described | {"tables": described["tables"] | {"outcomes": {"rows_kept": 1}}}, "validation.json says 1"),
        ({}, "validation.json cannot be read"),
        (None, "the tables must be checked first"),
    ):
        (folder / "validation.json").write_text(json.dumps(said))
        if said is None:
            (folder / "validation.json").unlink()
        result = run(*build)
        assert (result.exit_code, refusal in result.stderr) == (1, True), result.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("damage", ["truncated", "damaged", "another table"])
@pytest.mark.parametrize("name", ["organizations", "usage_events", "decisions", "outcomes"])
def test_a_checked_table_that_was_damaged_since_is_named(tmp_path: Path, name: str, damage: str) -> None:
    folder = write_tables(random_world(1), tmp_path / "checked")
    path = folder / f"{name}.parquet"
    content = path.read_bytes()
    body = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    damaged = {
        "truncated": content[: len(content) // 2],
        "damaged": content[:4] + bytes(byte ^ 0x5A for byte in content[4:body]) + content[body:],
        "another table": (folder / "integrations.parquet").read_bytes(),
    }
    path.write_bytes(damaged[damage])

    result = run("training-set", "--checked", folder, "--out", tmp_path / "out")

    said = result.stderr.strip()
    assert (result.exit_code, said.startswith(f"{name}: "), "\n" in said) == (1, True, False), result.output


def test_an_interrupted_export_or_training_set_leaves_nothing_half_written(tmp_path: Path) -> None:
    before = tmp_path / "description.json"
    before.write_text("old")

    def interrupted() -> None:
        with atomic_files(tmp_path, ("rows.parquet", "description.json")) as paths:
            paths["rows.parquet"].write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert [path.name for path in tmp_path.iterdir()] == ["description.json"]
    assert before.read_text() == "old"


@pytest.mark.slow
def test_raw_tables_that_are_not_there_stop_the_check(tmp_path: Path) -> None:
    result = run("validate", "--raw", tmp_path / "nowhere", "--out", tmp_path / "checked")

    assert result.exit_code == 1
    assert "broken: usage_events: there is neither usage_events.parquet nor usage_events.csv" in result.stderr


def test_offers_without_a_catalogue_are_refused(tmp_path: Path) -> None:
    result = run("training-set", "--checked", tmp_path, "--out", tmp_path, "--offers", REFERENCE / "offers.yml")

    assert result.exit_code == 2
    assert "--catalogue" in result.stderr
