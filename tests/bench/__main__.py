"""Runs the measurements: `python -m tests.bench [name ...]` prints one JSON line per figure.

A measurement lives in `tests/bench/bench_<name>.py` and exposes `run()`, which yields dictionaries with at least
`figure`, `value` and one of `unit` (what the value counts) or `ratio_to` (what it is measured against).
"""

import importlib
import json
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def names_of_benches(folder: Path = HERE) -> list[str]:
    """The measurements there are, by name."""
    return sorted(path.stem.removeprefix("bench_") for path in folder.glob("bench_*.py"))


def checked_figure(figure: dict[str, Any], *, bench: str) -> dict[str, Any]:
    """The figure with its bench named; ValueError when it does not say what was measured."""
    if not {"figure", "value"} <= figure.keys() or not {"unit", "ratio_to"} & figure.keys():
        message = f"bench_{bench}.py: a figure needs figure, value and unit or ratio_to, not {sorted(figure)}"
        raise ValueError(message)
    return {"bench": bench, **figure}


def figures_of(bench: str) -> Iterable[dict[str, Any]]:
    """Runs one measurement, handing on each figure as it comes."""
    module = importlib.import_module(f"tests.bench.bench_{bench}")
    for figure in module.run():
        yield checked_figure(figure, bench=bench)


def main(wanted: Sequence[str]) -> int:
    """Prints the figures of the wanted benches, all of them when none is named; 1 when one of them failed."""
    known = names_of_benches()
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        print(f"no bench named {', '.join(unknown)}; there are: {', '.join(known) or 'none'}", file=sys.stderr)
        return 2
    failed = []
    for bench in wanted or known:
        started = time.perf_counter()
        print(f"bench {bench} ...", file=sys.stderr, flush=True)
        try:
            for figure in figures_of(bench):
                print(json.dumps(figure, ensure_ascii=False), flush=True)
        except Exception as error:  # noqa: BLE001 (one broken bench must not hide the figures of the others)
            failed.append(bench)
            print(f"bench {bench} failed: {type(error).__name__}: {error}", file=sys.stderr)
        print(f"bench {bench}: {time.perf_counter() - started:.1f} s", file=sys.stderr, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
