"""GET /metrics: how the platform is, in Prometheus' text format, for a bearer token of the operator's."""

from __future__ import annotations

from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.views.decorators.csrf import csrf_exempt
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import GaugeMetricFamily
from prometheus_client.registry import Collector
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from carillon.base.errors import CarillonError
from carillon.faces.api.authentication import BearerToken
from carillon.usecases.observe_platform import PlatformHealth, observe_platform


@csrf_exempt
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer Prometheus' GET. 401 without a token, 403 when it may not see the platform's health."""
    try:
        caller = BearerToken().authenticate(Request(request))
        if caller is None:
            return _refused(401)
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        health = observe_platform(caller[0].actor)
    except (APIException, CarillonError) as error:
        return _refused(getattr(error, "status_code", getattr(error, "status", 403)))
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Platform(health))
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _refused(status: int) -> HttpResponse:
    answer = HttpResponse(status=status, content_type="text/plain")
    if status == 401:
        answer["WWW-Authenticate"] = BearerToken().authenticate_header(Request(HttpRequest()))
    return answer


class _Platform(Collector):
    """One reading as metrics. Names follow Prometheus: base units, `_bytes`, `_seconds`."""

    def __init__(self, health: PlatformHealth) -> None:
        self.health = health

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        health = self.health
        up = GaugeMetricFamily("carillon_process_up", "Whether the process runs.", labels=["process"])
        uptime = GaugeMetricFamily("carillon_process_uptime_seconds", "Since its start.", labels=["process"])
        memory = GaugeMetricFamily("carillon_process_memory_bytes", "Its own, with children.", labels=["process"])
        for process in health.processes:
            up.add_metric([process.name], process.state == "running")
            uptime.add_metric([process.name], process.uptime_s)
            memory.add_metric([process.name], process.memory_bytes)
        waiting = GaugeMetricFamily("carillon_backlog", "What waits for the worker.", labels=["kind"])
        oldest = GaugeMetricFamily("carillon_backlog_oldest_seconds", "Age of the oldest of it.", labels=["kind"])
        for backlog in health.backlogs:
            waiting.add_metric([backlog.name], backlog.waiting)
            oldest.add_metric([backlog.name], backlog.oldest_s)
        yield from (up, uptime, memory, waiting, oldest, *self._gateways())
        yield from (GaugeMetricFamily(f"carillon_{name}", text, value) for name, text, value in self._single())

    def _gateways(self) -> Iterator[Metric]:
        labels = ["gateway", "name", "partner"]
        there = GaugeMetricFamily("carillon_gateway_up", "Whether the carrier's gateway answers.", labels=labels)
        trip = GaugeMetricFamily("carillon_gateway_round_trip_seconds", "Of its last OPTIONS.", labels=labels)
        for gateway in self.health.gateways:
            told = [str(gateway.gateway_id), gateway.name, gateway.partner]
            if gateway.presence in ("alive", "away"):
                there.add_metric(told, gateway.presence == "alive")
            if gateway.round_trip_ms is not None:
                trip.add_metric(told, gateway.round_trip_ms / 1000)
        yield from (there, trip)

    def _single(self) -> Iterator[tuple[str, str, float]]:
        health = self.health
        yield "control_ready", "Whether control has all it decides by.", bool(health.edge.get("reference"))
        yield "edge_connected", "Whether control is connected to the SIP edge.", bool(health.edge.get("edge"))
        yield "live_calls", "Calls that go on.", int(health.edge.get("calls") or 0)
        yield "registrations", "Contacts registered.", health.registrations
        yield "failed_jobs", "Queued jobs that failed for good.", health.failed_jobs
        yield "database_bytes", "Size of the database.", health.database_bytes
        yield "database_connections", "Connections to PostgreSQL.", health.connections
        yield "database_max_connections", "Connections that PostgreSQL takes.", health.max_connections
        yield "disk_free_bytes", "Free on the disk of the home folder.", health.disk_free_bytes
        yield "disk_total_bytes", "Size of that disk.", health.disk_total_bytes
