"""Where spans and measures go: to a collector by OTLP over HTTP, or nowhere.

Without SUYUAN_OTLP nothing is set up, and the api's instruments do nothing. With it they are sent
by threads of their own, in batches, from queues that drop what does not fit: a collector that is
away or silent costs nobody a command. The SDK reads further OTEL_* variables itself (sampler,
headers, certificates).
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from libs.events.store import identity

from .service import Service
from .stores import Stores
from .version import version

EVERY_S = 15
"""How often measures are sent, and what must be asked for is asked."""
ANSWER_WITHIN_S = 5
LEAVE_WITHIN_S = 3
"""What a process that ends gives its last spans; the rest is lost."""


@asynccontextmanager
async def exported(
    process: str, endpoint: str | None, stores: Stores, services: Sequence[Service]
) -> AsyncIterator[None]:
    """Send what this process measures while the body runs; once a process."""
    if endpoint is None:
        yield
        return
    resource = _resource(process, {s.name: await _store_id(stores, s) for s in services})
    tracers, meters = _tracers(endpoint, resource), _meters(endpoint, resource)
    trace.set_tracer_provider(tracers)
    metrics.set_meter_provider(meters)
    try:
        yield
    finally:
        _leave(tracers, meters)


async def _store_id(stores: Stores, service: Service) -> UUID:
    connection = await asyncpg.connect(**stores.app(service.name), timeout=10)
    try:
        return (await identity(connection))[0]
    finally:
        await connection.close()


def _resource(process: str, stores: dict[str, UUID]) -> Resource:
    """Who sends: `suyuan-serve` or `suyuan-work`, of which release, on which stores."""
    return Resource.create(
        {
            "service.name": f"suyuan-{process}",
            "service.version": version(),
            **{f"suyuan.store.{name}": str(store) for name, store in stores.items()},
        }
    )


def _tracers(endpoint: str, resource: Resource) -> TracerProvider:
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    sender = OTLPSpanExporter(f"{endpoint}/v1/traces", timeout=ANSWER_WITHIN_S)
    provider.add_span_processor(BatchSpanProcessor(sender))
    return provider


def _meters(endpoint: str, resource: Resource) -> MeterProvider:
    sender = OTLPMetricExporter(f"{endpoint}/v1/metrics", timeout=ANSWER_WITHIN_S)
    reader = PeriodicExportingMetricReader(sender, export_interval_millis=EVERY_S * 1000)
    return MeterProvider([reader], resource, shutdown_on_exit=False)


def _leave(tracers: TracerProvider, meters: MeterProvider) -> None:
    """Send the last of it, but let nobody wait for a collector that does not answer."""
    leaving = [
        threading.Thread(target=provider.shutdown, daemon=True) for provider in (tracers, meters)
    ]
    for thread in leaving:
        thread.start()
    for thread in leaving:
        thread.join(LEAVE_WITHIN_S)
