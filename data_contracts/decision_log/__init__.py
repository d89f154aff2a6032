"""How the service's database stores a decision's candidates and their features in less than two kilobytes."""
