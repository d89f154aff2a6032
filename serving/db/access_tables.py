"""The tables of who may call and who may look: API keys, people with their sessions, and what was revoked."""

from sqlalchemy import Column, ForeignKey, String, Table, Text

from serving.db.tables import Instant, metadata

api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", String(64), primary_key=True),
    Column("name", String(200), nullable=False, comment="what it is for"),
    Column("digest", String(64), nullable=False, comment="SHA-256 of the key, which is stored nowhere"),
    Column("scopes", String(200), nullable=False, comment="separated by spaces"),
    Column("created_at", Instant, nullable=False),
    Column("created_by", String(128), nullable=False),
    Column("expires_at", Instant, comment="NULL: never"),
    Column("revoked_at", Instant),
    Column("replaced_by", String(64), comment="the key that a rotation made"),
)

people = Table(
    "people",
    metadata,
    Column("person_id", String(64), primary_key=True),
    Column("email", String(254), nullable=False, unique=True, comment="in lower case"),
    Column("name", String(200), nullable=False),
    Column("role", String(16), nullable=False, comment="viewer, analyst, product, support or admin"),
    Column("password", Text, comment="Argon2id; NULL: signs in elsewhere, or has not chosen one yet"),
    Column("subject", String(400), unique=True, comment="issuer and subject of the OpenID provider"),
    Column("created_at", Instant, nullable=False),
    Column("disabled_at", Instant),
)

people_sessions = Table(
    "people_sessions",
    metadata,
    Column("digest", String(64), primary_key=True, comment="SHA-256 of the cookie, which is stored nowhere"),
    Column("person_id", String(64), ForeignKey("people.person_id"), nullable=False, index=True),
    Column("began_at", Instant, nullable=False),
    Column("ends_at", Instant, nullable=False, comment="at the latest"),
    Column("address", String(64), nullable=False, comment="where it was begun"),
)
"""A row is deleted when its session ends."""

revocations = Table(
    "revocations",
    metadata,
    Column("name", String(200), primary_key=True, comment="organization:, token: or session: and its id"),
    Column("revoked_at", Instant, nullable=False, index=True, comment="what was issued until then no longer holds"),
)
