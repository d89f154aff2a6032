"""The commands in the folders' pages are run as they are printed, in order, on a small demo world."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from serving.db.migrate import migrate
from serving.db.session import Database
from serving.jobs.import_raw import import_raw

ROOT = Path(__file__).parents[2]
PAGES = ("pipelines", "models")
pytestmark = pytest.mark.slow


def commands() -> list[str]:
    """Every line of every shell block of the pages."""
    texts = [(ROOT / folder / "README.md").read_text("utf-8") for folder in PAGES]
    blocks = [block for text in texts for block in re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)]
    return [line for block in blocks for line in block.splitlines() if line.strip()]


@pytest.fixture
def checkout(raw: Path, tmp_path: Path) -> Path:
    """A folder with the code, an environment, and a database as `make demo` leaves it."""
    for name in ("data_contracts", "recommender", "pipelines", "models", "serving"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    database = Database(f"sqlite:///{tmp_path / 'var' / 'demo' / 'plans.db'}")
    migrate(database)
    database.writing(
        lambda connection: import_raw(connection, raw, organizations_wanted=None, progress=lambda *_: None)
    )
    database.close()
    return tmp_path


def test_the_commands_of_the_pages_run_one_after_the_other(checkout: Path) -> None:
    lines = commands()

    assert len(lines) >= 8
    for line in lines:
        done = subprocess.run(["bash", "-c", line], cwd=checkout, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{line}\n{done.stdout[-1500:]}\n{done.stderr[-1500:]}"
    assert (checkout / "var" / "report.html").stat().st_size > 10_000
    assert (checkout / "var" / "registry" / "mlflow.db").exists()
