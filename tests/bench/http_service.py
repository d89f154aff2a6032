"""The service that is measured, in a module that imports nothing else: its process holds what the product's would."""

from pathlib import Path

import uvicorn

from serving.app import create_app
from serving.settings import Settings
from serving.web.logs import configure_logs
from tests.bench.http_servers import API_KEY


def service(folder: Path, port: int) -> None:
    """The product with a champion; its jobs are off, so no request pays for printing documents."""
    configure_logs("warning")
    settings = Settings(
        database_url=f"sqlite:///{folder}/plans.db",
        api_key=API_KEY,
        signing_key="bench",
        sandbox_webhook_secret="bench",
        model=folder / "registry" / "bundles",
        demo_organization="org-0",
        usage_calls_per_minute=1_000_000,
    )
    uvicorn.run(create_app(settings), port=port, access_log=False, log_level="warning", lifespan="off")
