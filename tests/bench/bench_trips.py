"""How far a request travels through the product's files: recorded while the real service answers, on all its threads.

The world is small: two plans, one organisation on trial with a card and no usage yet; another one went the same way
before, so that what is read once per process is not counted. Counted are calls of Python functions whose code stands
in a folder of the product; a generator or coroutine that goes on after it waited is called again. A **change of file**
is a call whose file is not that of the call before it, whatever returned in between. `crossings` names the most
frequent changes, `entered` the files that are entered most often.
"""

import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any, Final

from tests.bench.recorded_world import ROOT, named
from tests.serving.lives import Life, selling

PRODUCT: Final = ("data_contracts", "recommender", "pipelines", "models", "serving")
PRICES: Final = {"basic": "10", "pro": "20"}
BEGINS: Final = "2026-01-01"
ORGANIZATIONS: Final = 60
"""In the demo world of which a training set is built."""
MOST: Final = 12
"""Crossings and entered files that are named."""


class Recorder:
    """Counts calls of product functions while a trip is under way; it listens on every thread begun after it was made.

    Making one sets the profile function of this thread and of those to come; `close` takes it away again.
    """

    def __init__(self) -> None:
        self._file_of: dict[str, str | None] = {}
        self._listening = False
        self._begin()
        sys.setprofile(self._heard)
        threading.setprofile(self._heard)

    def close(self) -> None:
        """Listen no more."""
        sys.setprofile(None)
        threading.setprofile(None)

    def _begin(self) -> None:
        self.calls: Counter[tuple[str, str]] = Counter()
        self.crossings: Counter[tuple[str, str]] = Counter()
        self._last: str | None = None

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Count from here on, from zero."""
        self._begin()
        self._listening = True
        try:
            yield
        finally:
            self._listening = False

    def figure(self, trip: str) -> dict[str, Any]:
        """What was counted: changes of file, and files, functions and calls beside them."""
        entered: Counter[str] = Counter()
        for (_, file), times in self.crossings.items():
            entered[file] += times
        return {
            "figure": trip,
            "value": self.crossings.total(),
            "unit": "changes of file",
            "files": len({file for file, _ in self.calls}),
            "functions": len(self.calls),
            "calls": self.calls.total(),
            "crossings": {f"{a} → {b}": times for (a, b), times in self.crossings.most_common(MOST)},
            "entered": dict(entered.most_common(MOST)),
        }

    def _heard(self, frame: FrameType, event: str, _: object) -> None:
        if event != "call" or not self._listening:
            return
        code = frame.f_code
        file = self._product_file(code.co_filename)
        if file is None or code.co_name == "<module>":
            return
        self.calls[file, code.co_name] += 1
        if self._last not in {None, file}:
            self.crossings[str(self._last), file] += 1
        self._last = file

    def _product_file(self, name: str) -> str | None:
        if name not in self._file_of:
            path = Path(name)
            inside = path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in PRODUCT
            self._file_of[name] = path.relative_to(ROOT).as_posix() if inside else None
        return self._file_of[name]


def run() -> Iterator[dict[str, Any]]:
    """One figure for each trip; everything is written to folders that are removed afterwards."""
    recorder = Recorder()
    try:
        with tempfile.TemporaryDirectory() as folder:
            yield from _requests(recorder, Path(folder))
        with tempfile.TemporaryDirectory() as folder:
            yield _training_set(recorder, Path(folder))
    finally:
        recorder.close()


def _requests(recorder: Recorder, folder: Path) -> list[dict[str, Any]]:
    figures = []
    with selling(folder, PRICES, begins=BEGINS) as first:
        first.service.put("second", country="US", trial_started_at=f"{BEGINS}T00:00:00Z", integrations=[])
        second = Life(first.service, "second")
        second.pays_with()
        for life in (first, second):
            done: dict[str, Any] = {}
            for trip, go in _trips(life, done).items():
                with recorder.listening():
                    done[trip] = go()
                assert done[trip].status_code < 300, done[trip].text
                if life is second:
                    figures.append(recorder.figure(trip))
    return figures


def _trips(life: Life, done: Mapping[str, Any]) -> dict[str, Callable[[], Any]]:
    """The requests, in order; what an earlier one answered stands in `done`."""
    service, owner = life.service, life.organization_id
    preview = {"plan": "basic", "interval": "month"}
    event = {
        "event_id": f"{owner}-later",
        "organization_id": owner,
        "metric": "conversations",
        "quantity": 1,
        "occurred_at": f"{BEGINS}T00:00:00Z",
    }
    return {
        "recommendation, new decision": lambda: service.get("plan-recommendations", owner),
        "recommendation, same decision": lambda: service.get("plan-recommendations", owner),
        "preview": lambda: life.post("plan-changes/preview", preview),
        "confirm, applied, invoice issued": lambda: life.confirms(done["preview"].json()),
        "usage event": lambda: service.send(event),
        "subscription": lambda: service.get("subscription", owner),
    }


def _training_set(recorder: Recorder, folder: Path) -> dict[str, Any]:
    """A small demo world made into a training set."""
    end = datetime(2026, 6, 1, tzinfo=UTC)
    named("pipelines", "write_demo_data")(
        out=folder / "raw", organizations=ORGANIZATIONS, seed=3, until=end, broken_share=0, progress=lambda _: None
    )
    texts = named("data_contracts", "reference_texts")()
    catalogue = named("recommender", "load_catalogue")(*texts)
    build = named("pipelines", "build_training_set")
    with recorder.listening():
        build(checked=folder / "raw", out=folder / "set", catalogues=[catalogue])
    return recorder.figure(f"training set of {ORGANIZATIONS} organisations")
