"""The archive of an organisation: one JSON file per table, and its documents as they were issued."""

from collections.abc import Iterator
from datetime import datetime
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Final
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import orjson
from sqlalchemy import Column, Connection, LargeBinary, Table, select

from serving.db import decision_log
from serving.db.billing_tables import payment_methods
from serving.db.decision_log import FRAME, WITH_FRAME
from serving.db.invoice_tables import invoice_files
from serving.db.tables import decisions
from serving.organizations import repository as organizations
from serving.personal_data.tables import PERSONAL, rows_of

HIDDEN: Final = frozenset({payment_methods.c.reference, payment_methods.c.customer})
"""The payment provider's references: left out, because they could be misused and explain nothing to a reader."""
_IN_MEMORY: Final = 4 * 1_048_576
_CHUNK: Final = 65_536
_ROWS_AT_ONCE: Final = 1_000


def archive(connection: Connection, organization_id: str, *, now: datetime) -> IO[bytes]:
    """A ZIP file, open at its beginning; a large one lies on disk until it is closed. Raises `UnknownOrganization`."""
    organizations.get(connection, organization_id)
    file = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115, the answer closes it once it is sent
    rows: dict[str, int] = {}
    with ZipFile(file, "w", ZIP_DEFLATED) as packed:
        for table in PERSONAL:
            if table is invoice_files:
                _documents(packed, connection, organization_id, now=now)
            else:
                rows[f"{table.name}.json"] = _table(packed, connection, table, organization_id, now=now)
        about = {"organization_id": organization_id, "made_at": now, "rows": rows}
        packed.writestr(_entry("about.json", now), orjson.dumps(about, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z))
    file.seek(0)
    return file


def chunks(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the file in pieces of 64 KiB, then close it."""
    with file:
        while piece := file.read(_CHUNK):
            yield piece


def _table(packed: ZipFile, connection: Connection, table: Table, organization_id: str, *, now: datetime) -> int:
    columns = [column for column in table.c if column not in HIDDEN]
    query = select(*columns, FRAME).select_from(WITH_FRAME) if table is decisions else select(*columns)
    query = query.where(rows_of(table, organization_id)).order_by(*table.primary_key.columns)
    found, count = connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(query), 0
    with packed.open(_entry(f"{table.name}.json", now), "w", force_zip64=True) as entry:
        entry.write(b"[")
        for row in found:
            entry.write((b",\n" if count else b"\n") + orjson.dumps(_row(columns, row), option=orjson.OPT_UTC_Z))
            count += 1
        entry.write(b"\n]\n")
    return count


def _row(columns: list[Column[Any]], row: Any) -> dict[str, object]:
    """The row as a mapping; columns that hold JSON are embedded as JSON, not as text; what is packed is unpacked."""
    values: dict[str, object] = {
        str(column.name): orjson.Fragment(value) if value is not None and _is_json(column) else value
        for column, value in zip(columns, row, strict=False)
        if not isinstance(column.type, LargeBinary)
    }
    return {**values, **decision_log.readable(row)} if FRAME.name in row._fields else values


def _is_json(column: Column[Any]) -> bool:
    return (column.comment or "").startswith("JSON")


def _documents(packed: ZipFile, connection: Connection, organization_id: str, *, now: datetime) -> None:
    query = select(invoice_files).where(rows_of(invoice_files, organization_id)).order_by(invoice_files.c.number)
    for row in connection.execution_options(yield_per=10).execute(query):
        packed.writestr(_entry(f"invoices/{row.number}.pdf", now), row.pdf)
        if row.xml is not None:
            packed.writestr(_entry(f"invoices/{row.number}.xml", now), row.xml)


def _entry(name: str, now: datetime) -> ZipInfo:
    entry = ZipInfo(name, now.timetuple()[:6])
    entry.compress_type = ZIP_DEFLATED
    entry.external_attr = 0o600 << 16
    return entry
