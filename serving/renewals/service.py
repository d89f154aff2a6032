"""Close the periods of all organisations that have ended."""

from datetime import datetime

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from serving.db.session import Database
from serving.renewals import closing
from serving.renewals.booking import BooksAt
from serving.subscriptions.states import StateChangedMeanwhile
from serving.web.logs import logger


class Renewals:
    """Renews subscriptions at the end of their periods."""

    def __init__(self, database: Database, *, books: BooksAt) -> None:
        self._database = database
        self._books = books

    def close_due(self, *, now: datetime) -> int:
        """Close every window that has ended; returns the number of organisations.

        Running it twice, late or in two workers has the same result. A failure of one organisation is logged and tried
        again the next time; the others are closed all the same.
        """
        done = 0
        for organization_id in self._database.reading(
            lambda connection: closing.organizations_due(connection, now=now)
        ):

            def work(connection: Connection, owner: str = organization_id) -> bool:
                return closing.close_due(connection, self._books(now), owner)

            try:
                done += self._database.writing(work)
            except (StateChangedMeanwhile, IntegrityError):
                logger().info("closed_by_another_worker", organization_id=organization_id)
            except Exception:  # noqa: BLE001  a failure of one organisation must not stop the others
                logger().exception("closing_failed", organization_id=organization_id)
        return done
