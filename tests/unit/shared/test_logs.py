"""Logs tell what happened and where, with the trace id; they never repeat what people typed."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from pydantic import BaseModel, ValidationError

from shared import logs, telemetry
from tests.support.logged import logged
from tests.unit.shared.spans import collected

SECRET = "Jane Roe"


@pytest.fixture(params=["json", "console"])
def written(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """Where the lines go."""
    with logged(request.param) as stream:
        yield stream


class Named(BaseModel):
    name: int


def fail(how: str) -> None:
    match how:
        case "plain":
            raise ValueError(f"no such person: {SECRET}")
        case "cause":
            try:
                raise KeyError(SECRET)
            except KeyError as error:
                raise RuntimeError("while looking up") from error
        case "context":
            try:
                raise KeyError(SECRET)
            except KeyError:
                raise RuntimeError(SECRET)  # noqa: B904 - the point
        case "validation":
            Named.model_validate({"name": SECRET})
        case _:
            raise ExceptionGroup(SECRET, [ValueError(SECRET), OSError(2, SECRET)])


@pytest.mark.parametrize("how", ["plain", "cause", "context", "validation", "group"])
@pytest.mark.parametrize("logger", ["ours", "theirs", "exception"])
def test_an_error_is_told_by_class_and_place_and_not_by_its_text(written: io.StringIO, how: str, logger: str) -> None:
    expected: type[Exception] = Exception
    try:
        fail(how)
    except Exception as error:
        if logger == "ours":
            structlog.get_logger("ours").error("task.crashed", exc_info=error)
        elif logger == "theirs":
            logging.getLogger("uvicorn.error").error("Exception in ASGI application\n", exc_info=error)
        else:
            structlog.get_logger("ours").exception("task.crashed")
        expected = type(error)
    line = written.getvalue()
    assert SECRET not in line
    assert expected.__name__ in line
    assert "test_logs.py" in line
    assert " in fail" in line


def test_causes_and_groups_are_told_to_the_end() -> None:
    def chain() -> BaseException:
        try:
            fail("cause")
        except RuntimeError as error:
            return error
        raise AssertionError

    told = logs.trail(chain())
    assert told.index("RuntimeError") < told.index("caused by") < told.index("KeyError")
    group = logs.trail(ExceptionGroup("g", [ValueError("v"), OSError(28, "full")]))
    assert "ValueError" in group
    assert "OSError (28)" in group
    hidden = RuntimeError("r")
    hidden.__context__, hidden.__suppress_context__ = KeyError("k"), True
    assert "KeyError" not in logs.trail(hidden)
    endless = ValueError("a")
    endless.__cause__ = endless
    assert len(logs.trail(endless)) < 100_000


def test_a_line_carries_the_trace_id_of_its_span(written: io.StringIO, request: pytest.FixtureRequest) -> None:
    with collected(), telemetry.span("work"):
        trace_id = telemetry.current_trace_id()
        structlog.get_logger("ours").info("plan.posted", plan="plan_1")
        logging.getLogger("theirs").warning("from a library")
    structlog.get_logger("ours").info("outside")
    lines = [line for line in written.getvalue().splitlines() if line]
    assert trace_id
    assert [trace_id in line for line in lines] == [True, True, False]
    if request.node.callspec.params["written"] == "json":
        found: dict[str, Any] = json.loads(lines[0])
        assert (found["event"], found["plan"], found["level"]) == ("plan.posted", "plan_1", "info")
        assert found["timestamp"].endswith("Z")


def test_access_lines_with_their_query_strings_stay_out(written: io.StringIO) -> None:
    logging.getLogger("uvicorn.access").info('"GET /api/v1/plans?q=%s HTTP/1.1" 200', SECRET)
    logging.getLogger("httpx").info("HTTP Request: GET http://x/?q=%s", SECRET)
    assert written.getvalue() == ""


def test_a_validation_error_would_have_quoted() -> None:
    """What makes the rule above necessary; when this fails one day, the rule is only cheap."""
    with pytest.raises(ValidationError) as caught:
        fail("validation")
    assert SECRET in str(caught.value)
