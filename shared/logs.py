"""Structured logs: one line an event, with trace id; ids and counts, never names, addresses or what people typed."""

import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any, cast

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
                _describe_exception,
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


def trail(error: BaseException) -> str:
    """Where an error and its causes arose: classes, codes and places. Not their texts, which quote what people typed
    (a driver's `DETAIL: Key (name)=(...)`, a validation's `input_value=...`).
    """
    told: list[str] = []
    current: BaseException | None = error
    while current is not None and len(told) < 200:
        code = getattr(current, "sqlstate", None) or getattr(current, "errno", None)
        told.append(f"{type(current).__module__}.{type(current).__qualname__}" + (f" ({code})" if code else ""))
        told += [
            f"  at {frame.filename}:{frame.lineno} in {frame.name}"
            for frame in reversed(traceback.extract_tb(current.__traceback__)[-30:])
        ]
        if isinstance(current, BaseExceptionGroup):
            for inner in cast("tuple[BaseException, ...]", current.exceptions):
                told += ["  one of several:", *("  " + line for line in trail(inner).splitlines())]
        following = current.__cause__ or (None if current.__suppress_context__ else current.__context__)
        if following is not None:
            told.append("caused by")
        current = following
    return "\n".join(told)


def _describe_exception(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    found = line.pop("exc_info", None)
    if found is True:
        found = sys.exc_info()
    if isinstance(found, tuple):
        found = cast("tuple[Any, ...]", found)[1]
    if isinstance(found, BaseException):
        line["exception"] = trail(found)
    return line


def _add_trace(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    trace_id = current_trace_id()
    if trace_id:
        line["trace_id"] = trace_id
    return line
