"""The service's command line: what is no good is named in one line, with exit status 1."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.demo.write import write_demo_data
from serving.__main__ import app


def run(*arguments: object, **environment: str) -> tuple[int, str]:
    """Exit status and what was said on stderr."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env=environment)
    return result.exit_code, result.stderr


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"PLANS_PORT": "abc"}, "PLANS_PORT: Input should be a valid integer"),
        ({"PLANS_DATABASE_URL": "nonsense"}, "PLANS_DATABASE_URL: Could not parse SQLAlchemy URL"),
        ({"PLANS_DATABASE_URL": "nonsense://x"}, "PLANS_DATABASE_URL: Can't load plugin"),
    ],
)
def test_a_setting_that_is_no_good_is_named(environment: dict[str, str], said: str) -> None:
    status, printed = run("migrate", **environment)

    assert (status, printed.startswith(said), printed.count("\n")) == (1, True, 1), printed


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "plans.db").write_text("not a database, but longer than the header of one, whatever it says " * 3)

    status, printed = run("migrate", PLANS_DATABASE_URL=f"sqlite:///{tmp_path / 'plans.db'}")

    assert (status, printed) == (1, "PLANS_DATABASE_URL: file is not a database\n")


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    write_demo_data(out=folder, organizations=1, seed=7, broken_share=0, progress=lambda _step: None)
    return folder


@pytest.mark.parametrize("damage", ["truncated", "damaged", "another table", "a folder"])
@pytest.mark.parametrize("name", ["organizations", "usage_events", "outcomes"])
def test_a_raw_table_that_cannot_be_imported_is_named_and_nothing_is_kept(
    tables: Path, tmp_path: Path, name: str, damage: str
) -> None:
    folder = Path(shutil.copytree(tables, tmp_path / "raw"))
    path, database = folder / f"{name}.parquet", f"sqlite:///{tmp_path / 'plans.db'}"
    content = path.read_bytes()
    body = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    damaged = {
        "truncated": content[: len(content) // 2],
        "damaged": content[:4] + bytes(byte ^ 0x5A for byte in content[4:body]) + content[body:],
        "another table": (folder / "integrations.parquet").read_bytes(),
    }
    path.unlink()
    if damage == "a folder":
        path.mkdir()
    else:
        path.write_bytes(damaged[damage])

    status, printed = run("import-raw", "--raw", folder, PLANS_DATABASE_URL=database)

    assert (status, f"{name}.parquet" in printed, printed.count("\n")) == (1, True, 1), printed
