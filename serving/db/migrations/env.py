"""How Alembic runs our migrations: on the connection it is handed, or the one configured by the environment."""

from alembic import context
from sqlalchemy import Connection

from serving.db.invoice_tables import invoices
from serving.db.session import VERSION_TABLE


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=invoices.metadata,
        version_table=VERSION_TABLE,
        render_as_batch=connection.dialect.name == "sqlite",
        transactional_ddl=False,  # the caller's transaction holds all of it
    )
    context.run_migrations()


_run(context.config.attributes["connection"])
