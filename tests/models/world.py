"""A small demo world as a training set, made by the real pipeline."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from data_contracts.catalogue import reference_texts
from pipelines.demo.write import write_demo_data
from pipelines.training.training_set import build_training_set
from recommender.billing.catalogue_build import load_catalogue

END: Final = datetime(2026, 6, 1, tzinfo=UTC)


def silent(_step: str) -> None:
    """A progress callback that does nothing."""


def built(root: Path, *, organizations: int, with_promotion: bool = False) -> Path:
    """The folder with `raw` tables of so many organisations, their truth, and the training `set` built from them."""
    write_demo_data(
        out=root / "raw",
        organizations=organizations,
        seed=3,
        until=END,
        broken_share=0,
        with_promotion=with_promotion,
        progress=silent,
    )
    build_training_set(checked=root / "raw", out=root / "set", catalogues=[load_catalogue(*reference_texts())])
    return root
