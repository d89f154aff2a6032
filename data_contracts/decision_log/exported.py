"""One row per decision as the view `export_decisions` has it, and the rows of its candidates that it stands for."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from data_contracts.decision_log.candidates import read_frame
from data_contracts.raw.decisions import OF_DECISION

_ALIKE: Final = ("decision_id", *OF_DECISION, "recorded_at")
COLUMNS: Final = (*_ALIKE, "plans", "candidates", "figures", "frame")
"""`plans`: the number of candidates. `candidates`, `figures` and `charged` are packed beside the `frame`."""
_OF_CANDIDATE: Final = ("plan", "shown", "shown_as", "recommended", "utility", "probability", "propensity")


def candidate_rows(decision: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The rows of `data_contracts.raw.decisions` in the order of positions; `decision` has `COLUMNS`."""
    frame = read_frame(decision["frame"])
    packed = decision["charged"]
    alike = {name: decision[name] for name in _ALIKE} | {"charged": None if packed is None else frame.text_of(packed)}
    for position, each in enumerate(frame.candidates(decision["candidates"], decision["figures"]), 1):
        yield {
            **alike,
            **{name: getattr(each, name) for name in _OF_CANDIDATE},
            "position": position,
            "reasons": orjson.dumps(each.reasons).decode(),
            "features": None if each.features is None else orjson.dumps(each.features).decode(),
        }
