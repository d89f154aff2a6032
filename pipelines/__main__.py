"""`python -m pipelines`: checks raw tables, builds training sets and dashboards, simulates and exports data."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
console = Console()

MOST_ORGANIZATIONS: Final = 200_000
"""The most organisations; demo data is made in memory, about 30 KB for each."""

Catalogues = Annotated[
    list[Path] | None, typer.Option(help="Catalogue of the decisions; give each version; else the reference one.")
]
OffersFiles = Annotated[list[Path] | None, typer.Option(help="The offers.yml of each catalogue, in the same order.")]
ExperimentsFile = Annotated[Path | None, typer.Option(help="The service's file of experiments.")]
OffPolicyFile = Annotated[Path | None, typer.Option(help="What `models evaluate --off-policy` wrote.")]
StatusesFile = Annotated[Path | None, typer.Option(help="What `serving experiments show --out` wrote.")]
EngineName = Annotated[str, typer.Option("--engine", help="duckdb, or Spark: local[2] or spark://host:port.")]
CheckedFolder = Annotated[Path, typer.Option("--checked", help="Folder of checked tables, as `validate` writes it.")]
OutFolder = Annotated[Path, typer.Option("--out", help="Folder to write into; made if it does not exist.")]


@app.command("demo-data")
def demo_data(
    out: OutFolder,
    organizations: Annotated[int, typer.Option(min=1, max=MOST_ORGANIZATIONS, help="How many organisations.")] = 3000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed, number and day give the same data.")] = 7,
) -> None:
    """Simulate organisations, their usage and the plans they chose, with the truth beside them."""
    from pipelines.demo.write import write_demo_data

    with _errors_as_exit_codes(), console.status("making demo data") as status:
        rows = write_demo_data(
            out=out, organizations=organizations, seed=seed, with_experiments=True, progress=status.update
        )
    _print_rows("raw tables", rows)


@app.command("validate")
def validate_command(
    raw: Annotated[Path, typer.Option("--raw", help="Folder of raw tables: <table>.parquet or <table>.csv.")],
    out: OutFolder,
    engine: EngineName = "duckdb",
) -> None:
    """Check raw tables against their contracts; rows that break one are set aside with the reason.

    Writes <table>.parquet, quarantine/<table>.parquet, validation.json and report.html. Exit status 1 when a table
    as a whole is broken.
    """
    from pipelines.checking.validate import validate
    from pipelines.checking.validation_report import summary_table

    with _errors_as_exit_codes(), console.status("checking") as status:
        validation = validate(raw, out, now=datetime.now(UTC), engine=engine, progress=status.update)
    console.print(summary_table(validation))
    console.print(f"report: {out / 'report.html'}", soft_wrap=True)


@app.command("divide")
def divide_command(
    raw: Annotated[Path, typer.Option("--raw", help="Folder of raw tables: <table>.parquet.")], out: OutFolder
) -> None:
    """Divide whole raw tables by the day their rows were recorded on, ready for `run`."""
    from pipelines.daily.divide import divide

    with _errors_as_exit_codes(), console.status("dividing"):
        days = divide(raw, out)
    _print_rows("days", days)


@app.command("run")
def run_command(  # noqa: PLR0917 - options, given by name
    raw: Annotated[Path, typer.Option("--raw", help="Folder of raw days: <table>/day=YYYY-MM-DD/*.parquet.")],
    work: Annotated[Path, typer.Option("--work", help="Folder that all results and their manifest are kept in.")],
    catalogue: Catalogues = None,
    offers: OffersFiles = None,
    experiments: ExperimentsFile = None,
    off_policy: OffPolicyFile = None,
    statuses: StatusesFile = None,
    engine: EngineName = "duckdb",
) -> None:
    """Check, roll up, build the training set and compute the metrics; only what changed is computed again.

    The result is that of a run from nothing. A run that is stopped is made up for by the next. Exit status 1 when a
    table as a whole is broken; then all results stay as they were.
    """
    from pipelines.daily.run import given_in, run

    with _errors_as_exit_codes(), console.status("reading") as status:
        given = given_in(catalogue, offers, experiments=experiments, policies=off_policy, statuses=statuses)
        steps = run(raw=raw, work=work, given=given, now=datetime.now(UTC), engine=engine, progress=status.update)
    table = Table("step", "done", "seconds", title="Run")
    for step in steps:
        table.add_row(step.name, step.did, f"{step.seconds:.1f}")
    console.print(table)


@app.command("training-set")
def training_set(
    checked: CheckedFolder,
    out: OutFolder,
    catalogue: Catalogues = None,
    offers: OffersFiles = None,
    engine: EngineName = "duckdb",
) -> None:
    """Build training_set.parquet, situations.parquet and training_set.json from checked tables."""
    from data_contracts.catalogue import texts_of
    from pipelines.history.checked_tables import require_checked
    from pipelines.training.training_set import build_training_set
    from pipelines.training.usable_decisions import REASONS
    from recommender.billing.catalogue_build import load_catalogue

    with _errors_as_exit_codes():
        catalogues = [load_catalogue(*texts) for texts in texts_of(catalogue or [], offers or [])]
        require_checked(checked)
        with _bar("decisions") as bar:
            about = build_training_set(checked=checked, out=out, catalogues=catalogues, progress=bar, engine=engine)
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
    by_day: Annotated[bool, typer.Option("--by-day", help="Write the days that changed, ready for `run`.")] = False,
) -> None:
    """Write the service's database as raw tables, ready for `validate`, or the days that changed, ready for `run`."""
    from pipelines.export import export_days, export_tables

    write = export_days if by_day else export_tables
    with _errors_as_exit_codes(), console.status("exporting") as status:
        rows = write(database=database, out=out, progress=status.update)
    _print_rows("days written" if by_day else "raw tables", rows)


@app.command("metrics")
def metrics(  # noqa: PLR0917 - options, given by name
    checked: CheckedFolder,
    out: OutFolder,
    catalogue: Catalogues = None,
    offers: OffersFiles = None,
    experiments: ExperimentsFile = None,
    off_policy: OffPolicyFile = None,
    statuses: StatusesFile = None,
    engine: EngineName = "duckdb",
) -> None:
    """Compute the tables of the dashboards: journeys, charges, decisions, participants in experiments."""
    from pipelines.daily.run import given_in
    from pipelines.history.checked_tables import require_checked
    from pipelines.metrics.store import compute_and_store

    with _errors_as_exit_codes(), console.status("computing journeys"):
        require_checked(checked)
        given = given_in(catalogue, offers, experiments=experiments, policies=off_policy, statuses=statuses)
        tables = compute_and_store(
            checked=checked, out=out, catalogues=given.catalogues, experiments=given.experiments,
            policies=given.policies, statuses=given.statuses, engine=engine,
        )  # fmt: skip
    names = ("journeys", "charges", "refunds", "cancellations", "decisions", "participants")
    _print_rows("tables", {name: len(getattr(tables, name)) for name in names})


@app.command("report")
def report(  # noqa: PLR0917 - options, given by name
    out: Annotated[Path, typer.Option("--out", help="HTML file to write; it needs nothing else.")],
    metrics: Annotated[Path, typer.Option("--metrics", help="Folder that `metrics` wrote.")] = Path("var/demo/metrics"),
    locale: Annotated[str, typer.Option(help="de, en or fr.")] = "de",
    since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day (UTC).")] = None,
    until: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day (UTC).")] = None,
    template: Annotated[list[str] | None, typer.Option(help="Only this template; may be given again.")] = None,
    country: Annotated[list[str] | None, typer.Option(help="Only this country; may be given again.")] = None,
    plan: Annotated[list[str] | None, typer.Option(help="Only this plan; may be given again.")] = None,
) -> None:
    """Write the dashboards as one HTML file."""
    from data_contracts.languages import LOCALES
    from pipelines.dashboards.pages import PAGES, page
    from pipelines.dashboards.report import html_report
    from pipelines.metrics.filters import Filters
    from pipelines.metrics.store import load

    language = next((each for each in LOCALES if each == locale), None)
    if language is None:
        raise typer.BadParameter(f"there are {', '.join(LOCALES)}", param_hint="--locale")
    now = datetime.now(UTC)
    filters = Filters(
        since and since.date(), until and until.date(), tuple(template or ()), tuple(country or ()), tuple(plan or ())
    )
    with _errors_as_exit_codes(), console.status("drawing"):
        tables = load(metrics)
        pages = [page(slug, tables, locale=language, now=now, filters=filters) for slug in PAGES]
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(html_report(pages, locale=language, now=now, selection=filters.description()), encoding="utf-8")
    console.print(f"report: {out}", soft_wrap=True)


@contextmanager
def _errors_as_exit_codes() -> Iterator[None]:
    """Print faults of the input on stderr, one line each, and exit with status 1; a broken table with its summary."""
    from pydantic import ValidationError

    from data_contracts.catalogue import OffersWithoutCatalogue
    from data_contracts.yaml_reading.places import CatalogueFaults
    from pipelines.checking.results import TableBroken
    from pipelines.checking.validate import SameFolder
    from pipelines.checking.validation_report import summary_table
    from pipelines.daily.run import RunUnderWay
    from pipelines.export import ExportFailed
    from pipelines.history.checked_tables import TableUnreadable
    from pipelines.history.engine import EngineMissing
    from pipelines.metrics.store import NoMetricTables
    from pipelines.training.training_set import NothingToLearn

    try:
        yield
    except OffersWithoutCatalogue as error:
        raise typer.BadParameter(str(error)) from error
    except TableBroken as broken:
        console.print(summary_table(broken.validation))
        for reason in broken.reasons:
            typer.echo(f"broken: {reason}", err=True)
        raise typer.Exit(1) from broken
    except (
        TableUnreadable,
        EngineMissing,
        NothingToLearn,
        ExportFailed,
        SameFolder,
        NoMetricTables,
        CatalogueFaults,
        RunUnderWay,
        UnicodeDecodeError,
    ) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        typer.echo(f"{'.'.join(map(str, first['loc'])) or 'file'}: {first['msg']}", err=True)
        raise typer.Exit(1) from error
    except OSError as error:
        typer.echo(f"{error.filename or 'file'}: {error.strerror or error}", err=True)
        raise typer.Exit(1) from error


@contextmanager
def _bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar; yields the function to call with the number done and the total."""
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
