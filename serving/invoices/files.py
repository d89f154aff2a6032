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
from serving.web.each_alone import each_alone, set_aside

Made = TypeVar("Made")

JOB: Final = "documents"
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


def make_missing(database: Database, *, now: datetime, stopping: Callable[[], bool] = lambda: False) -> int:
    """Make files of documents that have none; returns their number. Raises `PrintingUnavailable`, `SomeFailed`."""

    def make_one(number: str) -> None:
        of(database, database.reading(partial(repository.numbered, number=number)), now=now)

    missing = database.reading(partial(repository.without_files, limit=AT_ONCE, but=set_aside(JOB)))
    return each_alone(
        database, JOB, missing, make_one, name=str, now=now, fatal=printed.PrintingUnavailable, stopping=stopping
    )
