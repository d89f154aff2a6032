"""Payments: payment methods, charges, the ledger, and the port to the payment provider."""
