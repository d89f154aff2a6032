"""PDF and XML of issued documents, made once by the job or on first request, then stored."""

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
"""The most documents that one run of the job makes."""

_MAKER: Final = ThreadPoolExecutor(1, thread_name_prefix="invoice-files")
"""The one thread that makes files, because the XSLT processor works in the thread that created it only."""


def of(database: Database, invoice: Invoice, *, now: datetime) -> Files:
    """The stored files of a document, made now if there are none; of two concurrent makers the first one wins."""
    found = database.reading(partial(repository.files, number=invoice.number))
    if found is not None:
        return found
    made = make(invoice)
    return database.writing(partial(repository.keep_files, number=invoice.number, made=made, now=now))


def make(invoice: Invoice) -> Files:
    """Make the files of a document without storing them."""
    return in_the_makers_thread(lambda: printed.files(invoice))


def in_the_makers_thread(make: Callable[[], Made]) -> Made:
    """Run `make` in the one thread that may use the XSLT processor, and return its result."""
    return _MAKER.submit(make).result()


def make_missing(database: Database, *, now: datetime) -> int:
    """Make files of documents that have none; returns their number. A failure is logged and tried again later."""
    made = 0
    for invoice in database.reading(partial(repository.without_files, limit=AT_ONCE)):
        try:
            of(database, invoice, now=now)
            made += 1
        except Exception:  # noqa: BLE001  a failure of one document must not stop the others
            logger().exception("invoice_files_failed", number=invoice.number)
    return made
