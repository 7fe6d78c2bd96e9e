"""Logs: one event a line, with what the event is about bound to it, and no secrets.

`configure` is called once by each process. Standard-library loggers (Granian, Celery, SQLAlchemy)
go through the same pipe, so that a log has one shape. Bind what a request or a task is about with
`bound`; it is unbound at the end, whatever happens.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import structlog

HIDDEN = "***"
SECRET_NAMES = re.compile(
    r"(?i)(authorization|cookie|password|passwd|secret|api_key|apikey|token|signature|client_secret)$"
)
SECRET_VALUES = re.compile(
    r"(?P<keep>\b(?:sk|rk)_(?:live|test)_|\bwhsec_|\bclk_|\bask_|\bBearer\s+|://[^:/@\s]*:)[^\s\"'@,}]+"
)

CHATTY = ("celery.worker.strategy", "celery.app.trace", "celery.beat", "httpx", "alembic.runtime.migration")
"""Loggers that report every tick, task or request: only heard when something is wrong, or in debug."""

Event = MutableMapping[str, Any]


def hide_secrets(_: Any, __: str, event: Event) -> Event:
    """Replace what must not be in a log: by the name of the field, or by the look of the text."""
    for name, value in event.items():
        event[name] = HIDDEN if SECRET_NAMES.search(name) else _clean(value)
    return event


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return SECRET_VALUES.sub(rf"\g<keep>{HIDDEN}", value)
    if isinstance(value, dict):
        return {k: HIDDEN if SECRET_NAMES.search(str(k)) else _clean(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value


def configure(*, level: str = "info", log_format: str = "json", service: str = "api") -> None:
    """Send all logs of this process to standard error in this format (json or console)."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        _named(service),
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderer(log_format),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in CHATTY if level != "debug" else ():
        logging.getLogger(name).setLevel(logging.WARNING)


def _named(service: str) -> structlog.types.Processor:
    def name(_: Any, __: str, event: Event) -> Event:
        event["service"] = service
        return event

    return name


def _renderer(log_format: str) -> list[structlog.types.Processor]:
    if log_format == "console":
        colors = sys.stderr.isatty()
        return [hide_secrets, structlog.dev.ConsoleRenderer(colors=colors)]
    return [
        structlog.processors.format_exc_info,
        hide_secrets,
        structlog.processors.JSONRenderer(sort_keys=False, default=str, ensure_ascii=False),
    ]


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger by this name, of the module that logs."""
    found: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return found


@contextmanager
def bound(**facts: Any) -> Iterator[None]:
    """Say in every event logged within the block what it is about (a request, a task, a wallet)."""
    with structlog.contextvars.bound_contextvars(**facts):
        yield
