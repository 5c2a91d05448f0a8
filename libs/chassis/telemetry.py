"""Where spans and measures go: to a collector by OTLP over HTTP, or nowhere.

Without SUYUAN_OTLP nothing is set up, and the api's instruments do nothing. With it they are sent
by threads of their own, in batches, from queues that drop what does not fit: a collector that is
away or silent costs nobody a command. The SDK reads OTEL_EXPORTER_OTLP_* variables itself (headers,
certificates).
"""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import Decision, ParentBased, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.util.types import Attributes

from libs.events.measures import Clock
from libs.events.store import identity

from .service import Service
from .stores import Stores
from .version import version

EVERY_S = 15
"""How often measures are sent, and what must be asked for is asked."""
TRACES_A_SECOND = 50
"""All of an office's day, a part of a flood. A command that is told costs 0.10 ms of the loop and
0.07 ms of the sender, one that is not 0.03 ms, beside some 0.4 ms that it takes anyway; numbers are
measured of every one."""
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
    # Without a collector no process need load what talks to one.
    from opentelemetry.exporter.otlp.proto.http import trace_exporter  # noqa: PLC0415 - said above

    provider = TracerProvider(bounded(), resource, shutdown_on_exit=False)
    sender = trace_exporter.OTLPSpanExporter(f"{endpoint}/v1/traces", timeout=ANSWER_WITHIN_S)
    provider.add_span_processor(BatchSpanProcessor(sender))
    return provider


def _meters(endpoint: str, resource: Resource) -> MeterProvider:
    from opentelemetry.exporter.otlp.proto.http import metric_exporter  # noqa: PLC0415 - as above

    sender = metric_exporter.OTLPMetricExporter(f"{endpoint}/v1/metrics", timeout=ANSWER_WITHIN_S)
    reader = PeriodicExportingMetricReader(sender, export_interval_millis=EVERY_S * 1000)
    return MeterProvider([reader], resource, AlwaysOffExemplarFilter(), shutdown_on_exit=False)


class Few(Sampler):
    """So many new traces a second, from a bucket that fills again; and of spans that serve others,
    those that serve one that is told."""

    def __init__(self, a_second: int, clock: Clock = time.monotonic) -> None:
        self._a_second, self._clock = a_second, clock
        self._left: float = a_second
        self._at = clock()

    def should_sample(  # noqa: PLR0917 - as the SDK calls it
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        if links:
            told = any(link.context.trace_flags.sampled for link in links)
        else:
            told = self._afforded()
        return SamplingResult(Decision.RECORD_AND_SAMPLE if told else Decision.DROP, attributes)

    def _afforded(self) -> bool:
        now = self._clock()
        self._left = min(self._a_second, self._left + (now - self._at) * self._a_second)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def get_description(self) -> str:
        return f"at most {self._a_second} traces a second"


def bounded(a_second: int = TRACES_A_SECOND, clock: Clock = time.monotonic) -> Sampler:
    """A child goes with its parent; a caller's `sampled` is no more than a wish, since no caller
    decides what we spend."""
    few = Few(a_second, clock)
    return ParentBased(few, remote_parent_sampled=few)


def _leave(tracers: TracerProvider, meters: MeterProvider) -> None:
    """Send the last of it, but let nobody wait for a collector that does not answer."""
    leaving = [
        threading.Thread(target=provider.shutdown, daemon=True) for provider in (tracers, meters)
    ]
    for thread in leaving:
        thread.start()
    for thread in leaving:
        thread.join(LEAVE_WITHIN_S)
