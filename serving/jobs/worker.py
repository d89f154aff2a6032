"""Threads that run the jobs of a process: one per lane, each job under a lease that one process holds at a time.

Decided: our own loop. A job library (Celery, Procrastinate, APScheduler 4) brings a queue of messages; our queue is the
rows themselves, which each transaction writes with the fact that makes them due, so that none is lost or doubled. A
second queue beside them would have to be kept equal. What a library would add is leases and counts: this folder.
"""

import os
import socket
import threading
from collections.abc import Sequence
from functools import partial
from uuid import uuid4

from sqlalchemy.exc import SQLAlchemyError

from serving.clock import Clock
from serving.db.session import Database
from serving.jobs import leases
from serving.jobs.repeating import Repeating
from serving.jobs.schedule import LANES, Jobs
from serving.web.logs import logger

EVERY_SECONDS = 5.0
STOPPED_WITHIN_SECONDS = 10.0
"""A process that is told to end waits so long for the rows that are under way."""


class Worker:
    """The lanes of one process."""

    def __init__(
        self,
        jobs: Jobs,
        database: Database,
        clock: Clock,
        *,
        lanes: Sequence[str] = tuple(LANES),
        every_seconds: float = EVERY_SECONDS,
    ) -> None:
        self._jobs = jobs
        self._database = database
        self._clock = clock
        self._holder = f"{socket.gethostname()[:20]}-{os.getpid()}-{uuid4().hex[:8]}"
        self._lanes = [
            Repeating(partial(self._run, LANES[lane]), name=f"jobs-{lane}", every_seconds=every_seconds)
            for lane in lanes
        ]

    def silent_seconds(self) -> float | None:
        """Seconds since the slowest lane has ended a round; `None` before the start."""
        silent = [seconds for lane in self._lanes if (seconds := lane.silent_seconds()) is not None]
        return max(silent, default=None)

    def start(self) -> None:
        """Start every lane."""
        for lane in self._lanes:
            lane.start()

    def stop(self, *, within_seconds: float = STOPPED_WITHIN_SECONDS) -> bool:
        """Begin no further row, and wait for those under way; whether all ended in time."""
        self._jobs.stopping.set()
        waiting = [threading.Thread(target=lane.stop, daemon=True) for lane in self._lanes]
        for each in waiting:
            each.start()
        for each in waiting:
            each.join(within_seconds)
        return not any(each.is_alive() for each in waiting)

    def _run(self, jobs: Sequence[str]) -> None:
        for job in jobs:
            if self._jobs.stopping.is_set():
                return
            self.run_alone(job)

    def run_alone(self, job: str) -> str | None:
        """Run a job unless another process does; returns why it failed, or `None`."""
        now = self._clock()
        if not self._database.writing(partial(leases.take, job=job, holder=self._holder, now=now)):
            return None
        why = self._jobs.run(job, now=now)
        try:
            end = partial(leases.give_back, job=job, holder=self._holder, reason=why, now=self._clock())
            self._database.writing(end)
        except SQLAlchemyError:
            logger().exception("run_not_noted", job=job)
        return why
