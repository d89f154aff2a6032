"""The registry: training runs, versions and the champion in MLflow on SQLite, and bundles for the service.

MLflow keeps `mlflow.db` and `artifacts` in the registry's folder. The service only reads `bundles`.
"""

import fcntl
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from models.data.dataset import TrainingSet, columns_of
from models.data.situations import Logged
from models.judging.gate_evidence import Evidence
from models.ranker.design_matrix import FEATURE_NAMES
from models.ranker.plan_ranker import PlanRanker
from models.registry.bundle import (
    CHALLENGER,
    BundleRefused,
    BundleUnchecked,
    Golden,
    Published,
    champion_version,
    check_in_child,
    load_challenger,
    load_champion,
    load_version,
    manifest_sha256,
    point_to,
    write_bundle,
)
from models.registry.gate_reports import GateReport, require_passed, write_report
from models.registry.mlflow_run import log_plots, run_metrics
from models.registry.mlflow_store import copy_code, copy_model, mlflow_store, table_of
from models.registry.model_card import model_card
from models.registry.promotion_history import Change, How, PromotionRefused, previous, record
from models.registry.pyfunc_model import DECISION, PlanRankerModel
from models.registry.report import markdown, metrics_of
from models.training.judge_challenger import Judged
from models.training.train import Trained
from recommender.ranking.ranker import Ranker
from recommender.ranking.rules import RuleRanker

NAME: Final = "plan-ranker"
CHAMPION: Final = "champion"
MANIFEST_TAG: Final = "manifest_sha256"
"""The tag with the hash of the published manifest; an edit of the manifest is found at promotion."""
GOLDEN_DECISIONS: Final = 25
PIP_REQUIREMENTS: Final = ["lightgbm>=4.7", "numpy>=2.4", "pandas>=3"]
"""Requirements of the registered model beside the copy of the code that is stored with it."""


LOCK: Final = ".in_use"
"""The name of the lock file; the system releases the lock when the process that holds it ends."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A registered version, its MLflow run, and whether it is the champion now."""

    version: str
    run_id: str
    promoted: bool


@dataclass(frozen=True, slots=True)
class Registry:
    """A registry folder, which is created at the first registration."""

    folder: Path
    check_bundle: Callable[[Path], None] = check_in_child
    """The check of a bundle before a promotion; raises `BundleRefused`."""

    @property
    def bundles(self) -> Path:
        """The folder of published bundles, which the service reads (`PLANS_MODEL`)."""
        return self.folder / "bundles"

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the registry's lock, so that no other process changes the champion meanwhile.

        `PromotionRefused` while another training or promotion holds it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / LOCK).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise PromotionRefused(f"{self.folder}: another training or promotion is under way") from error
            yield

    def champion(self) -> PlanRanker | None:
        """The champion, `None` before the first promotion; `BundleRefused` when it is damaged."""
        return load_champion(self.bundles) if (self.bundles / "champion.json").exists() else None

    def challenger(self) -> PlanRanker | None:
        """The challenger of experiments, `None` without one; `BundleRefused` when it is damaged."""
        return load_challenger(self.bundles) if (self.bundles / CHALLENGER).exists() else None

    def versions(self) -> list[str]:
        """The names of all registered versions, sorted."""
        return sorted(path.parent.name for path in self.bundles.glob("[!.]*/manifest.json"))

    def published(self, version: str) -> Published:
        """A registered version by its name; `PromotionRefused` if unknown, `BundleRefused` if damaged."""
        self._require_known(version)
        return load_version(self.bundles / version)

    def ranker_of(self, logged: Logged) -> Ranker | None:
        """The ranker that made a logged decision; `None` where it is no longer available."""
        if logged.strategy == RuleRanker.name:
            return RuleRanker() if logged.model_version == RuleRanker.version else None
        try:
            return self.published(logged.model_version or "").ranker
        except PromotionRefused:
            return None

    def register(self, trained: Trained, judged: Judged, *, try_out: bool = False) -> Registered:
        """Log a training run in MLflow, publish its bundle, and promote the version if it won.

        The run holds parameters, metrics, plots, report and model card. With `try_out` the version becomes the
        challenger of experiments instead, whatever the verdict.
        """
        verdict = judged.verdict
        with mlflow_store(self.folder, experiment=NAME) as mlflow:
            with mlflow.start_run(run_name=trained.ranker.version) as run:
                mlflow.set_tags({"data_digest": trained.learned_from.digest, "gate": verdict.outcome})
                mlflow.log_params(table_of(trained.parameters))
                mlflow.log_metrics(run_metrics(trained, judged.evidence))
                mlflow.log_dict(trained.parameters, "parameters.json")
                mlflow.log_text(markdown(trained, judged.evidence, verdict), "report.md")
                version = self._log_model(mlflow, trained)
                mlflow.log_text(model_card(trained, judged.evidence, verdict, version=version), "model_card.md")
                log_plots(mlflow, trained, judged.evidence)
                ranker = replace(trained.ranker, version=version)
                bundle = self._publish(ranker, trained, judged.evidence, run_id=run.info.run_id)
                mlflow.MlflowClient().set_model_version_tag(
                    NAME, version.split("-")[-2], MANIFEST_TAG, manifest_sha256(bundle)
                )
                mlflow.log_artifacts(str(bundle), "bundle")
            self.write_report(version, judged)
            if try_out:
                point_to(self.bundles, version, pointer_name=CHALLENGER)
            elif verdict.promoted:
                self._install(mlflow, version, "promoted")
            return Registered(version, run.info.run_id, verdict.promoted and not try_out)

    def write_report(self, version: str, judged: Judged) -> None:
        """Write the gate's report on a registered version; it replaces an earlier one."""
        at = datetime.now(UTC).isoformat()
        write_report(
            self.folder, GateReport(version, judged.champion, judged.verdict.outcome, judged.verdict.conditions, at)
        )

    def _log_model(self, mlflow: Any, trained: Trained) -> str:
        """Register the whole ranker as a pyfunc and return the name of the version."""
        sample = golden(trained.ranker, trained.holdout)
        with tempfile.TemporaryDirectory() as folder:
            work = Path(folder)
            data = write_bundle(work / "ranker", ranker=trained.ranker, golden=sample, about={})
            names = trained.holdout.decisions[: len(sample.group_sizes)]
            example = pd.DataFrame(sample.features, columns=list(FEATURE_NAMES))
            example.insert(0, DECISION, np.repeat(names, sample.group_sizes))
            info = mlflow.pyfunc.log_model(
                name="model",
                loader_module=PlanRankerModel.__module__,
                data_path=str(data),
                code_paths=[str(path) for path in copy_code(work / "code")],
                signature=mlflow.models.infer_signature(example, PlanRankerModel(trained.ranker).predict(example)),
                input_example=example,
                registered_model_name=NAME,
                pip_requirements=PIP_REQUIREMENTS,
                metadata={"feature_names": list(FEATURE_NAMES)},
            )
        version = f"{NAME}-{info.registered_model_version}-{trained.learned_from.digest[:8]}"
        copy_model(self.folder, version, artifacts=mlflow.get_logged_model(info.model_id).artifact_location)
        return version

    def _publish(self, ranker: PlanRanker, trained: Trained, evidence: Evidence, *, run_id: str) -> Path:
        about = {
            "data_digest": trained.learned_from.digest,
            "decisions": len(trained.learned_from),
            "learned_until_us": int(trained.learned_from.decided_at_us.max()),
            "run_id": run_id,
            "parameters": trained.parameters,
            "metrics": {name: asdict(metrics) for name, metrics in metrics_of(trained, evidence).items()},
        }
        return write_bundle(
            self.bundles / ranker.version, ranker=ranker, golden=golden(ranker, trained.holdout), about=about
        )

    def promote(self, version: str) -> None:
        """Make a registered version the champion, if the gate compared it with the present one and let it pass.

        Everything is checked under the lock, so the champion that the version was judged beside cannot change between
        the check and the promotion. `PromotionRefused` if the version did not pass, was judged beside another champion,
        is unknown, damaged or champion already, and while another training or promotion is under way.
        """
        self._require_known(version)
        with self.exclusive(), mlflow_store(self.folder, experiment=NAME) as mlflow:
            champion = champion_version(self.bundles)
            if version == champion:
                raise PromotionRefused(f"{version} is the champion already")
            self._check(version)
            require_passed(self.folder, version, champion=champion)
            self._install(mlflow, version, "promoted")

    def try_out(self, version: str) -> None:
        """Make a registered version the challenger that experiments try out; raises as `promote`, but asks no gate."""
        self._require_known(version)
        with self.exclusive(), mlflow_store(self.folder, experiment=NAME) as mlflow:
            self._check(version)
            self._refuse_edited(mlflow.MlflowClient(), mlflow, version)
            point_to(self.bundles, version, pointer_name=CHALLENGER)

    def rollback(self) -> str:
        """Make the previous champion the champion again and return it; `PromotionRefused` when there is none."""
        previous(self.folder, current=champion_version(self.bundles))  # raises before a lock is made in a new folder
        with self.exclusive(), mlflow_store(self.folder, experiment=NAME) as mlflow:
            version = previous(self.folder, current=champion_version(self.bundles))
            self._check(version)
            self._install(mlflow, version, "rolled back")
        return version

    def _require_known(self, version: str) -> None:
        if version not in (known := self.versions()):
            raise PromotionRefused(f"there is no version {version}; there are: {', '.join(known) or 'none'}")

    def _check(self, version: str) -> None:
        """Raise `PromotionRefused` unless the published bundle may be served; the service makes the same check."""
        try:
            self.check_bundle(self.bundles / version)
        except BundleUnchecked as unchecked:
            raise PromotionRefused(f"{version} could not be checked, try again: {unchecked.reason}") from unchecked
        except BundleRefused as refused:
            raise PromotionRefused(f"{version} may not be served: {refused.reason}") from refused

    def _refuse_edited(self, client: Any, mlflow: Any, version: str) -> None:
        """Raise `PromotionRefused` for a bundle whose manifest is not the one that was registered."""
        try:
            registered = client.get_model_version(NAME, version.split("-")[-2])
        except mlflow.MlflowException as error:
            raise PromotionRefused(f"MLflow does not know {version}: {error}") from error
        if registered.tags.get(MANIFEST_TAG) != manifest_sha256(self.bundles / version):
            raise PromotionRefused(f"{version} may not be served: its manifest is not the one that was registered")

    def _install(self, mlflow: Any, version: str, how: How) -> None:
        """Move MLflow's alias and the pointer that the service reads; if one cannot move, neither does."""
        client, number, before = mlflow.MlflowClient(), version.split("-")[-2], champion_version(self.bundles)
        self._refuse_edited(client, mlflow, version)
        try:
            alias = client.get_registered_model(NAME).aliases.get(CHAMPION)
            client.set_registered_model_alias(NAME, CHAMPION, number)
        except mlflow.MlflowException as error:
            raise PromotionRefused(f"MLflow does not know {version}: {error}") from error
        try:
            point_to(self.bundles, version)
        except OSError as error:
            if alias is None:
                client.delete_registered_model_alias(NAME, CHAMPION)
            else:
                client.set_registered_model_alias(NAME, CHAMPION, alias)
            raise PromotionRefused(f"the pointer cannot be written: {error}") from error
        record(self.folder, before=before, change=Change(version, how, datetime.now(UTC).isoformat()))


def golden(ranker: PlanRanker, holdout: TrainingSet) -> Golden:
    """The first few decisions of the hold-out with the ranker's utilities."""
    first = np.arange(len(holdout)) < GOLDEN_DECISIONS
    rows = holdout.take(first)
    features = columns_of(ranker, rows)
    return Golden(features, rows.group_sizes, ranker.utilities(features, rows.group_sizes))
