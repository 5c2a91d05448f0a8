"""All four services in one process tree under one origin: `python -m services <verb>`."""

from __future__ import annotations

import sys

from libs.chassis.cli import main
from libs.chassis.service import Service
from services.assets.service import service as assets
from services.funds.service import service as funds
from services.households.service import service as households
from services.reporting.service import service as reporting

SERVICES: tuple[Service, ...] = (funds, households, assets, reporting)

if __name__ == "__main__":
    sys.exit(main(SERVICES))
