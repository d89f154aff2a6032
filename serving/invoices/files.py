"""PDF and XML of issued documents: made once, by the job or by whoever asks first, then kept and never made again."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Final, TypeVar

from data_contracts.invoices import Invoice
from serving.db.session import Database
from serving.invoices import printed, repository
from serving.invoices.repository import Files
from serving.web.logs import logger

Made = TypeVar("Made")

AT_ONCE: Final = 20
"""How many documents one run of the job makes at most."""

_MAKER: Final = ThreadPoolExecutor(1, thread_name_prefix="invoice-files")
"""The one thread that makes files: the XSLT processor belongs to the thread that began it."""


def of(database: Database, invoice: Invoice, *, now: datetime) -> Files:
    """The files of a document, made now if they are not kept yet. Whoever comes second gets the first one's."""
    found = database.reading(partial(repository.files, number=invoice.number))
    if found is not None:
        return found
    made = make(invoice)
    return database.writing(partial(repository.keep_files, number=invoice.number, made=made, now=now))


def make(invoice: Invoice) -> Files:
    """The files, not kept yet."""
    return in_the_makers_thread(lambda: printed.files(invoice))


def in_the_makers_thread(make: Callable[[], Made]) -> Made:
    """What `make` returns, from the one thread that the XSLT processor may be used in."""
    return _MAKER.submit(make).result()


def make_missing(database: Database, *, now: datetime) -> int:
    """Make the files of documents that have none; how many. What fails is logged, and tried again by the next run."""
    made = 0
    for invoice in database.reading(partial(repository.without_files, limit=AT_ONCE)):
        try:
            of(database, invoice, now=now)
            made += 1
        except Exception:  # noqa: BLE001  one document's fault is nobody else's
            logger().exception("invoice_files_failed", number=invoice.number)
    return made
