"""Starting the service with a champion, against `import fastapi`: processor time and memory of a process of its own.

Both take turns. The service's database exists already, as at each start but the first.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any, Final

from tests.bench.recorded_training import trained
from tests.bench.recorded_world import Sink

ROUNDS: Final = 7
TRAINED_ON: Final = 60
"""Organisations of the demo data that the champion learns from."""
_SPENT: Final = """
import json, resource
used = resource.getrusage(resource.RUSAGE_SELF)
pages = int(open("/proc/self/statm").read().split()[1])
print(json.dumps([used.ru_utime + used.ru_stime, pages * resource.getpagesize() / 1_000_000]))
"""
_SERVICE: Final = """
from pathlib import Path
from serving.app import create_app
from serving.settings import Settings
create_app(Settings(
    database_url="sqlite:///{folder}/plans.db", api_key="bench", signing_key="bench",
    sandbox_webhook_secret="bench", model=Path("{folder}/registry/bundles"),
))
"""


def run() -> Iterator[dict[str, Any]]:
    """The figures, each the median over the rounds; everything is written to a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        trained(folder, Sink(StringIO()), organizations=TRAINED_ON)
        service = _SERVICE.format(folder=folder)
        _spent(service)
        rounds = [(_spent(service), _spent("import fastapi")) for _ in range(ROUNDS)]
    seconds, megabytes = zip(*(started for started, _ in rounds), strict=True)
    yield {
        "figure": "start with a champion",
        "value": round(statistics.median(started[0] / least[0] for started, least in rounds), 2),
        "ratio_to": "import fastapi",
        "processor_seconds": round(statistics.median(seconds), 2),
    }
    yield {"figure": "memory after the start", "value": round(statistics.median(megabytes)), "unit": "MB"}


def _spent(program: str) -> tuple[float, float]:
    """Processor seconds and resident megabytes of a process that runs this."""
    command = [sys.executable, "-c", program + _SPENT]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    seconds, megabytes = json.loads(said.splitlines()[-1])
    return seconds, megabytes
