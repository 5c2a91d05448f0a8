"""What is measured of the log and its readers: every instrument with its name, unit and meaning.

Only OpenTelemetry's api: whoever runs the process decides where the numbers go, and without that
they go nowhere, at nearly no cost. Words are those of the code: group, position, cursor, lag, feed,
relay. No measure carries a person, an amount, an area or a text: attributes are names of services,
readers, sources, outcomes and refusals, of which there are few.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

from opentelemetry import metrics

FORGOTTEN_AFTER_S = 60
"""A level that nobody tells any more is not shown on: no number is better than an old one."""
SHORT_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
MANY = (1, 2, 4, 8, 16, 32, 64, 128, 256, 500)

_meter = metrics.get_meter("suyuan")


class Measure(NamedTuple):
    """An instrument as an operator knows it."""

    name: str
    kind: str
    unit: str
    says: str


MEASURES: dict[str, Measure] = {}
"""All of them by name; the dashboard is held against it."""
Clock = Callable[[], float]


class Level:
    """What stands at a value: the last one told, until nobody tells it any more.

    Told on the loop, observed on the thread of the exporter.
    """

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._told: dict[tuple[tuple[str, str], ...], tuple[float, float]] = {}

    def tell(self, value: float, **attributes: str) -> None:
        self._told[tuple(attributes.items())] = value, self._clock()

    def observe(self, _: Any = None) -> Iterable[metrics.Observation]:
        now = self._clock()
        for key, (value, at) in list(self._told.items()):
            if now - at <= FORGOTTEN_AFTER_S:
                yield metrics.Observation(value, dict(key))


class Age(Level):
    """How long ago something was last told, in seconds; it grows for as long as the process lives,
    since the silence is what is looked for."""

    def told(self, **attributes: str) -> None:
        self.tell(0, **attributes)

    def observe(self, _: Any = None) -> Iterable[metrics.Observation]:
        now = self._clock()
        for key, (_, at) in list(self._told.items()):
            yield metrics.Observation(now - at, dict(key))


class Peak(Level):
    """The largest value since it was last observed; 0 when none was told since."""

    def tell(self, value: float, **attributes: str) -> None:
        key = tuple(attributes.items())
        largest, _ = self._told.get(key, (value, 0))
        self._told[key] = max(value, largest), self._clock()

    def observe(self, _: Any = None) -> Iterable[metrics.Observation]:
        told, self._told = self._told, dict.fromkeys(self._told, (0, 0))
        for key, (value, _) in told.items():
            yield metrics.Observation(value, dict(key))


L = TypeVar("L", bound=Level)


def counter(name: str, unit: str, says: str) -> metrics.Counter:
    """What only grows."""
    MEASURES[name] = Measure(name, "counter", unit, says)
    return _meter.create_counter(name, unit, says)


def histogram(name: str, unit: str, says: str, bounds: Sequence[float]) -> metrics.Histogram:
    """What is different each time; shown as quantiles."""
    MEASURES[name] = Measure(name, "histogram", unit, says)
    return _meter.create_histogram(name, unit, says, explicit_bucket_boundaries_advisory=bounds)


def gauge(level: L, name: str, unit: str, says: str) -> L:
    """What stands at a value; whoever knows it tells the level."""
    MEASURES[name] = Measure(name, "gauge", unit, says)
    _meter.create_observable_gauge(name, [level.observe], unit, says)
    return level


# By service; refusals also by name, outcomes by outcome.

GROUP_SIZE = histogram(
    "suyuan.append.group_size", "{request}", "Requests of one call of es.append", MANY
)
APPEND_DURATION = histogram("suyuan.append.duration", "s", "One call of es.append", SHORT_S)
OUTCOMES = counter(
    "suyuan.append.outcomes", "{request}", "Requests by outcome: appended, duplicate, …"
)
QUEUE = gauge(
    Peak(), "suyuan.append.queue", "{request}", "Most requests that waited for the writer"
)
REFUSALS = counter(
    "suyuan.command.refusals", "{refusal}", "Refusals by name, each time a rule decides one"
)
HEAD = gauge(Level(), "suyuan.log.head", "{event}", "Position of the last event")

# By service, reader and source; leases by name.

LAG = gauge(
    Level(), "suyuan.cursor.lag", "{event}", "Events of the source that are not applied yet"
)
CURSOR_AGE = gauge(Level(), "suyuan.cursor.age", "s", "Since the reader had applied all there was")
STOPPED = gauge(
    Level(), "suyuan.cursor.stopped", "{reader}", "1 while the cursor says why it stopped"
)
STOPS = counter("suyuan.reader.stops", "{stop}", "Readers that stopped, by the error's name")
PAGE_DURATION = histogram(
    "suyuan.page.duration", "s", "One page of a reader, by stage: read, project, write", SHORT_S
)
APPLIED = counter("suyuan.reader.applied", "{event}", "Events that a reader has applied")
LEASE_CHANGES = counter("suyuan.lease.changes", "{change}", "Leases that got another holder")

# By source.

FEED_AGE = gauge(Age(), "suyuan.feed.age", "s", "Since the head of the source was last told")
HOLES = counter("suyuan.feed.holes", "{event}", "Events missing in a topic, read from the owner")
REPEATS = counter("suyuan.feed.repeats", "{event}", "Events that a topic delivered again")
RELAY_BATCH = histogram(
    "suyuan.relay.batch_size", "{event}", "Events of one batch sent to a topic", (*MANY, 1000, 2000)
)
RELAY_DURATION = histogram(
    "suyuan.relay.duration", "s", "One batch, from sending to acknowledged", SHORT_S
)
RELAY_FAILURES = counter(
    "suyuan.relay.failures", "{failure}", "Times that the broker did not acknowledge, by source"
)

# By service; what is broken also by invariant.

PARKED = gauge(
    Level(), "suyuan.parked.deliveries", "{delivery}", "Foreign facts waiting to be tried again"
)
PARKED_AGE = gauge(Level(), "suyuan.parked.age", "s", "Since the oldest of them was parked")
BROKEN = gauge(
    Level(), "suyuan.invariant.broken", "{invariant}", "1 while a counterexample is known"
)

# By service.

SNAPSHOT_AGE = gauge(
    Level(),
    "suyuan.database.snapshot_age",
    "s",
    "Of the oldest snapshot that its own role holds open",
)
DATABASE_SIZE = gauge(Level(), "suyuan.database.size", "By", "On disk, with indexes")
