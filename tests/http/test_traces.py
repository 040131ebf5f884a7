"""A span for each request, with OpenTelemetry's exporter into memory."""

import math
from collections.abc import Callable

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from starlette.testclient import TestClient

from respool.errors import OptionError
from respool.http import create_app
from respool.http.traces import Traces
from respool.play.pace import Pace
from respool.server.journal import ENDED, Exchange
from respool.server.mock_server import MockServer

Serve = Callable[..., MockServer]
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Traced:
    """A server at once, and the spans of its requests."""

    def __init__(self, server: MockServer) -> None:
        self.server = server
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.traces = Traces(server, provider)
        self.client = TestClient(create_app(server))

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return tuple(self._exporter.get_finished_spans())


@pytest.fixture
def traced(server: Serve) -> Traced:
    return Traced(server(pace=Pace(speed=math.inf)))


def test_a_request_is_a_span_that_says_what_was_played(traced: Traced) -> None:
    headers = {"x-respool-session": "s", "traceparent": PARENT}
    traced.client.post("/v1/responses", json={"model": "a", "stream": True}, headers=headers)
    (span,) = traced.spans
    assert (span.name, span.kind) == ("POST /v1/responses", SpanKind.SERVER)
    assert span.attributes
    told = dict(span.attributes)
    assert told["http.response.status_code"] == 200
    assert (told["respool.recording"], told["respool.session"], told["respool.events"]) == ("a", "s", 4)
    assert (told["respool.outcome"], told["respool.response_id"]) == ("ok", "resp_1")
    assert span.parent
    assert (span.parent.trace_id, span.parent.span_id) == (
        0x0AF7651916CD43DD8448EB211C80319C,
        0xB7AD6B7169203331,
    )
    (exchange,) = traced.server.journal
    assert span.start_time == round(exchange.received * 1e9)
    assert span.status.status_code is StatusCode.UNSET


def test_a_miss_is_no_error_of_the_server_and_a_fault_of_500_is(traced: Traced) -> None:
    traced.client.post("/r/none/v1/responses", json={"model": "a"})
    traced.client.post("/v1/responses", json={"model": "a"}, headers={"x-respool-fault": "status(code=503)"})
    miss, fault = traced.spans
    assert miss.attributes
    assert (miss.attributes["respool.outcome"], miss.status.status_code) == ("miss", StatusCode.UNSET)
    assert fault.attributes
    assert fault.attributes["respool.faults"] == ("status(code=503)",)
    assert fault.status.status_code is StatusCode.ERROR


def test_what_other_servers_have_got_is_no_span_of_this_one(traced: Traced) -> None:
    traced.server.journal.notify(ENDED, Exchange("POST", "/v1/responses", 0.0, status=200))
    assert traced.spans == ()


def test_without_being_asked_for_nothing_watches_the_journal(server: Serve) -> None:
    serving = server()
    create_app(serving)
    assert not serving.journal.watchers


def test_the_variables_of_opentelemetry_say_where_spans_go(
    server: Serve, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "mocks")
    with TestClient(create_app(server(pace=Pace(speed=math.inf)), traces=True)) as client:
        client.post("/v1/responses", json={"model": "a", "stream": True})
    told = capsys.readouterr().out
    assert '"service.name": "mocks"' in told
    assert '"name": "POST /v1/responses"' in told


def test_an_exporter_that_is_none_is_refused(server: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "jaeger")
    with pytest.raises(OptionError, match="OTEL_TRACES_EXPORTER is jaeger, expected otlp, console, none"):
        create_app(server(), traces=True)
