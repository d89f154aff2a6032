"""Regenerates every JSON Schema of this folder."""

from data_contracts.schemas import FOLDER, rendered

for name, text in rendered().items():
    (FOLDER / name).write_text(text, encoding="utf-8")
    print(f"data_contracts/schemas/{name}")
