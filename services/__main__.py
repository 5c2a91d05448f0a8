"""All four services in one process tree under one origin: `python -m services <verb>`."""

from __future__ import annotations

from libs.chassis.service import Service
from services.funds.service import service as funds

SERVICES: tuple[Service, ...] = (funds,)
