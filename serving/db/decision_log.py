"""The log of decisions in the database: each is packed beside a frame, which is written once and read with it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Final

import orjson
from sqlalchemy import Connection, bindparam, select

from data_contracts.decision_log.candidates import Frame, LoggedCandidate, read_frame
from serving.db.inserts import add_new_row
from serving.db.queries import Query
from serving.db.tables import decision_frames, decisions

FRAME: Final = decision_frames.c.content.label("frame")
WITH_FRAME: Final = decisions.join(decision_frames, decisions.c.frame_id == decision_frames.c.frame_id)
_KNOWN: Final = Query(select(decision_frames.c.frame_id).where(decision_frames.c.frame_id == bindparam("frame_id")))


@dataclass(frozen=True)
class LoggedDecision:
    """The packed part of a decision, beside its plain columns; it is packed once, when it is first asked for."""

    frame: Frame
    content: str
    """The answer without words, as JSON."""
    charged: str | None
    """The prices charged that are not the list prices, as JSON; `None`: nowhere."""
    candidates: Sequence[LoggedCandidate]

    @cached_property
    def columns(self) -> Mapping[str, Any]:
        """The columns of `decisions` that hold it."""
        about, figures = self.frame.packed(self.candidates)
        return {
            "frame_id": self.frame.frame_id,
            "plans": len(self.candidates),
            "candidates": about,
            "figures": figures,
            "content": self.frame.packed_text(self.content),
            "charged": None if self.charged is None else self.frame.packed_text(self.charged),
        }


def keep_frame(connection: Connection, frame: Frame) -> None:
    """Store a frame unless it is stored."""
    if _KNOWN.first(connection, frame_id=frame.frame_id) is None:
        add_new_row(connection, decision_frames, "frame_id", frame_id=frame.frame_id, content=frame.text)


def content_of(row: Any) -> Any:
    """The answer without words, of a row with `content` and `frame`."""
    return orjson.loads(read_frame(row.frame).text_of(row.content))


def charged_of(row: Any) -> Any:
    """The prices charged that are not the list prices, of a row with `charged` and `frame`; `None`: nowhere."""
    return None if row.charged is None else orjson.loads(read_frame(row.frame).text_of(row.charged))


def plans_of(row: Any) -> list[str]:
    """The candidates in the order of their positions, of a row with `candidates` and `frame`."""
    return read_frame(row.frame).plans_of(row.candidates)


def readable(row: Any) -> dict[str, Any]:
    """The packed part of a whole row with its `frame`, for people who read it."""
    candidates = read_frame(row.frame).candidates(row.candidates, row.figures)
    listed = [{"position": position, **asdict(each)} for position, each in enumerate(candidates, 1)]
    return {"content": content_of(row), "charged": charged_of(row), "candidates": listed}
