"""Experiments: the arm of a decision, how long it took, and what became of each experiment."""

import sqlalchemy as sa
from alembic import op

from serving.db.tables import Instant

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("decisions", sa.Column("experiment", sa.String(length=64), nullable=True))
    op.add_column(
        "decisions", sa.Column("arm", sa.String(length=64), nullable=True, comment="as drawn, whoever answered")
    )
    op.add_column("decisions", sa.Column("latency_ms", sa.Float(precision=53), nullable=True))
    op.create_index(
        op.f("ix_decisions_experiment_occurred_at"), "decisions", ["experiment", "occurred_at"], unique=False
    )
    op.create_table(
        "experiment_changes",
        sa.Column("event_id", sa.String(length=128), nullable=False, comment="what changed, so that it changes once"),
        sa.Column("experiment", sa.String(length=64), nullable=False),
        sa.Column("change", sa.String(length=16), nullable=False, comment="advanced, stopped"),
        sa.Column("stage_percent", sa.Integer(), nullable=False, comment="the stage that it has reached"),
        sa.Column(
            "reason",
            sa.String(length=300),
            nullable=False,
            comment="a guardrail and its arm, or what the operator says",
        ),
        sa.Column("detail", sa.Text(), nullable=False, comment="JSON: the figures on which it rests"),
        sa.Column("occurred_at", Instant(), nullable=False),
        sa.Column("recorded_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_experiment_changes")),
    )
    op.create_index(op.f("ix_experiment_changes_experiment"), "experiment_changes", ["experiment"], unique=False)


def downgrade() -> None:
    op.drop_table("experiment_changes")
    op.drop_index(op.f("ix_decisions_experiment_occurred_at"), table_name="decisions")
    for column in ("latency_ms", "arm", "experiment"):
        op.drop_column("decisions", column)
