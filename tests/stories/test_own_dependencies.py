"""The service runs on its own libraries: without those that train, check and report."""

import os
import signal
import socket
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from tests.architecture.test_dependencies import PINNED, ROOT
from tests.stories.from_outside import Outside

OWN = {canonicalize_name(name) for name, _version in PINNED.findall((ROOT / "requirements-serving.lock").read_text())}
HEAVY = {"altair", "duckdb", "great_expectations", "ibis", "marimo", "mlflow", "pandas", "pyarrow", "sklearn"}
REFUSING = """
import runpy, sys

class Refusing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {foreign}:
            raise ModuleNotFoundError(f"{{name}} is not in the image", name=name)

sys.meta_path.insert(0, Refusing())
sys.argv = ["serving", "run"]
runpy.run_module("serving", run_name="__main__", alter_sys=True)
"""


def foreign_modules() -> set[str]:
    """Modules installed here by distributions that are not in the service's lock."""
    return {
        module
        for module, distributions in packages_distributions().items()
        if not any(canonicalize_name(name) in OWN for name in distributions)
    }


@pytest.mark.slow
def test_a_champion_answers_and_an_invoice_is_printed_without_pandas_and_mlflow(bundles: Path, tmp_path: Path) -> None:
    foreign = foreign_modules()
    assert foreign >= HEAVY
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PLANS_")} | {
        "PLANS_DATABASE_URL": f"sqlite:///{tmp_path / 'plans.db'}",
        "PLANS_API_KEY": "own-dependencies",
        "PLANS_PORT": str(port),
        "PLANS_MODEL": str(bundles),
    }
    service = subprocess.Popen([sys.executable, "-c", REFUSING.format(foreign=foreign)], env=environment)
    try:
        outside = Outside(f"http://127.0.0.1:{port}", "own-dependencies")
        outside.wait_until_it_answers()
        seen = outside.buys_a_plan()
    finally:
        service.send_signal(signal.SIGTERM)
        service.wait(timeout=120)
    assert (seen["strategy"], seen["change"], seen["printed"]) == ("model", "applied", "%PDF")
