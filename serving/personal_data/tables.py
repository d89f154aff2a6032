"""The tables with rows about one organisation, and which of them the law requires to be kept."""

from typing import Final

from sqlalchemy import ColumnElement, Table, select

from serving.db import billing_tables, invoice_tables, payment_tables
from serving.db.operation_tables import operator_log
from serving.db.tables import metadata, organizations

KEPT: Final = frozenset(
    {
        billing_tables.charges,
        payment_tables.payment_attempts,
        payment_tables.payment_refunds,
        payment_tables.payment_reversals,
        payment_tables.ledger_entries,
        payment_tables.ledger_postings,
        invoice_tables.invoices,
        invoice_tables.invoice_files,
    }
)
"""Documents and books: ten years, Code de commerce L123-22. Erasure leaves them (GDPR, article 17 (3) b)."""


def _is_personal(table: Table) -> bool:
    if table is operator_log:  # who exported and who erased has to be known afterwards; it holds ids only
        return False
    if table is organizations or "organization_id" in table.c:
        return True
    return any(_is_personal(key.column.table) for key in table.foreign_keys)


PERSONAL: Final = tuple(table for table in metadata.sorted_tables if _is_personal(table))
"""Every table with rows about one organisation; a table comes after those that it refers to."""
ERASED: Final = tuple(table for table in PERSONAL if table not in KEPT and table is not organizations)


def rows_of(table: Table, organization_id: str) -> ColumnElement[bool]:
    """The condition that selects the rows about the organisation."""
    if "organization_id" in table.c:
        return table.c.organization_id == organization_id
    key = next(key for key in table.foreign_keys if _is_personal(key.column.table))
    return key.parent.in_(select(key.column).where(rows_of(key.column.table, organization_id)))
