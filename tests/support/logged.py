"""The lines of the log as an installation writes them, for a while; what stood before is put back."""

import io
import logging
import sys
from collections.abc import Generator
from contextlib import contextmanager
from unittest.mock import patch

import structlog

from shared import logs


@contextmanager
def logged(format_: str = "json", level: str = "INFO") -> Generator[io.StringIO]:
    """Where they go. (Loggers that were used once keep to it: who wants to read them asks for this, and not for what is printed.)"""
    root = logging.getLogger()
    handlers, before_level, before = root.handlers[:], root.level, structlog.get_config()
    stream = io.StringIO()
    try:
        with patch.object(sys, "stderr", stream):
            logs.setup(format_, level)
            yield stream
    finally:
        root.handlers[:] = handlers
        root.setLevel(before_level)
        structlog.configure(**before)
