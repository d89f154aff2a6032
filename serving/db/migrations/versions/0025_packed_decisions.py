"""A decision is one row: its candidates and their features are packed beside a frame that many decisions share."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import orjson
import sqlalchemy as sa
from alembic import op

from data_contracts.decision_log.candidates import Frame, LoggedCandidate, common_frame, read_frame

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_AT_ONCE = 500
"""Decisions of one catalogue and interval that share a frame."""
_REFERENCE = "CONSTRAINT fk_decisions_frame_id REFERENCES decision_frames (frame_id)"
_COMMENTS = {
    "frame_id": "what this decision is packed beside (data_contracts.decision_log)",
    "plans": "how many candidates",
    "candidates": "packed JSON: plans by position, which are shown and why, reasons",
    "figures": "packed: utility, probability, propensity and features of each candidate",
    "content": "packed JSON: the answer without its words",
    "charged": "packed JSON: plan, what is charged for it where that is not the list price; NULL: nowhere",
}
_PLANS = (
    "SELECT decision_id, plan, shown, shown_as, recommended, utility, probability, propensity, reasons, features"
    " FROM decision_plans WHERE decision_id IN :ids ORDER BY decision_id, position"
)
_PACKED = sa.text(
    "UPDATE decisions SET frame_id = :frame_id, plans = :plans, candidates = :candidates, figures = :figures,"
    " packed_content = :content, packed_charged = :charged WHERE decision_id = :id"
)
_UNPACKED = sa.text("UPDATE decisions SET text_content = :content, text_charged = :charged WHERE decision_id = :id")
_HEADERS = "SELECT {} FROM decisions d {} WHERE d.decision_id IN :ids ORDER BY d.decision_id"


def upgrade() -> None:
    op.create_table(
        "decision_frames",
        sa.Column("frame_id", sa.String(16), nullable=False, comment="the beginning of the content's SHA-256"),
        sa.Column(
            "content", sa.Text(), nullable=False, comment="JSON: features, plans, and a sample of figures, nobody's"
        ),
        sa.PrimaryKeyConstraint("frame_id", name=op.f("pk_decision_frames")),
    )
    op.execute(f"ALTER TABLE decisions ADD COLUMN frame_id VARCHAR(16) {_REFERENCE}")
    op.add_column("decisions", sa.Column("plans", sa.Integer(), comment=_COMMENTS["plans"]))
    for name in ("candidates", "figures"):
        op.add_column("decisions", sa.Column(name, sa.LargeBinary(), comment=_COMMENTS[name]))
    _add("packed", sa.LargeBinary())
    connection = op.get_bind()
    for ids in _in_parts(connection):
        _pack(connection, ids)
    _replace("packed")
    op.drop_table("decision_plans")
    if connection.dialect.name == "postgresql":
        for name in ("frame_id", "content", "charged"):
            op.execute(f"COMMENT ON COLUMN decisions.{name} IS '{_COMMENTS[name]}'")


def downgrade() -> None:
    op.create_table(
        "decision_plans",
        sa.Column("decision_id", sa.String(128), sa.ForeignKey("decisions.decision_id"), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("plan", sa.String(128), nullable=False),
        sa.Column("shown", sa.Boolean(), nullable=False),
        sa.Column("recommended", sa.Boolean(), nullable=False),
        sa.Column("utility", sa.Float(53), nullable=False),
        sa.Column("probability", sa.Float(53), nullable=False),
        sa.Column("propensity", sa.Float(53), nullable=False),
        sa.Column("reasons", sa.Text(), nullable=False, comment="JSON list"),
        sa.Column("features", sa.Text(), nullable=True, comment="JSON object: feature name → value"),
        sa.Column("shown_as", sa.String(32), nullable=True, comment="the rule of the row of cards"),
        sa.PrimaryKeyConstraint("decision_id", "position", name=op.f("pk_decision_plans")),
        sqlite_with_rowid=False,
    )
    _add("text", sa.Text())
    connection = op.get_bind()
    for ids in _in_parts(connection):
        _unpack(connection, ids)
    _replace("text")
    for name in ("figures", "candidates", "plans", "frame_id"):
        op.drop_column("decisions", name)
    op.drop_table("decision_frames")


def _add(prefix: str, kind: sa.Text | sa.LargeBinary) -> None:
    for name in ("content", "charged"):
        op.add_column("decisions", sa.Column(f"{prefix}_{name}", kind))


def _replace(prefix: str) -> None:
    for name in ("content", "charged"):
        op.drop_column("decisions", name)
        op.execute(f"ALTER TABLE decisions RENAME COLUMN {prefix}_{name} TO {name}")


def _in_parts(connection: sa.Connection) -> Iterator[Sequence[str]]:
    """The ids of all decisions, those of one catalogue and interval together."""
    query = "SELECT catalogue_version, interval, decision_id FROM decisions ORDER BY 1, 2, 3"
    for _, rows in groupby(connection.execute(sa.text(query)).all(), key=lambda row: tuple(row)[:2]):
        ids = [row.decision_id for row in rows]
        yield from (ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE))


def _pack(connection: sa.Connection, ids: Sequence[str]) -> None:
    found = _all(connection, _PLANS, ids)
    candidates = {of: [_candidate(row) for row in rows] for of, rows in groupby(found, key=lambda row: row.decision_id)}
    frame = common_frame(list(candidates.values()))
    _keep(connection, frame)
    changes = []
    for row in _all(connection, _HEADERS.format("decision_id, content, charged", ""), ids):
        about, figures = frame.packed(candidates.get(row.decision_id, []))
        changes.append(
            {
                "id": row.decision_id,
                "frame_id": frame.frame_id,
                "plans": len(candidates.get(row.decision_id, [])),
                "candidates": about,
                "figures": figures,
                "content": frame.packed_text(row.content),
                "charged": None if row.charged is None else frame.packed_text(row.charged),
            }
        )
    connection.execute(_PACKED, changes)


def _candidate(row: Any) -> LoggedCandidate:
    return LoggedCandidate(
        row.plan,
        bool(row.shown),
        row.shown_as,
        bool(row.recommended),
        row.utility,
        row.probability,
        row.propensity,
        reasons=orjson.loads(row.reasons),
        features=None if row.features is None else orjson.loads(row.features),
    )


def _keep(connection: sa.Connection, frame: Frame) -> None:
    connection.execute(
        sa.text("INSERT INTO decision_frames (frame_id, content) VALUES (:id, :content) ON CONFLICT DO NOTHING"),
        {"id": frame.frame_id, "content": frame.text},
    )


def _unpack(connection: sa.Connection, ids: Sequence[str]) -> None:
    columns = "d.decision_id, d.content, d.charged, d.candidates, d.figures, f.content AS frame"
    frames = "JOIN decision_frames f ON f.frame_id = d.frame_id"
    texts, plans = [], []
    for row in _all(connection, _HEADERS.format(columns, frames), ids):
        frame = read_frame(row.frame)
        charged = None if row.charged is None else frame.text_of(row.charged)
        texts.append({"id": row.decision_id, "content": frame.text_of(row.content), "charged": charged})
        for position, each in enumerate(frame.candidates(row.candidates, row.figures), 1):
            plans.append({"id": row.decision_id, "position": position, **_columns(each)})
    connection.execute(_UNPACKED, texts)
    for start in range(0, len(plans), _AT_ONCE):
        connection.execute(_ADD_PLAN, plans[start : start + _AT_ONCE])


_ADD_PLAN = sa.text(
    "INSERT INTO decision_plans (decision_id, position, plan, shown, shown_as, recommended, utility, probability,"
    " propensity, reasons, features) VALUES (:id, :position, :plan, :shown, :shown_as, :recommended, :utility,"
    " :probability, :propensity, :reasons, :features)"
)


def _columns(candidate: LoggedCandidate) -> dict[str, Any]:
    values = {name: getattr(candidate, name) for name in LoggedCandidate.__dataclass_fields__}
    features = None if candidate.features is None else orjson.dumps(candidate.features).decode()
    return {**values, "reasons": orjson.dumps(candidate.reasons).decode(), "features": features}


def _all(connection: sa.Connection, query: str, ids: Sequence[str]) -> Sequence[Any]:
    return connection.execute(sa.text(query).bindparams(sa.bindparam("ids", expanding=True)), {"ids": ids}).all()
