"""The day where it is done: Asia/Shanghai (design 11). Read at the two ends, never by a rule."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

CHINA = timezone(timedelta(hours=8), "Asia/Shanghai")


def today() -> date:
    """The business day."""
    return datetime.now(UTC).astimezone(CHINA).date()
