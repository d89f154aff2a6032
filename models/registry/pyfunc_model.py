"""The registered MLflow model: the whole plan ranker as a pyfunc, scoring tables of candidates.

MLflow calls `_load_pyfunc` with the folder of a bundle that is stored with the model, beside a copy of the code. Load
it with `mlflow.pyfunc.load_model("models:/plan-ranker@champion")`, or from the folder `models/<version>` of a registry,
which works wherever the registry was moved to. The service does not use it: it loads checked bundles.
"""

from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from models.choice.group_softmax import softmax_by_group
from models.judging.ranking_metrics import positions_by_group
from models.ranker.design_matrix import FEATURE_NAMES
from models.ranker.plan_ranker import PlanRanker
from models.registry.bundle import read_version

DECISION: Final = "decision"
"""The column that says which candidates belong together; any text."""
COLUMNS: Final = (DECISION, *FEATURE_NAMES)


class PlanRankerModel:
    """Scores tables of candidates with a plan ranker.

    >>> from models.ranker.plan_ranker import LINEAR_COLUMNS
    >>> from models.ranker.training_coverage import TrainingCoverage
    >>> ranker = PlanRanker("example", None, np.zeros(LINEAR_COLUMNS), TrainingCoverage({}, {}))
    >>> candidates = pd.DataFrame(np.zeros((2, len(FEATURE_NAMES))), columns=FEATURE_NAMES).assign(decision="one")
    >>> PlanRankerModel(ranker).predict(candidates)["probability"].tolist()
    [0.5, 0.5]
    """

    def __init__(self, ranker: PlanRanker) -> None:
        self.ranker = ranker

    def predict(self, candidates: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:  # noqa: ARG002 MLflow passes them
        """Score candidates: `utility`, `probability` and `position` (from 1) within their decision, in their order.

        `candidates` has the columns `COLUMNS`; KeyError when one is missing. All candidates of a decision must be in
        the table, in any place: catalogue order, which decides between equals, is that of family and tier.
        """
        decision, _ = pd.factorize(candidates[DECISION])
        order = np.lexsort((candidates["tier"], candidates["family"], decision))
        sizes = np.bincount(decision).astype(np.int64)
        features = candidates[list(FEATURE_NAMES)].to_numpy(dtype=np.float64)[order]
        features = np.ascontiguousarray(features)
        utilities = self.ranker.utilities(features, sizes)
        scores = pd.DataFrame(
            {
                "utility": utilities,
                "probability": softmax_by_group(utilities, sizes),
                "position": positions_by_group(utilities + self.ranker.log_worth(features, sizes), sizes),
            },
            index=candidates.index[order],
        )
        return scores.iloc[np.argsort(order)]


def _load_pyfunc(path: str) -> PlanRankerModel:
    """MLflow's entry point: the model whose bundle is in this folder."""
    return PlanRankerModel(read_version(Path(path)))
