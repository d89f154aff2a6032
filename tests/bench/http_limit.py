"""What the service is measured against: FastAPI that answers with the same bytes, and with the same reads and rows."""

import sqlite3
from pathlib import Path
from typing import Final

import uvicorn
from fastapi import FastAPI, Response

READ: Final = tuple(
    f"SELECT * FROM {table} WHERE organization_id = ?"
    for table in ("organizations", "subscription_states", "subscriptions", "charges", "usage_days")
)
"""What a decision reads of an organisation, besides its last decision."""
_LAST: Final = "SELECT * FROM decisions WHERE organization_id = ? ORDER BY occurred_at DESC LIMIT 1"


def floor(folder: Path, port: int) -> None:
    """FastAPI answering with the bytes of a recommendation."""
    app = FastAPI()
    body = (folder / "body").read_bytes()

    @app.get("/same-bytes")
    async def same_bytes() -> Response:
        return Response(body, media_type="application/json")

    _run(app, port)


def limit(folder: Path, port: int) -> None:
    """A new decision that costs no thought: the reads, the rows and the bytes of the service's, by plain `sqlite3`."""
    app = FastAPI()
    body = (folder / "body").read_bytes()
    plans = sqlite3.connect(folder / "plans.db", isolation_level=None, timeout=10)
    plans.execute("PRAGMA synchronous=NORMAL")
    header = plans.execute(_LAST, ("org-0",)).fetchone()
    adding = f"INSERT INTO decisions VALUES ({', '.join('?' * len(header))})"

    @app.get("/new/{organization_id}/{decision_id}")
    async def new(organization_id: str, decision_id: str) -> Response:
        plans.execute("BEGIN")
        for statement in (_LAST, *READ):
            plans.execute(statement, (organization_id,)).fetchall()
        plans.execute("COMMIT")
        plans.execute("BEGIN IMMEDIATE")
        plans.execute(_LAST, (organization_id,)).fetchall()
        plans.execute(adding, (decision_id, *header[1:]))
        plans.execute("COMMIT")
        return Response(body, media_type="application/json")

    _run(app, port)


def _run(app: FastAPI, port: int) -> None:
    uvicorn.run(app, port=port, access_log=False, log_level="warning")
