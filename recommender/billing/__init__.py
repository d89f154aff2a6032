"""Money, periods, plans and what a change of plan costs, in whole cents."""
