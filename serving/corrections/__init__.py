"""Corrections by an operator: credit notes, refunds, corrections, payouts, write-offs."""
