"""The JSON Schemas of the shapes, generated and committed; `python -m data_contracts.schemas` regenerates them."""

import json
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from data_contracts.invoices import Invoice
from data_contracts.raw.tables import RAW_TABLES
from data_contracts.situations import SituationRow
from data_contracts.training_set import TrainingRow

FOLDER: Final = Path(__file__).parent

SHAPES: Final[dict[str, type[BaseModel]]] = {
    **{name: table.shape for name, table in RAW_TABLES.items()},
    "invoice": Invoice,
    "training_set": TrainingRow,
    "situations": SituationRow,
}


def rendered() -> dict[str, str]:
    """File name → the text that the file in this folder should have."""
    return {
        f"{name}.json": json.dumps(shape.model_json_schema(), indent=2, ensure_ascii=False) + "\n"
        for name, shape in SHAPES.items()
    }
