"""Who the customers are, as the host tells us."""
