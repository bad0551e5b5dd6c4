"""Traces: one trace from the POST through outbox, log and handlers to the stream (W3C traceparent in the event).

Spans carry ids, types and counts; never titles, names or addresses. Nothing is exported unless an endpoint is set.
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager

from opentelemetry import context, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_propagator = TraceContextTextMapPropagator()
_exported = False


def setup(service: str, endpoint: str | None) -> TracerProvider:
    """Make traces real. Without `endpoint` they exist for correlation but go nowhere.

    endpoint: base address of an OTLP/HTTP collector, to which the path of the signal is added (as the OpenTelemetry
    specification has it for OTEL_EXPORTER_OTLP_ENDPOINT).
    """
    global _exported
    _exported = bool(endpoint)
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    if endpoint:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # slow to import

        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint.rstrip("/") + "/v1/traces")))
    trace.set_tracer_provider(provider)
    return provider


def exported() -> bool:
    """Whether anybody reads the traces: what exists for them alone is left out otherwise."""
    return _exported


def mark(name: str, traceparent: str | None, *, kind: SpanKind, attributes: Mapping[str, str | int]) -> None:
    """One moment of an event's way, as a span of its own trace: for work on many events at once, which belongs to none."""
    if _exported and traceparent:
        with span(name, traceparent=traceparent, kind=kind, attributes=dict(attributes)):
            pass


def current_traceparent() -> str | None:
    """The present span as a W3C `traceparent`, or None outside any trace."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get("traceparent")


def current_trace_id() -> str | None:
    found = trace.get_current_span().get_span_context()
    return f"{found.trace_id:032x}" if found.is_valid else None


@contextmanager
def span(
    name: str,
    *,
    traceparent: str | None = None,
    kind: SpanKind = SpanKind.INTERNAL,
    attributes: dict[str, str | int] | None = None,
) -> Generator[Span]:
    """A span; below the remote parent `traceparent` where one is given, else below the present one.

    The exception's class is kept as the span's status, its text is not: texts quote what people typed.
    """
    parent = _propagator.extract({"traceparent": traceparent}) if traceparent else context.get_current()
    with trace.get_tracer("convene").start_as_current_span(
        name, context=parent, kind=kind, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield current
        except BaseException as error:
            current.set_status(trace.StatusCode.ERROR, type(error).__name__)
            raise
