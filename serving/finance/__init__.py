"""For the operator's accounting: invoices of all organisations, the VAT report, statements of account."""
