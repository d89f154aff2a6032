"""A validation for people: a self-contained HTML page, and a table for the terminal."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from rich.table import Table

from pipelines.checking.check_table import CheckedTable
from pipelines.checking.results import Validation

TEMPLATES: Final = Path(__file__).parent / "templates"


def html_report(validation: Validation) -> str:
    """The report as one HTML page that loads nothing from other addresses."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["share"] = _share
    sections = [_section(table) for table in validation.tables.values()]
    return environment.get_template("validation_report.html").render(validation=validation, sections=sections)


def summary_table(validation: Validation) -> Table:
    """The terminal table of rows in = rows kept + rows set aside, per table and in total."""
    summary = Table(title="Raw tables", title_justify="left")
    summary.add_column("table")
    for name in ("rows in", "kept", "set aside"):
        summary.add_column(name, justify="right")
    summary.add_column("set aside for")
    for name, table in validation.tables.items():
        rules = ", ".join(f"{rule.rule} {rule.rows:,}" for rule in table.rules)
        why = "[red]broken as a whole[/red]" if table.broken else rules
        summary.add_row(name, f"{table.rows_in:,}", f"{table.rows_kept:,}", f"{table.rows_set_aside:,}", why)
    summary.add_section()
    totals = (validation.rows_in, validation.rows_kept, validation.rows_set_aside)
    summary.add_row("all", *(f"{total:,}" for total in totals), "")
    return summary


def _section(table: CheckedTable) -> dict[str, Any]:
    """The template values of one table."""
    return {
        "name": table.table.name,
        "grain": (table.table.shape.__doc__ or "").partition("\n")[0].replace("`", ""),
        "checked": table,
        "newest": f"{table.newest:%Y-%m-%d %H:%M}" if table.newest else None,
        "expectations": [_expectation(result) for result in table.results],
    }


def _expectation(result: Mapping[str, Any]) -> dict[str, Any]:
    """The template values of one expectation: the columns it checks and its result."""
    meta = result["expectation_config"]["meta"]
    found = result["result"]
    if result["exception_info"]["raised_exception"]:
        outcome = "could not be checked"
    elif "unexpected_count" in found:
        outcome = f"{found['unexpected_count']:,} of {found['element_count']:,} rows"
    else:
        outcome = f"found {found.get('observed_value')}"
    return {
        "rule": meta["rule"],
        "columns": ", ".join(meta["columns"]),
        "type": result["expectation_config"]["type"].removeprefix("expect_").replace("_", " "),
        "kept": bool(result["success"]),
        "outcome": outcome,
    }


def _share(part: int, whole: int) -> str:
    """A share in per cent that reads 0 only for none and 100 only for all."""
    if not whole or part in (0, whole):
        return "100 %" if whole and part == whole else "0 %"
    percent = 100 * part / whole
    return "< 0.1 %" if percent < 0.1 else "> 99.9 %" if percent > 99.9 else f"{percent:.1f} %"
