"""Structured logs: one line an event, with trace id; ids and counts, never names, addresses or what people typed."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from shared.telemetry import current_trace_id


def setup(format_: str = "console", level: str = "INFO") -> None:
    """Route structlog and the standard library through one pipeline to stderr (`console` or `json`)."""
    shared_steps: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_trace,
    ]
    renderer = (
        structlog.processors.JSONRenderer()
        if format_ == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[*shared_steps, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared_steps,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # access lines carry query strings, hence filters and codes; requests are traced instead
    for name, quiet in (
        ("uvicorn.access", "WARNING"),
        ("aiokafka", "WARNING"),
        ("httpx", "WARNING"),
        ("aiosqlite", "WARNING"),
        ("alembic", "WARNING"),
    ):
        logging.getLogger(name).setLevel(quiet)
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers[:] = []
        logging.getLogger(name).propagate = True


def _add_trace(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    trace_id = current_trace_id()
    if trace_id:
        line["trace_id"] = trace_id
    return line
