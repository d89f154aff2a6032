"""Migrate a database to the schema that this code expects."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from serving.db import exports
from serving.db.session import VERSION_TABLE, Database

if TYPE_CHECKING:
    from alembic.config import Config

_SCRIPTS = Path(__file__).parent / "migrations"


class NoWayBack(Exception):
    """A migration cannot be undone without losing what must be kept; restore the backup made before it instead."""


def migrate_back(database: Database, version: str) -> None:
    """Undo migrations down to an earlier version; raises `NoWayBack`, and changes nothing then."""
    from alembic import command

    def downgrade(connection: Connection) -> None:
        exports.drop_views(connection)
        command.downgrade(_config(connection), version)

    database.changing_schema(downgrade)


def migrate(database: Database) -> None:
    """Apply the missing migrations, in one transaction where the database can; concurrent callers take turns."""
    from alembic import command

    def upgrade(connection: Connection) -> None:
        # Views hold nothing and follow the tables: no migration speaks of them.
        exports.drop_views(connection)
        if _version_of(connection) != expected_version():
            command.upgrade(_config(connection), "head")
        exports.create_views(connection)

    database.changing_schema(upgrade)


def _config(connection: Connection) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def schema_version(database: Database) -> str | None:
    """The version of the last migration applied; `None` for an empty database."""
    return database.reading(_version_of)


def _version_of(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    version: str | None = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608
    return version


@cache
def expected_version() -> str | None:
    """The version of the newest migration in this code."""
    from alembic.script import ScriptDirectory

    return ScriptDirectory(str(_SCRIPTS)).get_current_head()
