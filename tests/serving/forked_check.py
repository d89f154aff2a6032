"""The check of a bundle in a child that has LightGBM loaded already: for tests that make it hundreds of times."""

import multiprocessing
import os
from pathlib import Path

from models.registry.bundle import CHILD_SECONDS, BundleRefused, BundleUnchecked, check

FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload(["tests.serving.forked_check", "lightgbm"])


def check_forked(folder: Path) -> None:
    """As `models.registry.bundle.check_in_child`."""
    child = FORKED.Process(target=quietly, args=(folder,))
    child.start()
    child.join(CHILD_SECONDS)
    if child.is_alive():
        child.kill()
        raise BundleUnchecked("it did not score its golden rows in time")
    if child.exitcode != 0:
        raise BundleRefused(f"the process that loaded it ended with {child.exitcode}")


def quietly(folder: Path) -> None:
    """`check` without its last words, which would be thousands."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    check(folder)
