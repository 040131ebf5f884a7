"""Traces: a span for each request, by OpenTelemetry. Needs the extra ``otel``.

A span is made when its request has ended, from what the journal has: nothing is done while an answer is sent.
"""

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from respool import __version__
from respool.errors import OptionError, printable
from respool.http.metrics import outcome_of
from respool.server.journal import ENDED, Exchange
from respool.server.mock_server import MockServer

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

_EXPORTERS = ("otlp", "console", "none")
_NANO = 1_000_000_000


class Traces:
    """Makes a span of each request of a server. Without a `provider`, the one that the process has is used,
    or one as the variables ``OTEL_*`` say. Raises OptionError without the extra, and for what is no
    exporter."""

    def __init__(self, server: MockServer, provider: "TracerProvider | None" = None) -> None:
        try:
            from opentelemetry import context, propagate, trace
        except ModuleNotFoundError:
            raise _without_extra() from None
        self._trace = trace
        self._context = context
        self._extract = propagate.extract
        self._provider = provider or _provider()
        self._tracer = self._provider.get_tracer("respool", __version__)
        server.journal.watchers.add(self._ended)

    def close(self) -> None:
        """Send what waits to be sent."""
        if (shutdown := getattr(self._provider, "shutdown", None)) is not None:
            shutdown()

    def _ended(self, change: str, exchange: Exchange) -> None:
        if change != ENDED or not exchange.serial:  # another server's
            return
        start = round(exchange.received * _NANO)
        span = self._tracer.start_span(
            f"{exchange.method} {exchange.path}",
            context=self._extract(exchange.headers, context=self._context.Context()),
            kind=self._trace.SpanKind.SERVER,
            attributes=_attributes(exchange),
            start_time=start,
        )
        if exchange.status is None or exchange.status >= 500 or exchange.ended:
            span.set_status(self._trace.StatusCode.ERROR, exchange.ended)
        span.end(start + round((exchange.seconds or 0.0) * _NANO))


def _attributes(exchange: Exchange) -> Mapping[str, Any]:
    """Return the attributes of a request's span, by OpenTelemetry's conventions where those have a name."""
    attributes = {
        "http.request.method": exchange.method,
        "url.path": exchange.path,
        "http.response.status_code": exchange.status,
        "client.address": exchange.client,
        "network.protocol.name": exchange.transport,
        "respool.recording": exchange.recording,
        "respool.session": exchange.session,
        "respool.outcome": outcome_of(exchange),
        "respool.why": exchange.why,
        "respool.events": exchange.events,
        "respool.lateness": exchange.lateness,
        "respool.faults": list(exchange.faults),
        "respool.request_id": exchange.request_id,
        "respool.response_id": exchange.response_id,
    }
    return {name: value for name, value in attributes.items() if value not in (None, "", [])}


def _without_extra() -> OptionError:
    return OptionError("traces need the extra otel: pip install 'respool[otel]'")


def _provider() -> "TracerProvider":
    from opentelemetry import trace

    if not isinstance(known := trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return known  # the embedding application has set it
    try:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
    except ModuleNotFoundError:
        raise _without_extra() from None
    wanted = os.environ.get("OTEL_TRACES_EXPORTER", "otlp")
    if wanted not in _EXPORTERS:
        raise OptionError(f"OTEL_TRACES_EXPORTER is {printable(wanted)}, expected {', '.join(_EXPORTERS)}")
    default = {} if "OTEL_SERVICE_NAME" in os.environ else {"service.name": "respool"}
    provider = TracerProvider(resource=Resource.create(default))
    if wanted != "none":
        exporter: SpanExporter
        if wanted == "console":
            exporter = ConsoleSpanExporter(out=sys.stdout)
        else:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

            exporter = OTLPSpanExporter()
        provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider
