"""Prints metrics, gate conditions and off-policy estimates as tables on the terminal."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from models.judging.gate import Verdict
    from models.judging.off_policy import OffPolicyEvidence
    from models.judging.price_response import PriceResponse
    from models.judging.ranking_metrics import RankingMetrics
    from models.judging.trade_off import Ordering

console: Final = Console(width=None if sys.stdout.isatty() else 120)
"""120 columns where the output is not a terminal."""


def print_metrics(metrics: "dict[str, RankingMetrics]") -> None:
    """Print the metrics of each ranker on the hold-out."""
    from models.registry.report import COLUMNS, rows

    table = Table(title="held-out organisations")
    for name in COLUMNS:
        table.add_column(name, justify="left" if name == "ranker" else "right")
    for row in rows(metrics):
        table.add_row(*row)
    console.print(table)


def print_conditions(verdict: "Verdict") -> None:
    """Print the conditions of a verdict."""
    table = Table("condition", "met", "found", title=f"the gate: {verdict.outcome}")
    for condition in verdict.conditions:
        table.add_row(condition.name, "[green]yes[/]" if condition.met else "[red]no[/]", condition.finding)
    console.print(table)


def print_trade_off(found: "Sequence[Ordering]", *, declared: str) -> None:
    """Print what the champion would earn of each reward under each declaration; nothing without a champion."""
    from models.registry.report import trade_off_rows

    if lines := trade_off_rows(found):
        table = Table(*lines[0], title=f"trade-off of the rewards; declared: {declared}")
        for row in lines[1:]:
            table.add_row(*row)
        console.print(table)


def print_prices(found: "Sequence[PriceResponse]") -> None:
    """Print what prices did to the chance of each plan, and where nothing is known of it."""
    from models.registry.report import PRICE_COLUMNS, PRICES_EXPLAINED, price_rows, price_words

    if lines := price_rows(found):
        table = Table(*PRICE_COLUMNS, title="response to the price")
        for row in lines:
            table.add_row(*row)
        console.print(table, " ".join(PRICES_EXPLAINED))
    console.print(*(f"response to the price: {line}" for line in price_words(found)), sep="\n", highlight=False)


def print_policies(policies: "dict[str, OffPolicyEvidence]") -> None:
    """Print the off-policy estimates of each ranker."""
    from models.registry.report import POLICY_COLUMNS, policy_rows

    table = Table(title="off-policy: the first plan's acceptance")
    for name in POLICY_COLUMNS:
        table.add_column(name)
    for row in policy_rows(policies):
        table.add_row(*row)
    console.print(table)
