"""Invoices and credit notes: issued with the charge, shown, printed, stored."""
