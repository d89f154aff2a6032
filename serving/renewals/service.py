"""Close the periods of all organisations that have ended."""

from datetime import datetime

from sqlalchemy import Connection

from serving.db.session import Database
from serving.renewals import closing
from serving.renewals.booking import BooksAt
from serving.subscriptions.states import StateChangedMeanwhile
from serving.web.each_alone import each_alone
from serving.web.logs import logger


class Renewals:
    """Renews subscriptions at the end of their periods."""

    def __init__(self, database: Database, *, books: BooksAt) -> None:
        self._database = database
        self._books = books

    def close_due(self, *, now: datetime) -> int:
        """Close every window that has ended; returns the number of organisations.

        Running it twice, late or in two workers has the same result. Raises `SomeFailed`.
        """
        due = self._database.reading(lambda connection: closing.organizations_due(connection, now=now))
        return each_alone(
            self._database, "close_periods", due, lambda owner: self._close(owner, now=now), name=str, now=now
        )

    def _close(self, organization_id: str, *, now: datetime) -> None:
        def work(connection: Connection) -> bool:
            return closing.close_due(connection, self._books(now), organization_id)

        try:
            self._database.writing(work)
        except StateChangedMeanwhile:
            logger().info("closed_by_another_worker", organization_id=organization_id)
