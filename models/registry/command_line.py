"""Helpers of the command line: options turned into values, and refusals turned into exit codes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from models.data.dataset import TrainingSetRefused
from models.registry.bundle import BundleRefused
from models.registry.promotion_history import PromotionRefused

if TYPE_CHECKING:
    from models.data.situations import Batch
    from recommender.ranking.exploration import Policy


def situations_of(folder: Path, catalogue: list[Path] | None, offers: list[Path] | None) -> "tuple[Batch, ...]":
    """The situations beside a training set, about the given catalogues or the reference catalogue."""
    from data_contracts.catalogue import OffersWithoutCatalogue, texts_of
    from models.data.situations import load_situations
    from recommender.billing.catalogue_build import load_catalogue

    try:
        texts = texts_of(catalogue or [], offers or [])
    except OffersWithoutCatalogue as error:
        raise typer.BadParameter(str(error)) from error
    return load_situations(folder, [load_catalogue(*pair) for pair in texts])


def policy_of(exploring: tuple[float, float, float] | None) -> "Policy":
    """The exploration policy of `--exploring`; no exploration without it."""
    from recommender.ranking.exploration import OFF, Policy

    try:
        return OFF if exploring is None else Policy(*exploring)
    except ValueError as error:
        raise typer.BadParameter(f"--exploring: {error}") from error


@contextmanager
def errors_as_exit_codes() -> Iterator[None]:
    """Turn an expected error into one line on stderr and exit status 1."""
    from data_contracts.yaml_reading.places import CatalogueFaults

    try:
        yield
    except (BundleRefused, PromotionRefused, TrainingSetRefused, CatalogueFaults, UnicodeDecodeError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    except OSError as error:
        typer.echo(f"{error.filename or 'file'}: {error.strerror or error}", err=True)
        raise typer.Exit(1) from error
