"""The billing intervals in which plans are sold, from the shortest."""

from typing import Final, Literal

Interval = Literal["month", "quarter", "halfyear", "year"]

MONTHS_OF: Final[dict[Interval, int]] = {"month": 1, "quarter": 3, "halfyear": 6, "year": 12}
"""Interval → its months. Each is a multiple of the one before, so that all end together on one anchor."""
