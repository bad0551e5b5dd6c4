"""Spans: one trace over process borders, classes of errors and never their texts."""

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from shared import telemetry
from tests.unit.shared.spans import collected

SECRET = "Jane Roe"
REMOTE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_span_below_a_remote_parent_continues_its_trace() -> None:
    with collected() as spans, telemetry.span("consume", traceparent=REMOTE, kind=SpanKind.CONSUMER):
        assert telemetry.current_trace_id() == "0af7651916cd43dd8448eb211c80319c"
        onwards = telemetry.current_traceparent()
    assert onwards is not None
    assert onwards.split("-")[1] == "0af7651916cd43dd8448eb211c80319c"
    assert onwards.split("-")[2] != "b7ad6b7169203331", "the next hop's parent is this span"
    (span,) = spans.get_finished_spans()
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == "b7ad6b7169203331"


@pytest.mark.parametrize("broken", ["", "nonsense", "00-0-0-01", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "\xff"])
def test_a_broken_parent_begins_a_new_trace(broken: str) -> None:
    with collected(), telemetry.span("consume", traceparent=broken):
        assert telemetry.current_trace_id()


def test_spans_nest() -> None:
    with collected() as spans, telemetry.span("outer", attributes={"event.id": "evt_1"}), telemetry.span("inner"):
        pass
    inner, outer = spans.get_finished_spans()
    assert inner.parent is not None
    assert outer.context is not None
    assert inner.parent.span_id == outer.context.span_id
    assert outer.attributes == {"event.id": "evt_1"}


def test_an_error_is_kept_by_class_alone() -> None:
    with collected() as spans, pytest.raises(ValueError), telemetry.span("work"):
        raise ValueError(SECRET)
    (span,) = spans.get_finished_spans()
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "ValueError")
    assert SECRET not in span.to_json()


def test_outside_any_span_there_is_no_trace() -> None:
    assert telemetry.current_trace_id() is None
    assert telemetry.current_traceparent() is None
