"""Fixtures that every test may ask for."""

import structlog

pytest_plugins = ["tests.fixtures.stack", "tests.fixtures.browser"]

# As without it, but for tracebacks: to paint one with all its variables takes seconds, and here much fails on purpose.
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)
