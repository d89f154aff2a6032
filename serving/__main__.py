"""The command line of the service."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from pydantic import ValidationError

from serving.settings import NotForProduction, SettingMissing, Settings
from serving.web.tracing import TracesMissing

if TYPE_CHECKING:
    from fastapi import FastAPI

    from serving.operators.commands import AccessCommands

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)


@app.command()
def run() -> None:
    """Answer requests until stopped; configured by the environment (PLANS_…)."""
    serve()


def serve(extend: "Callable[[FastAPI], object]" = lambda _: None) -> None:
    """Answer requests until stopped; `extend` may add to the application first."""
    from serving.app import create_app
    from serving.processes import run_service
    from serving.web.logs import configure_logs, logger

    with errors_as_exit_codes():
        settings = Settings()
        configure_logs(settings.log_level)
        service = create_app(settings)
    logger().info("starting", mode=settings.mode, payments=settings.payments, jobs=settings.jobs)
    extend(service)
    _say_what_to_open(settings)
    run_service(service, settings)


def _say_what_to_open(settings: Settings) -> None:
    address = f"http://{settings.host}:{settings.port}"
    demo = settings.demo_organization
    if demo is None:
        typer.echo(f"Serving on {address}; the API is described at {address}/openapi.json")
        return
    path = f"/v1/organizations/{demo}/plan-recommendations"
    typer.echo(f"Open {address}/?locale=de for the organisation page of {demo}, and press ⚡ Plan ändern.")
    typer.echo(f'Or ask: curl -s -H "Authorization: Bearer $PLANS_API_KEY" {address}{path}')


@app.command()
def worker(
    lanes: Annotated[list[str] | None, typer.Option("--lane", help="Only this lane: money, mails, documents …")] = None,
) -> None:
    """Run the jobs until stopped, beside services with PLANS_JOBS=worker; any number of workers may run."""
    from serving.processes import run_worker

    with errors_as_exit_codes():
        run_worker(Settings(), lanes=lanes)


@app.command()
def jobs(
    do: Annotated[str, typer.Argument(metavar="[list|run|retry|settle]", help="What to do.")] = "list",
    what: Annotated[
        list[str] | None, typer.Argument(metavar="[JOB] [ROW] [OUTCOME]", help="OUTCOME: paid, failed or done.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; kept in the operators' log.")] = "",
    by: Annotated[str, typer.Option(help="Who; unset: the user of this machine.")] = "",
) -> None:
    """List jobs and failed rows, run a job now, try a row again, or settle one by hand."""
    from serving.processes import job_commands

    with errors_as_exit_codes(), job_commands(Settings()) as commands:
        commands.do(do, *(what or ()), reason=reason, by=by)


@app.command("keys")
def api_keys(
    do: Annotated[str, typer.Argument(metavar="[list|create|rotate|revoke]", help="What to do.")] = "list",
    what: Annotated[str, typer.Argument(metavar="[NAME|KEY_ID]", help="A new key's name, or a key's id.")] = "",
    *,
    scope: Annotated[
        list[str] | None, typer.Option(help="read, write, billing, admin, dashboards; unset: all.")
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, help="A new key ends after so many days; unset: never.")] = None,
    overlap_hours: Annotated[int, typer.Option(min=0, help="So long the old key goes on beside the new one.")] = 24,
    by: Annotated[str, typer.Option(help="Who; unset: the user of this machine.")] = "",
) -> None:
    """List API keys, make one, replace one without a pause, or end one now."""
    with errors_as_exit_codes(), _access_commands(by) as commands:
        commands.keys(do, what, scope or (), days=days, overlap_hours=overlap_hours)


@app.command("people")
def people(
    do: Annotated[
        str, typer.Argument(metavar="[list|add|role|password|close|open|sign-out]", help="What to do.")
    ] = "list",
    email: Annotated[str, typer.Argument(help="Whose account.")] = "",
    *,
    name: Annotated[str, typer.Option(help="How the person is called.")] = "",
    role: Annotated[str, typer.Option(help="viewer, analyst, product, support or admin.")] = "viewer",
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password, do not ask.")] = False,
    by: Annotated[str, typer.Option(help="Who; unset: the user of this machine.")] = "",
) -> None:
    """List who may look at the dashboards, open an account, change or close it, or sign somebody out everywhere."""
    password = None
    if do in {"add", "password"}:
        asked = partial(typer.prompt, "Password", hide_input=True, confirmation_prompt=True, err=True)
        password = sys.stdin.readline().rstrip("\n") if password_stdin else asked()
    with errors_as_exit_codes(), _access_commands(by) as commands:
        commands.people(do, email, name=name, role=role, password=password)


@contextmanager
def _access_commands(by: str) -> "Iterator[AccessCommands]":
    from serving.db.migrate import migrate as apply
    from serving.db.session import Database
    from serving.operators.commands import AccessCommands

    database = Database(Settings().database_url)
    if database.embedded:
        apply(database)
    try:
        yield AccessCommands(database, by=by)
    finally:
        database.close()


@app.command()
def migrate(
    back_to: Annotated[str | None, typer.Option(help="Undo migrations down to this version, as 0014.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Change nothing; status 1 when it is at another one.")] = False,
) -> None:
    """Bring the database to the schema that this version expects, or back to an earlier one."""
    from serving.db.migrate import expected_version, migrate_back, schema_version
    from serving.db.migrate import migrate as apply
    from serving.db.session import Database

    with errors_as_exit_codes():
        database = Database(Settings().database_url)
        if check and (found := schema_version(database)) != (expected := expected_version()):
            raise NotForProduction([f"The schema is at version {found or 'none'} and must be at {expected}."])
        if back_to is not None and not check:
            migrate_back(database, back_to)
        elif not check:
            apply(database)
        typer.echo(f"The schema is at version {schema_version(database)}.")
        database.close()


@app.command("check-catalogue")
def check_catalogue(
    catalogue: Annotated[Path, typer.Argument(metavar="FILE", help="A Pricing2Yaml file.")],
    offers: Annotated[Path | None, typer.Option(help="How it is sold.")] = None,
) -> None:
    """Print what a catalogue sells as JSON, or everything that is wrong with it and where."""
    from serving.sale.check_catalogue import check_catalogue as check

    raise typer.Exit(check(catalogue, offers))


@app.command("import-raw")
def import_raw(
    raw: Annotated[Path, typer.Option(help="Folder of checked raw tables (Parquet).")],
    organizations: Annotated[int | None, typer.Option(min=1, help="Only so many organisations.")] = None,
) -> None:
    """Fill the database from raw tables; doing it again adds nothing twice."""
    from rich.progress import Progress

    from serving.db.migrate import migrate as apply
    from serving.db.session import Database
    from serving.jobs.import_raw import import_raw as fill

    with errors_as_exit_codes(), Progress(transient=True) as bars:
        database = Database(Settings().database_url, statement_seconds=0)
        apply(database)
        tasks = {}

        def show(table: str, done: int, total: int) -> None:
            if table not in tasks:
                tasks[table] = bars.add_task(table, total=total)
            bars.update(tasks[table], completed=done, total=total)

        try:
            imported = database.writing(
                lambda connection: fill(connection, raw, organizations_wanted=organizations, progress=show)
            )
        finally:
            database.close()
    for table, rows in imported.rows.items():
        typer.echo(f"{table}: {rows:,} rows")


@app.command("live-through")
def live_through(
    raw: Annotated[Path, typer.Option(help="Folder of checked raw tables (Parquet).")],
    organization: Annotated[list[str], typer.Option(help="Which one; may be given several times.")],
) -> None:
    """Let organisations of raw tables buy, use and renew their plans here, in an empty database, before an import."""
    from datetime import UTC, datetime

    from serving.live_through import live_through as live

    with errors_as_exit_codes():
        steps = live(Settings(), raw, organization, now=datetime.now(UTC))
    typer.echo(f"{', '.join(organization)}: {steps:,} steps")


@app.command("experiments")
def experiments(
    do: Annotated[str, typer.Argument(metavar="[show|stop|advance]", help="What to do.")] = "show",
    name: Annotated[str, typer.Argument(help="Which one, to stop it or let it grow.")] = "",
    reason: Annotated[str, typer.Option(help="Why it is stopped; kept with the experiment.")] = "stopped by hand",
    out: Annotated[Path | None, typer.Option(help="File for the dashboards, beside what `show` prints.")] = None,
) -> None:
    """Show how experiments are doing, stop one for good, or let one grow by a stage while all is green."""
    from serving.experiments import commands

    with errors_as_exit_codes():
        settings = Settings()
        commands.run(settings.experiments, settings.database_url, do, name, reason=reason, out=out)


@app.command()
def openapi() -> None:
    """Print the OpenAPI document."""
    import orjson

    from serving.app import create_app

    service = create_app(Settings(database_url="sqlite://"))
    sys.stdout.write(orjson.dumps(service.openapi(), option=orjson.OPT_INDENT_2).decode() + "\n")


@contextmanager
def errors_as_exit_codes() -> Iterator[None]:
    """Print errors of settings, files and databases as one line per fault on stderr, and exit with status 1."""
    from sqlalchemy.exc import SQLAlchemyError

    from data_contracts.yaml_reading.places import CatalogueFaults
    from serving.db.migrate import NoWayBack
    from serving.jobs.import_raw import DatabaseNotEmpty, RawFolderUnreadable

    try:
        yield
    except ValidationError as error:
        faults = [f"PLANS_{'.'.join(map(str, fault['loc'])).upper()}: {fault['msg']}" for fault in error.errors()]
        _end(faults, error)
    except SQLAlchemyError as error:
        _end([f"PLANS_DATABASE_URL: {str(getattr(error, 'orig', None) or error).splitlines()[0]}"], error)
    except OSError as error:
        _end([f"{error.filename or 'file'}: {error.strerror or error}"], error)
    except (
        CatalogueFaults,
        DatabaseNotEmpty,
        RawFolderUnreadable,
        SettingMissing,
        TracesMissing,
        NotForProduction,
        NoWayBack,
    ) as error:
        _end([str(error)], error)


def _end(faults: list[str], cause: Exception) -> NoReturn:
    sys.stderr.write("\n".join(faults) + "\n")
    raise typer.Exit(1) from cause


if __name__ == "__main__":
    app()
