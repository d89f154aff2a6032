"""API keys, people with their sessions, revocations; the operators' log says from where and for which organisation."""

import sqlalchemy as sa
from alembic import op

from serving.db.tables import Instant

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_LOG = "operator_log"


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("key_id", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False, comment="what it is for"),
        sa.Column("digest", sa.String(64), nullable=False, comment="SHA-256 of the key, which is stored nowhere"),
        sa.Column("scopes", sa.String(200), nullable=False, comment="separated by spaces"),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("created_by", sa.String(128), nullable=False),
        sa.Column("expires_at", Instant(), comment="NULL: never"),
        sa.Column("revoked_at", Instant()),
        sa.Column("replaced_by", sa.String(64), comment="the key that a rotation made"),
    )
    op.create_table(
        "people",
        sa.Column("person_id", sa.String(64), primary_key=True),
        sa.Column("email", sa.String(254), nullable=False, comment="in lower case"),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("role", sa.String(16), nullable=False, comment="viewer, analyst, product, support or admin"),
        sa.Column("password", sa.Text(), comment="Argon2id; NULL: signs in elsewhere, or has not chosen one yet"),
        sa.Column("subject", sa.String(400), comment="issuer and subject of the OpenID provider"),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("disabled_at", Instant()),
        sa.UniqueConstraint("email", name=op.f("uq_people_email")),
        sa.UniqueConstraint("subject", name=op.f("uq_people_subject")),
    )
    op.create_table(
        "people_sessions",
        sa.Column("digest", sa.String(64), primary_key=True, comment="SHA-256 of the cookie, which is stored nowhere"),
        sa.Column("person_id", sa.String(64), sa.ForeignKey("people.person_id"), nullable=False, index=True),
        sa.Column("began_at", Instant(), nullable=False),
        sa.Column("ends_at", Instant(), nullable=False, comment="at the latest"),
        sa.Column("address", sa.String(64), nullable=False, comment="where it was begun"),
    )
    op.create_table(
        "revocations",
        sa.Column("name", sa.String(200), primary_key=True, comment="organization:, token: or session: and its id"),
        sa.Column("revoked_at", Instant(), nullable=False, comment="what was issued until then no longer holds"),
    )
    op.add_column(_LOG, sa.Column("address", sa.String(64), nullable=True, comment="where the call came from"))
    op.add_column(_LOG, sa.Column("organization_id", sa.String(128), nullable=True, comment="whom it is about"))
    op.add_column(_LOG, sa.Column("request_id", sa.String(64), nullable=True, comment="of its line in the log"))
    op.create_index(op.f("ix_operator_log_organization_id"), _LOG, ["organization_id"])


def downgrade() -> None:
    # Keys and people are lost; the log keeps its entries, without where they came from: export it before.
    op.drop_index(op.f("ix_operator_log_organization_id"), _LOG)
    for column in ("request_id", "organization_id", "address"):
        op.drop_column(_LOG, column)
    for table in ("revocations", "people_sessions", "people", "api_keys"):
        op.drop_table(table)
