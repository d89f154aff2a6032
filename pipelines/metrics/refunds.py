"""The refunds of the ledger as the money page adds them up: one row each."""

from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from pipelines.history.checked_tables import microseconds_of, places_in, read_table
from pipelines.history.known_facts import KnownFacts
from pipelines.metrics.templates import NONE, first_template

REFUND_COLUMNS: Final = ("refund_id", "organization_id", "amount_cents", "occurred_at", "plan", "country", "template")


def refunds_frame(checked: Path, charges: pd.DataFrame, *, known: KnownFacts) -> pd.DataFrame:
    """One row per refund: `amount_cents` as the ledger has it; `plan` of the charge that the money was meant for;
    `country` and `template` of the organisation.
    """  # noqa: D205 - the first sentence lists columns
    names = ["refund_id", "organization_id", "charge_id", "amount_cents", "occurred_at"]
    table = read_table(checked, "refunds", names)
    organization = places_in(table["organization_id"], known.organization_ids)
    frame: pd.DataFrame = table.to_pandas()
    plan_of = charges.set_index("charge_id")["plan"]
    return frame.assign(
        plan=frame["charge_id"].map(plan_of).fillna(NONE).astype("object"),
        country=np.array([*known.country, NONE], dtype=np.object_)[organization],
        template=first_template(checked, known, organization, microseconds_of(table["occurred_at"])),
    )[list(REFUND_COLUMNS)]
