"""What the code tells OpenTelemetry, kept in memory by the SDK's own exporter and reader.

A process has its providers for ever; so they are set up once, and record only while a test asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.util.types import Attributes

EACH_TIME: dict[type, AggregationTemporality] = dict.fromkeys(
    (Counter, Histogram), AggregationTemporality.DELTA
)


class WhileAsked(Sampler):
    """Every span while a test asks for them, none else."""

    asked = False

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
        decision = Decision.RECORD_AND_SAMPLE if self.asked else Decision.DROP
        return SamplingResult(decision, attributes)

    def get_description(self) -> str:
        return "while asked"


class Recorder:
    """The spans that ended and what was measured since the test asked."""

    def __init__(self) -> None:
        self.sampler, self.exporter = WhileAsked(), InMemorySpanExporter()
        self.reader = InMemoryMetricReader(preferred_temporality=EACH_TIME)
        tracers = TracerProvider(sampler=self.sampler)
        tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        trace.set_tracer_provider(tracers)
        metrics.set_meter_provider(MeterProvider([self.reader]))

    def begin(self) -> None:
        self.exporter.clear()
        self.reader.get_metrics_data()
        self.sampler.asked = True

    def spans(self, name: str) -> list[ReadableSpan]:
        """Those whose name is `name` or begins with it and a space, in the order they ended."""
        ended = self.exporter.get_finished_spans()
        return [span for span in ended if f"{span.name} ".startswith(f"{name} ")]

    def span(self, name: str) -> ReadableSpan:
        (found,) = self.spans(name)
        return found

    def measured(self) -> dict[str, list[Any]]:
        """The data points of every measure that has any, by name; counters begin anew."""
        data = self.reader.get_metrics_data()
        return {
            metric.name: list(metric.data.data_points)
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def everything(self) -> str:
        """All that would leave the process, as text."""
        spans = [span.to_json() for span in self.exporter.get_finished_spans()]
        data = self.reader.get_metrics_data()
        return "\n".join([*spans, data.to_json() if data else ""])


_the_one = cache(Recorder)


@contextmanager
def recording() -> Iterator[Recorder]:
    recorder = _the_one()
    recorder.begin()
    try:
        yield recorder
    finally:
        recorder.sampler.asked = False


def of(points: Sequence[Any], **attributes: str) -> list[Any]:
    """The points with these attributes among theirs."""
    wanted = attributes.items()
    return [point for point in points if wanted <= dict(point.attributes).items()]
