"""`python -m pipelines`: make demo data, check raw tables, build a training set, export the service's database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

if TYPE_CHECKING:
    from recommender.billing.catalogue import Catalogue

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
console = Console()

MOST_ORGANIZATIONS: Final = 200_000
"""Demo data is made in memory, some 30 KB of it for each organisation."""

OutFolder = Annotated[Path, typer.Option("--out", help="Folder to write into; made if it is not there.")]


@app.command("demo-data")
def demo_data(
    out: OutFolder,
    organizations: Annotated[int, typer.Option(min=1, max=MOST_ORGANIZATIONS, help="How many organisations.")] = 3000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed, number and day give the same data.")] = 7,
) -> None:
    """Make up organisations, what they used and which plans they chose, with the truth beside them."""
    from pipelines.demo_data import write_demo_data

    with _spoken(), console.status("making demo data") as status:
        rows = write_demo_data(out=out, organizations=organizations, seed=seed, progress=status.update)
    _print_rows("raw tables", rows)


@app.command("validate")
def validate_command(
    raw: Annotated[Path, typer.Option("--raw", help="Folder of raw tables: <table>.parquet or <table>.csv.")],
    out: OutFolder,
) -> None:
    """Check raw tables against their contracts; rows that break one are set aside with the reason.

    Writes <table>.parquet, quarantine/<table>.parquet, validation.json and report.html. Exit status 1 when a table
    breaks as a whole.
    """
    from pipelines.validate import validate
    from pipelines.validation import TableBroken
    from pipelines.validation_report import summary_table

    with _spoken():
        try:
            with console.status("checking") as status:
                validation = validate(raw, out, now=datetime.now(UTC), progress=status.update)
        except TableBroken as broken:
            console.print(summary_table(broken.validation))
            for reason in broken.reasons:
                typer.echo(f"broken: {reason}", err=True)
            raise typer.Exit(1) from broken
    console.print(summary_table(validation))
    console.print(f"report: {out / 'report.html'}", soft_wrap=True)


@app.command("training-set")
def training_set(
    checked: Annotated[Path, typer.Option("--checked", help="Folder of checked tables, as `validate` writes it.")],
    out: OutFolder,
    catalogue: Annotated[
        list[Path] | None,
        typer.Option(help="Catalogue that decisions were made under; give each version. [default: the reference one]"),
    ] = None,
    offers: Annotated[
        list[Path] | None, typer.Option(help="Its offers.yml; the first belongs to the first catalogue, and so on.")
    ] = None,
) -> None:
    """Build training_set.parquet and training_set.json: every decision, what was known then, what was chosen."""
    from pipelines.checked_tables import require_checked
    from pipelines.training_set import build_training_set
    from pipelines.usable_decisions import REASONS

    with _spoken():
        catalogues = _catalogues(catalogue or [], offers or [])
        require_checked(checked)
        with _bar("decisions") as bar:
            about = build_training_set(checked=checked, out=out, catalogues=catalogues, progress=bar)
    console.print(f"{about['rows']:,} rows of {about['decisions']:,} decisions, digest {about['digest'][:12]}")
    for reason, count in about["excluded"].items():
        console.print(f"left out {count:,} decisions: {REASONS[reason]}", soft_wrap=True)
    if about["features_recomputed_differ"]:
        differ, logged = about["features_recomputed_differ"], about["features_logged"]
        console.print(f"[yellow]{differ:,} of {logged:,} logged feature rows differ from those computed now[/]")
    if about["candidates_recomputed_differ"]:
        differ = about["candidates_recomputed_differ"]
        console.print(f"[yellow]{differ:,} decisions had other candidates than the rules give now[/]")


@app.command("export")
def export(
    database: Annotated[str, typer.Option("--database", help="SQLAlchemy URL of the service's database.")],
    out: OutFolder,
) -> None:
    """Write the service's database as raw tables, ready for `validate`."""
    from pipelines.export import export_tables

    with _spoken(), console.status("exporting") as status:
        rows = export_tables(database=database, out=out, progress=status.update)
    _print_rows("raw tables", rows)


def _catalogues(files: list[Path], offers: list[Path]) -> "list[Catalogue]":
    from data_contracts.catalogue import OffersWithoutCatalogue, texts_of
    from recommender.billing.catalogue_build import load_catalogue

    try:
        return [load_catalogue(*texts) for texts in texts_of(files, offers)]
    except OffersWithoutCatalogue as error:
        raise typer.BadParameter(str(error)) from error


@contextmanager
def _spoken() -> Iterator[None]:
    """Turn bad input into one line per fault on stderr and exit status 1."""
    from data_contracts.yaml_places import CatalogueFaults
    from pipelines.checked_tables import TableUnreadable
    from pipelines.export import ExportFailed
    from pipelines.training_set import NothingToLearn
    from pipelines.validate import SameFolder

    try:
        yield
    except (TableUnreadable, NothingToLearn, ExportFailed, SameFolder, CatalogueFaults, UnicodeDecodeError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    except OSError as error:
        typer.echo(f"{error.filename or 'file'}: {error.strerror or error}", err=True)
        raise typer.Exit(1) from error


@contextmanager
def _bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar, and what to call with so many done of so many."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _print_rows(title: str, rows: dict[str, int]) -> None:
    table = Table("table", title=title)
    table.add_column("rows", justify="right")
    for name, count in rows.items():
        table.add_row(name, f"{count:,}")
    console.print(table)


if __name__ == "__main__":
    app()
