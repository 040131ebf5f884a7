"""``/metrics``: what a process has done, for Prometheus. Needs the extra ``metrics``."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from starlette.requests import Request as HTTPRequest
from starlette.responses import Response

from respool.errors import OptionError
from respool.http.sending.open_streams import open_streams_of_loop
from respool.server.journal import CLIENT_LEFT, CUT, ENDED, Exchange
from respool.server.mock_server import MockServer

if TYPE_CHECKING:
    from prometheus_client.core import Metric

# Seconds by which the latest event of an answer came after its moment.
_LATENESS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Metrics:
    """Counts what happens in the journal of a server. Raises OptionError without the extra."""

    def __init__(self, server: MockServer) -> None:
        try:
            import prometheus_client as prometheus
        except ModuleNotFoundError:
            raise OptionError("metrics needs the extra metrics: pip install 'respool[metrics]'") from None
        self._server = server
        self._registry = registry = prometheus.CollectorRegistry()
        prometheus.ProcessCollector(registry=registry)
        prometheus.GCCollector(registry=registry)
        self._render = prometheus.generate_latest
        self._content_type = prometheus.CONTENT_TYPE_LATEST
        self._requests = prometheus.Counter(
            "respool_requests", "Requests that have ended, by outcome.", ["outcome"], registry=registry
        )
        self._events = prometheus.Counter("respool_events_sent", "Events sent.", registry=registry)
        self._misses = prometheus.Counter(
            "respool_misses", "Requests that no recording answers.", registry=registry
        )
        self._faults = prometheus.Counter(
            "respool_faults", "Faults that have happened.", ["fault"], registry=registry
        )
        self._lateness = prometheus.Histogram(
            "respool_lateness_seconds",
            "How long after its moment the latest event of an answer was sent.",
            buckets=_LATENESS,
            registry=registry,
        )
        registry.register(self)
        server.journal.watchers.add(self._count)

    def collect(self) -> "Iterator[Metric]":
        """Yield what is looked up when it is asked for."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        state = self._server.state
        yield GaugeMetricFamily("respool_streams_open", "Streams under way.", len(open_streams_of_loop()))
        yield GaugeMetricFamily(
            "respool_recordings", "Recordings that are served.", len(self._server.store.names)
        )
        yield CounterMetricFamily(
            "respool_state_round_trips", "Round trips to the shared state.", state.round_trips
        )
        yield GaugeMetricFamily(
            "respool_ready", "Whether requests should be sent to this process.", int(not state.not_ready)
        )

    async def answer(self, http: HTTPRequest) -> Response:
        """Answer ``GET /metrics``."""
        return Response(self._render(self._registry), headers={"content-type": self._content_type})

    def _count(self, change: str, exchange: Exchange) -> None:
        if change != ENDED or not exchange.serial:  # another server's, which counts it
            return
        self._requests.labels(outcome_of(exchange)).inc()
        self._events.inc(exchange.events)
        self._misses.inc(int(exchange.unmatched))
        for fault in exchange.faults:
            self._faults.labels(fault.partition("(")[0]).inc()
        if exchange.events:
            self._lateness.observe(exchange.lateness)


def outcome_of(exchange: Exchange) -> str:
    """Return how a request ended, in one of a few words."""
    if exchange.ended == CLIENT_LEFT or exchange.status is None:
        return "client_left"
    if exchange.ended == CUT:
        return "cut"
    if exchange.faults:
        return "fault"
    if exchange.unmatched:
        return "miss"
    return "ok" if exchange.status < 400 else "refused" if exchange.status < 500 else "error"
