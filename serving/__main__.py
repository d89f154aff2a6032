"""The service from the command line."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from serving.settings import Settings

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)


@app.command()
def run() -> None:
    """Answer requests until stopped; configured by the environment (PLANS_…)."""
    import uvicorn

    from data_contracts.yaml_places import CatalogueFaults
    from serving.app import create_app
    from serving.logs import configure_logs

    settings = Settings()
    configure_logs(settings.log_level)
    try:
        service = create_app(settings)
    except (CatalogueFaults, OSError) as error:
        sys.stderr.write(f"{error}\n")
        raise typer.Exit(1) from error
    _say_what_to_open(settings)
    uvicorn.run(service, host=settings.host, port=settings.port, access_log=False, log_level="warning")


def _say_what_to_open(settings: Settings) -> None:
    address = f"http://{settings.host}:{settings.port}"
    demo = settings.demo_organization
    if demo is None:
        typer.echo(f"Serving on {address}; the API is described at {address}/openapi.json")
        return
    path = f"/v1/organizations/{demo}/plan-recommendations"
    key = settings.api_key.get_secret_value() or "$PLANS_API_KEY"
    typer.echo(f"Open {address}/?locale=de for the organisation page of {demo}, and press ⚡ Plan ändern.")
    typer.echo(f'Or ask: curl -s -H "Authorization: Bearer {key}" {address}{path}')


@app.command()
def migrate() -> None:
    """Bring the database to the schema that this version expects."""
    from serving.db.migrate import migrate as apply
    from serving.db.migrate import schema_version
    from serving.db.session import Database

    database = Database(Settings().database_url)
    apply(database)
    typer.echo(f"The schema is at version {schema_version(database)}.")
    database.close()


@app.command("check-catalogue")
def check_catalogue(
    catalogue: Annotated[Path, typer.Argument(metavar="FILE", help="A Pricing2Yaml file.")],
    offers: Annotated[Path | None, typer.Option(help="How it is sold.")] = None,
) -> None:
    """Print what a catalogue sells as JSON, or everything that is wrong with it and where."""
    from serving.check_catalogue import check_catalogue as check

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
    from serving.import_raw import RawFolderUnreadable
    from serving.import_raw import import_raw as fill

    database = Database(Settings().database_url)
    apply(database)
    with Progress(transient=True) as bars:
        tasks = {}

        def show(table: str, done: int, total: int) -> None:
            if table not in tasks:
                tasks[table] = bars.add_task(table, total=total)
            bars.update(tasks[table], completed=done, total=total)

        try:
            imported = database.writing(
                lambda connection: fill(connection, raw, organizations_wanted=organizations, progress=show)
            )
        except RawFolderUnreadable as error:
            sys.stderr.write(f"{error}\n")
            raise typer.Exit(1) from error
        finally:
            database.close()
    for table, rows in imported.rows.items():
        typer.echo(f"{table}: {rows:,} rows")


@app.command()
def openapi() -> None:
    """Print the OpenAPI document."""
    import orjson

    from serving.app import create_app

    service = create_app(Settings(database_url="sqlite://"))
    sys.stdout.write(orjson.dumps(service.openapi(), option=orjson.OPT_INDENT_2).decode() + "\n")


if __name__ == "__main__":
    app()
