"""The processes that are started from the command line: the service, a worker, and an operator's look at the jobs."""

import os
import resource
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import typer

from models.registry.bundle import load_champion
from serving.clock import system_clock
from serving.jobs.commands import JobCommands
from serving.jobs.schedule import LANES
from serving.jobs.worker import STOPPED_WITHIN_SECONDS, Worker
from serving.services import Services, build
from serving.settings import Settings, check_for_production, with_secrets
from serving.web.logs import configure_logs, logger

if TYPE_CHECKING:
    from fastapi import FastAPI

DRAINED_WITHIN_SECONDS: Final = 10
"""After SIGTERM the service takes no new request and waits so long for those under way; the jobs have as long again."""


def run_service(service: "FastAPI", settings: Settings) -> None:
    """Answer requests until SIGTERM or SIGINT; then drain, and end even if something does not."""
    import uvicorn

    from serving.web.server_limits import LimitedProtocol

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    uvicorn.run(
        service,
        host=settings.host,
        port=settings.port,
        forwarded_allow_ips=settings.trusted_proxies,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=DRAINED_WITHIN_SECONDS,
        http=LimitedProtocol,
    )
    end_process()


def run_worker(settings: Settings, *, lanes: Sequence[str] | None) -> None:
    """Run the jobs until SIGTERM or SIGINT; rows under way are finished, for a few seconds."""
    configure_logs(settings.log_level)
    if unknown := set(lanes or ()) - LANES.keys():
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: the lanes are {', '.join(LANES)}")
    services = _services(settings)
    worker = Worker(services.billing.jobs, services.database, services.clock, lanes=tuple(lanes or LANES))
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    worker.start()
    logger().info("worker_started", lanes=list(lanes or LANES), mode=settings.mode)
    ended.wait()
    if not worker.stop():
        logger().warning("worker_ended_with_rows_under_way", after_seconds=STOPPED_WITHIN_SECONDS)
    services.traces.close()
    end_process()


@contextmanager
def job_commands(settings: Settings) -> Iterator[JobCommands]:
    """The operator's commands on the jobs of the configured database."""
    services = _services(settings)
    billing = services.billing
    try:
        yield JobCommands(
            services.database,
            services.clock,
            worker=Worker(billing.jobs, services.database, services.clock),
            reconciliation=billing.reconciliation,
            collection=billing.collection,
        )
    finally:
        services.traces.close()
        services.database.close()


def end_process() -> None:
    """End now: threads that still wait for somebody else's server must not keep the process."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _services(settings: Settings) -> Services:
    check_for_production(settings)
    quiet = settings.model_copy(update={"model": None})  # jobs rank nothing
    return build(
        with_secrets(quiet, announce=False),
        clock=system_clock,
        new_id=lambda: uuid4().hex,
        load=load_champion,
        gateway=None,
    )
