"""Spans: where a trace goes on, and where another only links to it.

A command is a child of the request that sent it. A group of appends and a page of a reader serve
many traces and are children of none: they are roots that link to theirs, so that no trace lives for
as long as its events are read. Attributes are names, positions and counts; an error is told by its
type, since its words may quote what a person typed. Source: OpenTelemetry trace semantics, W3C
Trace Context.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
)

from .types import Recorded

LARGEST_LINKS = 128
"""Of one span; beyond it the SDK would drop them."""
_NO_PARENT = Context()
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
# Metadata are canonical JSON: no space, and a quote inside a text is escaped.
_STORED = re.compile(rb'"traceparent":"([0-9a-f-]{55})"')

_tracer = trace.get_tracer("suyuan")


@contextmanager
def span(
    name: str,
    within: Context | None = None,
    kind: SpanKind = SpanKind.INTERNAL,
    links: Sequence[Link] | None = None,
    **attributes: str | int | bool,
) -> Iterator[Span]:
    """A child of the current span, or of the one `within` names. An error ends it by its type.

    The current span itself where nobody is told of it: a child of it would be told to nobody too.
    """
    if not _told() or (within is None and _untold(trace.get_current_span())):
        yield trace.get_current_span()
        return
    with _tracer.start_as_current_span(
        name,
        within,
        kind,
        attributes,
        links,
        record_exception=False,
        set_status_on_exception=False,
    ) as current:
        try:
            yield current
        except Exception as error:
            current.set_attribute("error.type", type(error).__name__)
            current.set_status(Status(StatusCode.ERROR))
            raise


def _told() -> bool:
    """Whether this process tells its spans to anyone; where not, none is made."""
    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


def _untold(current: Span) -> bool:
    return current.get_span_context().is_valid and not current.is_recording()


@contextmanager
def linked(
    name: str, others: Iterable[SpanContext], **attributes: str | int | bool
) -> Iterator[Span]:
    """A root of its own, linked to the first 128 different spans of those it serves."""
    links = _different(others) if _told() else None
    with span(name, _NO_PARENT, SpanKind.INTERNAL, links, **attributes) as current:
        yield current


def _different(others: Iterable[SpanContext]) -> list[Link]:
    found: dict[int, Link] = {}  # by span; what two traces share by chance is one link less
    for other in others:
        if other.is_valid:
            found[other.span_id] = Link(other)
            if len(found) == LARGEST_LINKS:
                break
    return list(found.values())


@contextmanager
def page(
    name: str, events: list[Recorded], *, replay: bool = False, **attributes: str | int | bool
) -> Iterator[Span]:
    """One page of consecutive events, at least one: linked to the requests that made them.

    A replay says so and links to nothing: what made its events is long gone from any trace store.
    """
    served = () if replay else producers(events)
    if replay:
        attributes["replay"] = True
    ends = {"from_position": events[0].position, "to_position": events[-1].position}
    with linked(name, served, **attributes, **ends) as current:
        yield current


def producers(events: Iterable[Recorded]) -> Iterator[SpanContext]:
    """The spans in whose requests the events were made, as their metadata say; never raises."""
    for event in events:
        stored = _STORED.search(event.metadata)
        made = None if stored is None else remote(stored[1].decode())
        if made is not None:
            yield made


def event(name: str) -> None:
    """Mark a moment of the current span."""
    trace.get_current_span().add_event(name)


def here() -> SpanContext:
    """The current span; not valid where there is none."""
    return trace.get_current_span().get_span_context()


def traceparent() -> str | None:
    """The current span as W3C Trace Context; None where there is none."""
    now = here()
    if not now.is_valid:
        return None
    return f"00-{now.trace_id:032x}-{now.span_id:016x}-{now.trace_flags:02x}"


def remote(text: str) -> SpanContext | None:
    """The span that a traceparent names, or None. No tracestate: it is a stranger's free text."""
    found = _TRACEPARENT.fullmatch(text)
    if found is None:
        return None
    trace_id, span_id, flags = (int(part, 16) for part in found.groups())
    named = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))
    return named if named.is_valid else None


def child_of(text: str | None) -> Context:
    """Where a span begins that a caller's traceparent may name the parent of."""
    parent = None if text is None else remote(text)
    if parent is None:
        return _NO_PARENT
    return trace.set_span_in_context(trace.NonRecordingSpan(parent), _NO_PARENT)
