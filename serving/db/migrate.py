"""Migrate a database to the schema that this code expects."""

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from serving.db import exports
from serving.db.session import Database

VERSION_TABLE: Final = "plans_schema_version"
"""Not `alembic_version`, because MLflow uses that table and may share the server."""

_SCRIPTS = Path(__file__).parent / "migrations"


def migrate(database: Database) -> None:
    """Apply the missing migrations, in one transaction where the database can; concurrent callers take turns."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))

    def upgrade(connection: Connection) -> None:
        config.attributes["connection"] = connection
        # Views hold nothing and follow the tables: no migration speaks of them.
        exports.drop_views(connection)
        command.upgrade(config, "head")
        exports.create_views(connection)

    database.changing_schema(upgrade)


def schema_version(database: Database) -> str | None:
    """The version of the last migration applied; `None` for an empty database."""

    def read(connection: Connection) -> str | None:
        if not inspect(connection).has_table(VERSION_TABLE):
            return None
        version: str | None = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608
        return version

    return database.reading(read)


def expected_version() -> str | None:
    """The version of the newest migration in this code."""
    from alembic.script import ScriptDirectory

    return ScriptDirectory(str(_SCRIPTS)).get_current_head()
