"""Calls generated from the OpenAPI document, `CALLS` for each operation: faults, and answers that it does not describe.

The calls and the checks are those of `tests/serving/web/test_openapi.py`, half of them within the document and half
outside it. To think of a call takes longer than to answer it: each is sent to a service on SQLite and to one on
PostgreSQL, which are new for each operation. A thousand calls of a hundred operations take an hour of processor time.
Each operation that has passed is noted in `var/`, and a run that was ended goes on behind it; `AGAIN=1` begins anew,
`ONLY=payment` tries the operations whose name has that word.
"""

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Err
from schemathesis.schemas import APIOperation

from serving.web.logs import configure_logs
from tests.serving.harness import running
from tests.serving.postgresql import emptied, running_server
from tests.serving.web.test_openapi import check, document

CALLS: Final = int(os.environ.get("CALLS", "1000"))
SEEN: Final = Path("var") / f"calls-{CALLS}.jsonl"


def run() -> Iterator[dict[str, Any]]:
    """A figure for each operation: how many calls it was sent, and what the first fault among them was."""
    configure_logs("error")
    if os.environ.get("AGAIN"):
        SEEN.unlink(missing_ok=True)
    passed = {each["figure"] for each in _noted() if not each["fault"]}
    with running_server() as address:
        for result in reversed([*document.get_all_operations()]):  # what is newest is described last
            if isinstance(result, Err):
                raise result.err()
            operation = result.ok()
            if operation.label in passed or os.environ.get("ONLY", "") not in operation.label:
                continue
            figure = _tried(operation, address)
            _note(figure)
            yield figure
    last = {each["figure"]: each for each in _noted()}
    sums = {name: round(sum(each[name] for each in last.values())) for name in ("value", "processor_seconds")}
    faulty = sorted(name for name, each in last.items() if each["fault"])
    yield {"figure": f"all of {len(last)} operations", "unit": "calls", **sums, "faulty": faulty}


def _noted() -> list[dict[str, Any]]:
    return [json.loads(line) for line in SEEN.read_text("utf-8").splitlines()] if SEEN.exists() else []


def _note(figure: dict[str, Any]) -> None:
    SEEN.parent.mkdir(exist_ok=True)
    with SEEN.open("a", encoding="utf-8") as file:
        file.write(json.dumps(figure) + "\n")


def _tried(operation: APIOperation[Any, Any, Any, Any], postgresql: str) -> dict[str, Any]:
    """One operation; Hypothesis ends at the first fault, and says the smallest call that has it."""
    started = time.process_time()
    sent: Counter[str] = Counter()
    with (
        TemporaryDirectory() as name,
        running(Path(name), demo_organization="acme", raise_faults=False) as here,
        running(Path(name), database_url=emptied(postgresql), demo_organization="acme", raise_faults=False) as there,
    ):
        here.put()
        there.put()

        @settings(
            max_examples=CALLS, derandomize=True, database=None, deadline=None, suppress_health_check=[*HealthCheck]
        )
        @given(case=st.one_of([operation.as_strategy(generation_mode=mode) for mode in GenerationMode]))
        def called(case: Case[Any]) -> None:
            for kind, service in (("SQLite", here), ("PostgreSQL", there)):
                sent[kind] += 1
                check(case, service)

        fault = ""
        try:
            called()
        except BaseExceptionGroup as faults:
            fault = "\n".join(str(each) for each in faults.exceptions)
        except Exception as error:  # noqa: BLE001 (what an operation does wrong is its figure)
            fault = f"{type(error).__name__}: {error}"
    seconds = round(time.process_time() - started, 1)
    figure = {"figure": operation.label, "value": sent.total(), "unit": "calls", **sent}
    return figure | {"processor_seconds": seconds, "fault": fault}
