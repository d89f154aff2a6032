"""What an operator puts right: credit notes, refunds, corrections, payouts, write-offs."""
