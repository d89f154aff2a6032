"""`python -m models`: train a ranker, judge it, promote it, check what serving would load."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from models.bundle import BundleRefused
from models.champions import PromotionRefused
from models.dataset import TrainingSetRefused

if TYPE_CHECKING:
    from models.judge import Figures
    from models.offline_policy import PolicyFigures

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
console = Console(width=None if sys.stdout.isatty() else 120)
"""A table of figures needs the room; a log file has it."""

MOST_SEED: Final = 2**31 - 1
"""LightGBM reads seeds into 32 bits."""

TrainingSetFolder = Annotated[Path, typer.Option("--training-set", help="Folder with training_set.parquet and .json.")]
CatalogueFiles = Annotated[
    list[Path] | None, typer.Option("--catalogue", help="Catalogue of the decisions. [default: the reference one]")
]
OffersFiles = Annotated[
    list[Path] | None, typer.Option("--offers", help="Its offers.yml; the first belongs to the first catalogue.")
]
RegistryFolder = Annotated[Path, typer.Option("--registry", help="Folder of MLflow's store and the published bundles.")]


@app.command("train")
def train_command(
    training_set: TrainingSetFolder,
    registry: RegistryFolder,
    seed: Annotated[int, typer.Option(min=0, max=MOST_SEED, help="Same seed and data give the same model.")] = 7,
    truth: Annotated[Path | None, typer.Option(help="Demo data's truth/choices.parquet: judge against it.")] = None,
) -> None:
    """Fit a challenger, judge it on organisations kept from training, register it, and promote it if it wins."""
    from models.dataset import load_training_set
    from models.gate import verdict
    from models.registry import Registry
    from models.train import train, truth_for

    kept = Registry(registry)
    with _spoken(), console.status("reading the training set") as status:
        rows = load_training_set(training_set)
        known = truth_for(rows, truth) if truth else None
        with kept.alone():
            trained = train(rows, seed=seed, truth=known, champion=kept.champion(), progress=status.update)
            said = verdict(trained.figures)
            status.update("registering")
            registered = kept.register(trained, said)
    _print_figures(trained.figures)
    if said.promoted:
        console.print(f"[green]{registered.version} is the champion[/] (run {registered.run_id})")
    else:
        console.print(f"[yellow]{registered.version} is registered, not promoted[/]: {'; '.join(said.failed)}")


@app.command("evaluate")
def evaluate_command(
    training_set: TrainingSetFolder,
    registry: RegistryFolder,
    truth: Annotated[Path | None, typer.Option(help="Demo data's truth/choices.parquet: judge against it.")] = None,
    off_policy: Annotated[Path | None, typer.Option(help="JSON file to write for `pipelines metrics`.")] = None,
) -> None:
    """Judge the champion and the rules on the held-out organisations, and by what the log says of their first plans."""
    from models.dataset import load_training_set
    from models.evaluate import evaluate, policy_estimates
    from models.registry import Registry
    from models.report import POLICY_EXPLAINED, policy_words
    from models.train import truth_for

    with _spoken(), console.status("reading the training set") as status:
        rows = load_training_set(training_set)
        known = truth_for(rows, truth) if truth else None
        champion, challenger = Registry(registry).champion(), Registry(registry).challenger()
        found = evaluate(rows, champion=champion, challenger=challenger, truth=known, progress=status.update)
        if off_policy is not None:
            off_policy.parent.mkdir(parents=True, exist_ok=True)
            off_policy.write_text(policy_estimates(found, training_set=rows.digest).model_dump_json(indent=1), "utf-8")
    if champion is None:
        console.print("[yellow]there is no champion yet[/]; the rules answer")
    else:
        console.print(f"champion: {champion.version}")
    console.print(f"{found.decisions:,} decisions of {found.organizations:,} held-out organisations")
    _print_figures(found.figures)
    _print_policies(found.off_policy)
    console.print(" ".join(POLICY_EXPLAINED))
    for line, policy in zip(policy_words(found.off_policy), found.off_policy.values(), strict=True):
        console.print(line, style=None if policy.verdict.reliable else "yellow", highlight=False)


@app.command("promote")
def promote_command(
    version: Annotated[str, typer.Argument(help="A registered version, as `models train` printed it.")],
    registry: RegistryFolder,
) -> None:
    """Make a registered version the champion, whatever the gate said of it; a damaged bundle is refused."""
    from models.registry import Registry

    with _spoken():
        Registry(registry).promote(version)
    typer.echo(f"{version} is the champion")


@app.command("try")
def try_command(
    version: Annotated[str, typer.Argument(help="A registered version, as `models train` printed it.")],
    registry: RegistryFolder,
) -> None:
    """Make a registered version the challenger that experiments try out; the champion stays who it is."""
    from models.registry import Registry

    with _spoken():
        Registry(registry).try_out(version)
    typer.echo(f"{version} is the challenger")


@app.command("rollback")
def rollback_command(registry: RegistryFolder) -> None:
    """Make the champion before this one the champion again; once more goes one further back."""
    from models.registry import Registry

    with _spoken():
        version = Registry(registry).rollback()
    typer.echo(f"{version} is the champion again")


@app.command("audit-reasons")
def audit_reasons_command(
    *,
    training_set: TrainingSetFolder,
    registry: RegistryFolder,
    logged: Annotated[
        bool, typer.Option("--logged", help="Replay what was stored with each decision, by the ranker that took it.")
    ] = False,
    decisions: Annotated[int | None, typer.Option(min=1, help="Only so many decisions, spread evenly.")] = None,
    catalogue: CatalogueFiles = None,
    offers: OffersFiles = None,
) -> None:
    """Say which share of the shown reasons is true, attributed and counterfactually necessary; exit status 1 below all.

    Without `--logged` every decision is explained as the service would explain it today, by the champion, or by the
    rules where there is none.
    """
    from data_contracts.catalogue import OffersWithoutCatalogue, texts_of
    from models.reason_audit import audit_explanations, audit_log
    from models.registry import Registry
    from models.report import audit_words
    from models.situations import load_situations, spread
    from recommender.billing.catalogue_build import load_catalogue
    from recommender.ranking.rules import RuleRanker

    kept = Registry(registry)
    with _spoken(), console.status("reading the situations") as status:
        try:
            texts = texts_of(catalogue or [], offers or [])
        except OffersWithoutCatalogue as error:
            raise typer.BadParameter(str(error)) from error
        catalogues = [load_catalogue(*pair) for pair in texts]
        batches = spread(load_situations(training_set, catalogues), decisions)
        total = sum(map(len, batches))

        def progress(done: int) -> None:
            status.update(f"{done:,} of {total:,} decisions")

        if logged:
            audit = audit_log(batches, kept.ranker_of, progress=progress)
        else:
            audit = audit_explanations(batches, kept.champion() or RuleRanker(), progress=progress)
    for line in audit_words(audit):
        console.print(line, highlight=False, soft_wrap=True)
    if not audit.sound:
        raise typer.Exit(1)


@app.command("check-bundle")
def check_bundle(folder: Annotated[Path, typer.Argument(help="Folder with model.txt and manifest.json.")]) -> None:
    """Load a bundle and score its golden rows; exit status 1 and the reason when it may not be served."""
    from models.bundle import check

    with _spoken():
        check(folder)
    console.print("the bundle scores its golden rows as it did when it was trained")


@contextmanager
def _spoken() -> Iterator[None]:
    """Turn an expected refusal into one line on stderr and exit status 1."""
    from data_contracts.yaml_places import CatalogueFaults

    try:
        yield
    except (BundleRefused, PromotionRefused, TrainingSetRefused, CatalogueFaults, UnicodeDecodeError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    except OSError as error:
        typer.echo(f"{error.filename or 'file'}: {error.strerror or error}", err=True)
        raise typer.Exit(1) from error


def _print_figures(figures: "dict[str, Figures]") -> None:
    from models.report import COLUMNS, rows

    table = Table(title="held-out organisations")
    for name in COLUMNS:
        table.add_column(name, justify="left" if name == "ranker" else "right")
    for row in rows(figures):
        table.add_row(*row)
    console.print(table)


def _print_policies(figures: "dict[str, PolicyFigures]") -> None:
    from models.report import POLICY_COLUMNS, policy_rows

    table = Table(title="off-policy: the first plan's acceptance")
    for name in POLICY_COLUMNS:
        table.add_column(name)
    for row in policy_rows(figures):
        table.add_row(*row)
    console.print(table)


if __name__ == "__main__":
    app()
