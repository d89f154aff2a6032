"""Random histories in which money comes and goes: how many documents and books were judged, and all agreed.

`HISTORIES=500 python -m tests.bench histories`. Each history is a customer over HTTP beside nine others: VAT ids,
moves, changes of rate, chargebacks, refunds, partial transfers, cancellations, pauses, seats and campaigns. Every
document passes the rules of EN 16931; receivables, liabilities and tax accounts are what documents and answers say.
The first disagreement ends it.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.serving.invoices.test_invoice_histories import try_histories


def run() -> Iterator[dict[str, object]]:
    """What was tried without a disagreement."""
    begun = time.process_time()
    with TemporaryDirectory() as folder:
        tried = try_histories(int(os.environ.get("HISTORIES", "500")), Path(folder))
    spent = time.process_time() - begun
    yield {"figure": "histories without a disagreement", "value": tried.histories, "unit": "customers"}
    yield {"figure": "conforming documents", "value": tried.documents, "unit": "documents"}
    yield {"figure": "moves by campaigns", "value": tried.moved, "unit": "moves"}
    yield {"figure": "processor time", "value": round(spent, 1), "unit": "s"}
