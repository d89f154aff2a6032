"""All steps over a folder of raw days: check, roll up, training set, metrics; only what changed is computed again.

The result is the same as that of a run from nothing. The folder of the run holds `checked`, `training_set` and
`metrics`, as the single steps write them (tables divided by day), `parts`, which are kept from run to run, and
`manifest.json`. A run that is stopped anywhere is made up for by the next.
"""

import fcntl
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from data_contracts.catalogue import texts_of
from data_contracts.experiments import Experiment, ExperimentStatuses, read_experiments
from data_contracts.policy_estimates import PolicyEstimate, PolicyEstimates
from data_contracts.usage import COUNT_METRICS, LEVEL_METRICS, METRICS
from data_contracts.yaml_reading.places import decode
from pipelines.daily.checked_days import check_days
from pipelines.daily.manifest import Manifest, TableRecord, read_manifest
from pipelines.daily.parts import digest_of
from pipelines.daily.raw_days import raw_days
from pipelines.daily.training_days import training_days
from pipelines.daily.usage_days import Spans, UsageDays
from pipelines.history.engine import DUCKDB, TEMPORARY, Engine, open_engine
from pipelines.history.usage_within import usage_within
from pipelines.metrics.store import compute_and_store
from pipelines.training.training_set import NothingToLearn
from recommender.billing.catalogue import Catalogue
from recommender.billing.catalogue_build import load_catalogue
from recommender.ranking.ranker import IntArray

TRAINING_SET: Final = "training_set"
METRICS_FOLDER: Final = "metrics"

Progress = Callable[[str], None]


def given_in(
    catalogues: Sequence[Path] | None,
    offers: Sequence[Path] | None,
    *,
    experiments: Path | None = None,
    policies: Path | None = None,
    statuses: Path | None = None,
) -> "Given":
    """Read the files that are given; raises what their readers raise. No catalogue: the reference one."""
    texts = texts_of(catalogues or [], offers or [])
    files = [path.read_bytes() if path else b"" for path in (experiments, policies, statuses)]
    return Given(
        catalogues=[load_catalogue(*each) for each in texts],
        digest=digest_of(*(repr(each) for each in texts), *files),
        experiments=read_experiments(decode(files[0], source="experiments")) if experiments else (),
        policies=PolicyEstimates.model_validate_json(files[1]).policies if policies else (),
        statuses=ExperimentStatuses.model_validate_json(files[2]) if statuses else None,
    )


class RunUnderWay(Exception):
    """Another process works in the folder."""


@dataclass(frozen=True, slots=True)
class Given:
    """The inputs of a run besides the raw tables."""

    catalogues: Sequence[Catalogue]
    """Every version that decisions were made under."""
    digest: str
    """The digest of the files that this was read from."""
    experiments: Sequence[Experiment] = ()
    policies: Sequence[PolicyEstimate] = ()
    statuses: ExperimentStatuses | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """The report of one step."""

    name: str
    did: str
    seconds: float


@dataclass
class _Run:
    engine: Engine
    work: Path
    manifest: Manifest
    given: Given
    progress: Progress
    steps: list[Step] = field(default_factory=list)

    def all_steps(self, raw: Path, *, now: datetime) -> list[Step]:
        days = raw_days(raw)
        with self._step("check") as did:
            again = check_days(self.engine, days, self.work / "checked", self.manifest, now=now, progress=self.progress)
            total = sum(len(of_table) for of_table in days.values())
            did(f"{sum(map(len, again.values())):,} of {total:,} days of tables")
        usage = UsageDays(self.engine, self.work / "checked", self.work / "parts", self._record("usage_events").days)
        with self._step("roll up") as did:
            did(f"{usage.roll_up():,} of {len(usage.days):,} days of usage")
        made_of = self._inputs()
        with self._step("training set") as did:
            did(self._once(TRAINING_SET, made_of, lambda: self._training_set(usage)))
        with self._step("metrics") as did:
            did(self._once(METRICS_FOLDER, made_of, lambda: self._metrics(usage)))
        return self.steps

    def _training_set(self, usage: UsageDays) -> str:
        out = self.work / TRAINING_SET
        try:
            training = training_days(
                self.engine,
                usage,
                self._record("decisions"),
                parts=self.work / "parts",
                catalogues=self.given.catalogues,
                digest=self.given.digest,
            )
            days, about = training.build(
                out, progress=lambda done, of: self.progress(f"training set: {done:,} of {of:,} decisions")
            )
        except NothingToLearn as error:
            shutil.rmtree(out, ignore_errors=True)
            return str(error)
        return f"{days:,} days of decisions; {about['rows']:,} rows, digest {about['digest'][:12]}"

    def _metrics(self, usage: UsageDays) -> str:
        self.progress("metrics: computing journeys")
        tables = compute_and_store(
            checked=self.work / "checked",
            out=self.work / METRICS_FOLDER,
            catalogues=self.given.catalogues,
            experiments=self.given.experiments,
            policies=self.given.policies,
            statuses=self.given.statuses,
            usage=_UsageAsked(usage),
        )
        return f"{len(tables.journeys):,} journeys"

    def _once(self, name: str, made_of: str, make: Callable[[], str]) -> str:
        """Make something of all days, unless it is there and was made of the same."""
        if self.manifest.made.get(name) == made_of:
            return "nothing new"
        # Forgotten before it is touched: what is left of a run that was stopped here is made again.
        self.manifest.made.pop(name, None)
        self.manifest.write()
        did = make()
        self.manifest.made[name] = made_of
        self.manifest.write()
        return did

    def _inputs(self) -> str:
        kept = (
            f"{name} {day} {record.kept_sha256}"
            for name, table in self.manifest.tables.items()
            for day, record in table.days.items()
        )
        return digest_of(self.given.digest, *kept)

    def _record(self, name: str) -> TableRecord:
        return self.manifest.tables.get(name, TableRecord({}, {}))

    @contextmanager
    def _step(self, name: str) -> Iterator[Callable[[str], None]]:
        self.progress(name)
        reports: list[str] = []
        started = time.perf_counter()
        yield reports.append
        self.steps.append(Step(name, reports[0], time.perf_counter() - started))


@dataclass(frozen=True)
class _UsageAsked:
    """Usage in spans of time from what is kept of each day."""

    usage: UsageDays

    def __call__(
        self, *, names: pa.Array, organization_ids: pa.Array, since_us: IntArray, until_us: IntArray
    ) -> IntArray:
        spans = Spans(names, organization_ids, since_us, until_us)
        counted = self.usage.counted(spans, "usage_after_payments")
        read = usage_within(
            self.usage.levels(),
            organization_ids=organization_ids,
            since_us=since_us,
            until_us=until_us,
            metrics=LEVEL_METRICS,
        )
        of_metric: Mapping[str, IntArray] = {
            **{metric: counted[:, place] for place, metric in enumerate(COUNT_METRICS)},
            **{metric: read[:, place] for place, metric in enumerate(LEVEL_METRICS)},
        }
        return np.column_stack([of_metric[metric] for metric in METRICS])


def run(
    *,
    raw: Path,
    work: Path,
    given: Given,
    now: datetime,
    engine: str = DUCKDB,
    progress: Progress = lambda _sentence: None,
) -> list[Step]:
    """Bring everything below the folder `work` up to date with the raw days; returns what each step did.

    `raw`: `<table>/day=YYYY-MM-DD/*.parquet`. `now`: rows of later days are set aside. `engine`: see `open_engine`.
    `progress` is called with a sentence at each step. Raises `EngineMissing`, `RunUnderWay`; `TableUnreadable`
    for a folder that is not one of raw days; `TableBroken` when a table as a whole is broken: then everything stays as
    the last run left it.
    """
    query = open_engine(engine, within=work)
    work.mkdir(parents=True, exist_ok=True)
    with _alone(work):
        for left in work.glob(f"{TEMPORARY}*"):
            shutil.rmtree(left)
        with query as opened:
            return _Run(opened, work, read_manifest(work), given, progress).all_steps(raw, now=now)


@contextmanager
def _alone(work: Path) -> Iterator[None]:
    """Hold the folder for this run; the lock goes with the process, however it ends."""
    with (work / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RunUnderWay(f"{work}: another run is under way") from error
        yield
