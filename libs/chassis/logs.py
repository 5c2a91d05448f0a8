"""Logs: one JSON object a line, to a rotating file of the home and to stderr. No person, no secret.

Events are snake_case facts with values as keys. Rotation is by size, so that a flood cannot fill
the disk.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable
from logging.handlers import RotatingFileHandler
from pathlib import Path
from traceback import extract_tb

import structlog

LARGEST_FILE = 20 * 1024 * 1024
FILES_KEPT = 5
SELDOM_S = 60
TEMPLATES_KEPT = 1_000
TALKATIVE = {"aiokafka": True, "opentelemetry": False}
"""Libraries that repeat themselves while their peer is away, aiokafka 40 to 80 lines a second; and
whether each of their templates is told by itself."""


def frames(error: BaseException | None) -> str:
    """Where an error was raised, and those behind it: types and places, never its words, which may
    quote what a person typed or a row holds."""
    told: list[str] = []
    while error is not None:
        places = (f"{at.filename}:{at.lineno} {at.name}" for at in extract_tb(error.__traceback__))
        told.append("\n  ".join((type(error).__name__, *places)))
        error = error.__cause__ or error.__context__
    return "\n".join(told)


class Seldom(logging.Filter):
    """Lets one record a minute through of those that say the same: of one logger and template, or
    of the whole library. The next one says how many were `suppressed`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._lock = threading.Lock()
        self._told: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        library = record.name.partition(".")[0]
        if library not in TALKATIVE:
            return True
        same = (record.name, str(record.msg)) if TALKATIVE[library] else (library, "")
        with self._lock:
            return self._first(same, record)

    def _first(self, same: tuple[str, str], record: logging.LogRecord) -> bool:
        now = self._clock()
        again_at, suppressed = self._told.get(same, (now, 0))
        if now < again_at:
            self._told[same] = again_at, suppressed + 1
            return False
        if len(self._told) >= TEMPLATES_KEPT:
            self._told.clear()
        self._told[same] = now + SELDOM_S, 0
        if suppressed:
            record.suppressed = suppressed
        return True


_SHARED: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.ExceptionRenderer(lambda exc_info: frames(exc_info[1])),
]
# One list for the whole process: a logger keeps the one that it met first.
_CHAIN = [*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter]


def configure(process: str, level: str, folder: Path | None = None) -> None:
    """Send structlog and the standard library's records to one place, as JSON."""
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{process}.log"
        handlers = [RotatingFileHandler(path, maxBytes=LARGEST_FILE, backupCount=FILES_KEPT)]
    formatter = structlog.stdlib.ProcessorFormatter(
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        foreign_pre_chain=[
            *_SHARED,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(allow=("suppressed",)),
        ],
    )
    for handler in handlers:
        handler.setFormatter(formatter)
        handler.addFilter(Seldom())
    logging.basicConfig(handlers=handlers, level=level.upper(), force=True)
    structlog.configure(
        processors=_CHAIN,
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=process)
