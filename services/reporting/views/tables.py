"""The read tables of reporting, and how a row says which event wrote it.

All but the balances are append-only: (source, position, n) names the event and which of its
effects; the dates and 文号 are those of the event's metadata.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from libs.events.contracts.changes import Corrected
from libs.events.entries import Row, Table
from libs.events.types import Metadata, Recorded

HEAD = (("source", "text"), ("epoch", "smallint"), ("position", "bigint"), ("n", "int"))
TAIL = (
    ("document", "text"),
    ("occurred_on", "date"),
    ("effective_on", "date"),
    ("recorded_at", "timestamptz"),
)


TAKEN_BACK, ANEW = 0, 1
"""Which rows of a correction: even ones take back what was said, odd ones say it anew. Entries are
never changed, so what was known before a correction can be asked for ever."""
WEIGHT = (
    "CASE WHEN e.event = 'MemberChanged' THEN 0"
    " WHEN e.event LIKE '%Corrected' AND e.n % 2 = 0 THEN -1 ELSE 1 END"
)
"""How much such a row of entries `e` counts. A change of a member is one of persons alone: its
household was counted when it was registered."""


def before(fact: Corrected) -> dict[str, Any]:
    """What the fields that change said, by name."""
    return {change.field: change.was for change in fact.changes}


def signed(sign: int, value: Any) -> int | None:
    return None if value is None else sign * int(value)


def _written_once(name: str, /, **columns: str) -> Table:
    every = (*HEAD, *columns.items(), *TAIL)
    return Table(f"view.{name}", every, ("source", "position", "n"), "append")


class Origin(NamedTuple):
    """The event that writes a row."""

    source: str
    recorded: Recorded
    metadata: Metadata
    letter: str | None = None

    def by(self, document: str) -> Origin:
        """With another 文号: of the thing, where the event has that of its correction."""
        return self._replace(letter=document)

    def row(self, n: int, *values: Any) -> Row:
        """A row of a written-once table: where it is from, its values, its dates."""
        recorded, metadata = self.recorded, self.metadata
        return (
            *(self.source, recorded.epoch, recorded.position, n),
            *values,
            *(self.letter or metadata.document, metadata.occurred_on, metadata.effective_on),
            recorded.recorded_at,
        )


MOVEMENTS = _written_once(
    "movements",
    event="text",
    lot="uuid",
    purpose="text",
    project="uuid",
    account="text",
    place="text",
    payment="uuid",
    area="uuid",
    lines="bigint",
    amount_fen="bigint",
)
BALANCES = Table(
    "view.balances",
    (
        ("lot", "uuid"),
        ("purpose", "text"),
        ("project", "uuid"),
        ("account", "text"),
        ("place", "text"),
        ("amount_fen", "bigint"),
        ("postings", "bigint"),
    ),
    key=("lot", "purpose", "project", "account", "place"),
    mode="sum",
    sums=("amount_fen", "postings"),
)
LINES = _written_once(
    "lines",
    event="text",
    state="text",
    household="uuid",
    beneficiary="uuid",
    beneficiary_kind="text",
    batch="uuid",
    line="bigint",
    scheme="text",
    period="text",
    tranche="int",
    project="uuid",
    area="uuid",
    lot="uuid",
    purpose="text",
    lines="bigint",
    amount_fen="bigint",
)
POPULATIONS = _written_once(
    "populations",
    event="text",
    population="text",
    grade="text",
    area="uuid",
    project="uuid",
    households="bigint",
    persons="bigint",
    counted_on="date",
    quote="text",
)
HOUSEHOLDS = _written_once(
    "households",
    event="text",
    fact="text",
    household="uuid",
    area="uuid",
    era="text",
    register_type="text",
    synthetic="bool",
    risk="text",
    told_by="text",
    households="bigint",
    persons="bigint",
)
ASSETS = _written_once(
    "assets",
    event="text",
    fact="text",
    asset="uuid",
    area="uuid",
    project="uuid",
    lot="uuid",
    name="text",
    kind="text",
    category="text",
    ledger="text",
    organisation="uuid",
    code="text",
    quantity="text",
    value_fen="bigint",
    assets="bigint",
)
LOTS = _written_once(
    "lots",
    lot="uuid",
    area="uuid",
    level="text",
    year="int",
    fund_name="text",
    batch="text",
    document_id="uuid",
    amount_fen="bigint",
)
PROJECTS = _written_once(
    "projects", project="uuid", area="uuid", year="int", name="text", kind="text", purpose="text"
)
DOCUMENTS = _written_once(
    "documents",
    document_id="uuid",
    area="uuid",
    number="text",
    title="text",
    kind="text",
    level="text",
    issued_on="date",
)
PAYMENTS = _written_once(
    "payments",
    payment="uuid",
    kind="text",
    area="uuid",
    project="uuid",
    payee_kind="text",
    payee="uuid",
    use="text",
    scheme="text",
    period="text",
    tranche="int",
    grade="text",
    lines="bigint",
    amount_fen="bigint",
)
ORGANISATIONS = _written_once(
    "organisations", organisation="uuid", area="uuid", name="text", kind="text"
)
AREAS = _written_once(
    "areas", area="uuid", path="uuid[]", code="text", name="text", level="text", valid_from="date"
)
AREA_PATHS = _written_once("area_paths", area="uuid", valid_from="date", path="uuid[]")
FIGURES = _written_once(
    "figures",
    figure="text",
    area="uuid",
    title="text",
    version="bigint",
    schema_version="int",
    payload="text",
)
STATEMENTS = _written_once(
    "statements",
    statement="text",
    area="uuid",
    title="text",
    version="bigint",
    schema_version="int",
    payload="text",
)
CUTS = _written_once("cuts", name="text", area="uuid", schema_version="int", payload="text")
INDICATORS = _written_once(
    "indicators",
    indicator="uuid",
    area="uuid",
    code="text",
    title="text",
    unit="text",
    decimals="int",
    period="text",
    over_areas="text",
    over_periods="text",
    level="text",
    valid_from="date",
    valid_until="date",
    note="text",
    version="bigint",
)
INDICATOR_VALUES = _written_once(
    "indicator_values",
    event="text",
    indicator="uuid",
    area="uuid",
    period="text",
    value="text",
    scaled="bigint",
    note="text",
    reason="text",
    actor="text",
)
AREA_ENDS = _written_once("area_ends", area="uuid", ended_on="date", successors="uuid[]")
