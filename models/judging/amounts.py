"""Amounts of a reward in words, each in its unit."""

from recommender.ranking.reward import HORIZON_MONTHS


def amount(reward: str, value: float, *, signed: bool = False) -> str:
    """A share for `acceptance` and `customer`, money in major units for `margin` and `monthly price`.

    >>> amount("acceptance", 0.583), amount("margin", 123456.0), amount("monthly price", -250.0, signed=True)
    ('58.3%', '1,234.56 in 12 months', '-2.50 a month')
    """
    sign = "+" if signed else ""
    if reward in ("acceptance", "customer"):
        return f"{value:{sign}.1%}"
    per = "a month" if reward == "monthly price" else f"in {HORIZON_MONTHS:.0f} months"
    return f"{value / 100:{sign},.2f} {per}"
