"""Log lines as JSON on stderr, each with its request id; tokens, names and addresses are never logged."""

import logging
import sys
from typing import cast

import orjson
import structlog
from structlog.typing import FilteringBoundLogger


def configure_logs(level: str) -> None:
    """Configure structlog for this process; the command line calls it once."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=_encoded),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    # The driver warns of each transaction that a conflict has ended; it is run again.
    logging.getLogger("psycopg").setLevel(logging.ERROR)


def logger() -> FilteringBoundLogger:
    """The logger of the service."""
    return cast("FilteringBoundLogger", structlog.get_logger())


def _encoded(event: object, **_: object) -> str:
    return orjson.dumps(event, default=str).decode()
