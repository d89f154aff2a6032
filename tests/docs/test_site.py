"""The documentation says what the code says, and the site can be built of it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs.api_reference import API_KEY, Call, _document, example_of, first_weeks, operations_of
from docs.tables import pages, settings_table

ROOT = Path(__file__).parents[2]
FORMS = re.compile(
    r"/session/switch|/(plans|billing|subscription)/(contact|preview|confirm|cancel|add|default|details|expiry|pay|remove|changes/.*|offer|withdraw)"
)
"""Forms of pages and what follows them: a browser sends them, within its session."""


@pytest.fixture(scope="module")
def calls() -> list[Call]:
    return first_weeks()


def test_the_pages_of_settings_and_problem_codes_are_those_of_the_code() -> None:
    stale = [file.name for file, text in pages().items() if file.read_text("utf-8") != text]

    assert stale == [], "run python -m docs.tables"


def test_every_setting_says_what_it_means() -> None:
    assert [line for line in settings_table().splitlines() if line.endswith("|  |")] == []


def test_every_operation_has_a_request_that_was_made_and_its_answer(calls: list[Call]) -> None:
    without = [
        f"{method} {path}"
        for method, path in operations_of(_document())
        if example_of(calls, method, path) is None and not FORMS.fullmatch(path)
    ]
    assert without == []


def test_no_example_shows_a_credential_but_that_of_the_demo(calls: list[Call]) -> None:
    shown = "\n".join(call.answer for call in calls)

    assert API_KEY not in shown
    assert "signing-key" not in shown


def test_every_folder_of_code_says_what_lives_in_it_and_how_to_add_one_more() -> None:
    for folder in ("data_contracts", "recommender", "pipelines", "models", "serving", "notebooks"):
        text = (ROOT / folder / "README.md").read_text("utf-8")
        assert "**One more" in text, folder
    assert (ROOT / "tests" / "README.md").exists()


def test_every_path_that_a_document_names_exists() -> None:
    """Paths between backticks, seen from the root or from the document's own folder."""
    missing = []
    for document in (*ROOT.glob("*.md"), *ROOT.glob("[a-z]*/README.md"), *ROOT.glob("docs/pages/**/*.md")):
        for path in re.findall(r"`((?:[A-Za-z_.]+/)+[A-Za-z_0-9.*-]*)(?::\w+)?`", document.read_text("utf-8")):
            if path.startswith(("var/", "quarantine/")) or "…" in path:
                continue
            found = any(list(folder.glob(path.rstrip("/"))) for folder in (ROOT, document.parent))
            if not found:
                missing.append(f"{document.relative_to(ROOT)}: {path}")
    assert missing == []


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", "docs/mkdocs.yml", "-d", str(tmp_path)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert built.returncode == 0, built.stderr[-3000:]
    assert "Plan recommendations" in (tmp_path / "index.html").read_text("utf-8")
    for page in tmp_path.rglob("*.html"):
        loaded = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="(https?://[^"]+)"', page.read_text("utf-8"))
        assert loaded == [], page
