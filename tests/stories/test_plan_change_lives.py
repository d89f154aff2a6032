"""Forty customers, event by event and cent by cent.

June has 30 days: Basic costs 1 € a day, Scale 2 €, Top 3 €; Desk is another family's first tier at Basic's price.
A year costs 80 % of twelve months: 288, 576 and 864 €. Steps: `take` says the lines and what is due with tax; `pass`
says what was charged meanwhile; whatever is not stated has not happened.
"""

from pathlib import Path

import pytest

from tests.serving.lives import selling
from tests.stories.scripted_lives import (
    FEW_SEATS,
    OFFERS,
    PRICES,
    START,
    START_SCALE,
    START_TOP,
    YEAR,
    YEARLY,
    Step,
    live,
)

LIVES: dict[str, list[Step]] = {
    "stays a quarter": [
        START,
        ("2025-09-01", "pass", [3000, 3000, 3000]),
        ("2025-09-01", "holds", "basic month active"),
    ],
    "starts late in the trial": [
        ("2025-06-20", "take", "basic", [3000], 3000),
        ("2025-07-20", "pass", [3000]),
    ],
    "starts with a year": [YEAR, ("2026-05-31", "pass", []), ("2026-06-01", "pass", [28800])],
    "upgrades at half time": [
        START,
        ("2025-06-16", "take", "scale", [-1500, 3000], 1500),
        ("2025-07-01", "pass", [6000]),
    ],
    "upgrades on the first instant": [START, ("2025-06-01", "take", "scale", [-3000, 6000], 3000)],
    "upgrades on the last day": [
        START,
        ("2025-06-30", "take", "top", [-100, 300], 200),
        ("2025-07-01", "pass", [9000]),
    ],
    "upgrades a second before the end": [START, ("2025-06-30T23:59:59", "take", "top", [0, 0], 0)],
    "upgrades at noon": [START, ("2025-06-30T12:00", "take", "scale", [-50, 100], 50)],
    "climbs both steps": [
        START,
        ("2025-06-11", "take", "scale", [-2000, 4000], 2000),
        ("2025-06-21", "take", "top", [-2000, 3000], 1000),
        ("2025-07-01", "pass", [9000]),
    ],
    "climbs in July, which has 31 days": [
        START,
        ("2025-07-01", "pass", [3000]),
        ("2025-07-17", "take", "scale", [-1452, 2903], 1451),
    ],
    "moves to another family for nothing": [
        START,
        ("2025-06-11", "take", "desk", [-2000, 2000], 0),
        ("2025-07-01", "pass", [3000]),
        ("2025-07-01", "holds", "desk month active"),
    ],
    "goes there and back in one instant": [
        START,
        ("2025-06-11", "take", "desk", [-2000, 2000], 0),
        ("2025-06-11", "take", "basic", [-2000, 2000], 0),
    ],
    "goes down at the end of the month": [
        START_SCALE,
        FEW_SEATS,
        ("2025-06-10", "take", "basic", [], 0),
        ("2025-06-30", "holds", "scale month active"),
        ("2025-07-01", "pass", [3000]),
        ("2025-07-01", "holds", "basic month active"),
    ],
    "thinks better of going down": [
        START_SCALE,
        FEW_SEATS,
        ("2025-06-10", "take", "basic", [], 0),
        ("2025-06-11", "cancel"),
        ("2025-07-01", "pass", [6000]),
    ],
    "replaces one way down by another": [
        START_TOP,
        FEW_SEATS,
        ("2025-06-10", "take", "scale", [], 0),
        ("2025-06-12", "take", "basic", [], 0),
        ("2025-07-01", "pass", [3000]),
    ],
    "goes up although it wanted down": [
        START_SCALE,
        FEW_SEATS,
        ("2025-06-10", "take", "basic", [], 0),
        ("2025-06-16", "take", "top", [-3000, 4500], 1500),
        ("2025-07-01", "pass", [9000]),
    ],
    "cannot go down with too many seats": [
        START_SCALE,
        ("2025-06-02", "seats", 9),
        ("2025-06-10", "want", "basic", ["seats_over_limit"]),
    ],
    "cannot go down while nobody knows its seats": [
        START_SCALE,
        ("2025-06-10", "want", "basic", ["seats_usage_unknown"]),
    ],
    "removes seats and goes down": [
        START_SCALE,
        ("2025-06-02", "seats", 9),
        ("2025-06-10", "want", "basic", ["seats_over_limit"]),
        ("2025-06-11", "seats", 5),
        ("2025-06-11", "take", "basic", [], 0),
        ("2025-07-01", "pass", [3000]),
    ],
    "is blocked when the time has come, and stays": [
        START_SCALE,
        FEW_SEATS,
        ("2025-06-10", "take", "basic", [], 0),
        ("2025-06-20", "seats", 9),
        ("2025-07-01", "pass", [6000]),
        ("2025-07-01", "holds", "scale month active"),
    ],
    "from month to year": [
        START,
        ("2025-06-16", "take", "basic year", [-1500, 28800], 27300),
        ("2026-06-16", "pass", [28800]),
    ],
    "from month to year and up": [START, ("2025-06-16", "take", "scale year", [-1500, 57600], 56100)],
    "from year to month at the end of the year": [
        YEAR,
        FEW_SEATS,
        ("2025-08-01", "take", "basic month", [], 0),
        ("2026-06-01", "pass", [3000]),
        ("2026-07-01", "pass", [3000]),
    ],
    "up within the year": [YEAR, ("2025-08-13", "take", "scale year", [-23040, 46080], 23040)],
    "up and to monthly waits for the end of the year": [
        YEAR,
        ("2025-08-01", "take", "scale month", [], 0),
        ("2026-06-01", "pass", [6000]),
    ],
    "asks for what it has": [START, ("2025-06-10", "want", "basic", ["nothing_to_change"])],
    "two cycles at ten per cent off": [
        ("2025-06-01", "take", "basic month tenth", [3000, -300], 2700),
        ("2025-08-01", "pass", [2700, 3000]),
    ],
    "takes its discount along": [
        ("2025-06-01", "take", "basic month tenth", [3000, -300], 2700),
        ("2025-06-16", "take", "scale", [-1350, 3000, -300], 1350),
        ("2025-07-01", "pass", [5400]),
        ("2025-08-01", "pass", [6000]),
    ],
    "five euro off, once": [
        ("2025-06-01", "take", "basic month five", [3000, -500], 2500),
        ("2025-07-01", "pass", [3000]),
    ],
    "half price for ever": [
        ("2025-06-01", "take", "top month ever", [9000, -4500], 4500),
        ("2025-08-01", "pass", [4500, 4500]),
    ],
    "uses too much in June": [
        START,
        ("2025-06-20", "use", 150),
        ("2025-07-01", "pass", [3500]),
        ("2025-08-01", "pass", [3000]),
    ],
    "uses too much within a year": [
        YEAR,
        ("2025-06-20", "use", 120),
        ("2025-07-01", "pass", [200]),
        ("2025-08-01", "pass", []),
    ],
    "uses just enough": [START, ("2025-06-20", "use", 100), ("2025-07-01", "pass", [3000])],
    "the card is declined at the start": [
        ("2025-06-01", "card", "tok_declined"),
        ("2025-06-01", "fail", "basic", "card_declined"),
        ("2025-06-01", "card", "tok_amex"),
        START,
    ],
    "the card has expired when it goes up": [
        START,
        ("2025-06-10", "card", "tok_expired"),
        ("2025-06-16", "fail", "scale", "card_expired"),
        ("2025-06-16", "holds", "basic month active"),
    ],
    "the account is empty at the renewal": [
        START,
        ("2025-06-10", "card", "tok_insufficient_funds"),
        ("2025-07-01", "pass", [3000]),
        ("2025-07-01", "holds", "basic month past_due"),
        ("2025-07-02", "want", "scale", ["payment_overdue"]),
        ("2025-07-02", "card", "tok_visa"),
        ("2025-07-02", "holds", "basic month active"),
    ],
    "began on the 31st": [
        ("2025-07-31", "take", "basic", [3000], 3000),
        ("2025-09-30", "pass", [3000, 3000]),
        ("2025-10-30", "pass", []),
        ("2025-10-31", "pass", [3000]),
    ],
    "began on 29 February": [
        ("2028-02-29", "take", "basic year", [28800], 28800),
        ("2029-02-28", "pass", [28800]),
        ("2032-02-28", "pass", [28800, 28800]),
        ("2032-02-29", "pass", [28800]),
    ],
    "moves down to another family": [
        START_TOP,
        ("2025-06-16", "want", "desk", ["seats_usage_unknown"]),
        ("2025-06-16", "seats", 1),
        ("2025-06-16", "take", "desk", [], 0),
        ("2025-07-01", "pass", [3000]),
    ],
    "ten years go by": [
        YEAR,
        ("2035-06-01", "pass", [28800] * 10),
    ],
}

TAXED: dict[str, tuple[str, list[Step]]] = {
    "in France": (
        "FR",
        [
            ("2025-06-01", "take", "basic", [3000], 3600),
            ("2025-06-16", "take", "scale", [-1500, 3000], 1800),
            ("2025-07-01", "pass", [7200]),
        ],
    ),
    "in Germany without a VAT id": (
        "DE",
        [("2025-06-01", "take", "basic", [3000], 3570), ("2025-07-01", "pass", [3570])],
    ),
    "in Finland": ("FI", [("2025-06-01", "take", "basic", [3000], 3765)]),
}


@pytest.mark.parametrize("name", LIVES)
def test_a_life(name: str, tmp_path: Path) -> None:
    with selling(tmp_path, PRICES, offers=OFFERS, billing=YEARLY, begins="2025-06-01") as life:
        live(life, LIVES[name])


@pytest.mark.parametrize("name", TAXED)
def test_a_taxed_life(name: str, tmp_path: Path) -> None:
    country, steps = TAXED[name]
    with selling(tmp_path, PRICES, offers=OFFERS, billing=YEARLY, begins="2025-06-01", country=country) as life:
        live(life, steps)
