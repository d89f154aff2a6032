"""The house as DESIGN describes it: where things live and how large they may grow."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = {"deploy", "data_contracts", "recommender", "pipelines", "models", "serving", "notebooks", "tests", "docs"}
FILES = (
    {
        "README.md",
        "pyproject.toml",
        "requirements.lock",
        "Makefile",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "LICENSE",
    }
    | {"Dockerfile", "compose.yaml", "requirements-serving.lock", "requirements-pipelines.lock"}
    | {
        "requirements-spark.lock",
        "SECURITY.md",
    }
)
LINES_OF_A_MODULE = 300
LINES_OF_A_FUNCTION = 60


def files_of_the_house() -> list[Path]:
    """Every file that is or would be committed, relative to the root."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return sorted(Path(name) for name in set(listing.split("\0")) - {""} if (ROOT / name).is_file())


HOUSE = files_of_the_house()
MODULES = [path for path in HOUSE if path.suffix == ".py"]
STYLES = [path for path in HOUSE if path.suffix == ".css"]
COLOUR = re.compile(r"#[0-9a-fA-F]{3,8}\b|\b(?:rgb|hsl)a?\([^)]*\)")
PARTS = [path for path in MODULES if path.parts[0] != "tests"]


def parsed(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), filename=str(path))


def imported_by(path: Path) -> Iterator[str]:
    """The modules that a file imports, at its top and inside its functions."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def roots_imported_under(folder: str) -> dict[str, str]:
    """Top-level package → one file under the folder that imports it."""
    return {
        module.split(".")[0]: str(path)
        for path in PARTS
        if str(path).startswith(folder + "/")
        for module in imported_by(path)
    }


def test_at_the_top_stands_only_what_the_map_shows() -> None:
    top = {path.parts[0] for path in HOUSE}
    unknown = {name for name in top - FOLDERS - FILES if not name.startswith(".")}
    assert unknown == set()


@pytest.mark.parametrize("name", sorted(FILES | FOLDERS - {"notebooks"}))
def test_everything_the_map_shows_is_there(name: str) -> None:
    assert (ROOT / name).exists()


@pytest.mark.parametrize("folder", sorted(FOLDERS - {"tests", "notebooks"}))
def test_every_folder_of_code_has_a_sentence_about_itself(folder: str) -> None:
    without = [path for path in PARTS if path.parts[0] == folder and not ast.get_docstring(parsed(path))]
    assert without == []


def test_no_module_is_longer_than_300_lines() -> None:
    too_long = {str(path): lines for path in MODULES if (lines := lines_of(path)) > LINES_OF_A_MODULE}
    assert too_long == {}


def test_no_style_sheet_is_longer_than_300_lines() -> None:
    too_long = {str(path): lines for path in STYLES if (lines := lines_of(path)) > LINES_OF_A_MODULE}
    assert too_long == {}


def test_a_style_sheet_of_the_modal_names_its_colours_once_at_its_top() -> None:
    """In the tokens that every part imports, or in its own first rule."""
    elsewhere = {
        f"{path}: {colour}"
        for path in STYLES
        if path.parent == Path("serving/modal/static") and path.name != "tokens.css"
        for colour in COLOUR.findall((ROOT / path).read_text(encoding="utf-8").partition("}")[2])
    }
    assert elsewhere == set()


def lines_of(path: Path) -> int:
    return len((ROOT / path).read_text(encoding="utf-8").splitlines())


def test_no_function_is_longer_than_60_lines() -> None:
    too_long = {
        f"{path}:{node.lineno} {node.name}": length
        for path in MODULES
        if "migrations" not in path.parts  # one statement per table, generated and never read as a story
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if (length := (node.end_lineno or 0) - node.lineno + 1) > LINES_OF_A_FUNCTION
    }
    assert too_long == {}


def test_billing_imports_the_standard_library_and_our_shapes_only() -> None:
    allowed = sys.stdlib_module_names | {"recommender", "data_contracts"}
    others = {name: path for name, path in roots_imported_under("recommender/billing").items() if name not in allowed}
    assert others == {}


def test_ranking_imports_numpy_besides() -> None:
    allowed = sys.stdlib_module_names | {"recommender", "data_contracts", "numpy"}
    others = {name: path for name, path in roots_imported_under("recommender/ranking").items() if name not in allowed}
    assert others == {}


def test_the_core_asks_nobody_for_the_time_a_file_or_chance() -> None:
    outside = {"os", "io", "pathlib", "socket", "subprocess", "random", "time", "urllib", "sqlite3", "logging"}
    assert roots_imported_under("recommender").keys() & outside == set()


def test_nobody_imports_the_tests_or_a_notebook() -> None:
    guilty = [str(path) for path in PARTS for name in imported_by(path) if name.split(".")[0] in {"tests", "notebooks"}]
    assert [path for path in guilty if not path.startswith("notebooks/")] == []


def test_the_tests_use_fakes_not_mocks() -> None:
    assert [str(path) for path in MODULES if "unittest.mock" in set(imported_by(path))] == []


def test_no_test_folder_hides_a_package() -> None:
    assert [str(path) for path in MODULES if path.parts[0] == "tests" and path.name == "__init__.py"] == []


def test_every_test_file_stands_in_a_folder_of_the_house() -> None:
    places = FOLDERS - {"tests"} | {"stories", "architecture", "modal", "bench", "conftest.py", "README.md"}
    assert {path.parts[1] for path in HOUSE if path.parts[0] == "tests"} <= places
