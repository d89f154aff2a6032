"""The service from the command line."""

import sys

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
    uvicorn.run(service, host=settings.host, port=settings.port, access_log=False, log_level="warning")


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


@app.command()
def openapi() -> None:
    """Print the OpenAPI document."""
    import orjson

    from serving.app import create_app

    service = create_app(Settings(database_url="sqlite://"))
    sys.stdout.write(orjson.dumps(service.openapi(), option=orjson.OPT_INDENT_2).decode() + "\n")


if __name__ == "__main__":
    app()
