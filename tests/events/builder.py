"""A build in a process of its own, to be killed.

`python -m tests.events.builder <where> <service>`; `where` is JSON:
host, port, passwords and the prefix of the stores.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from libs.chassis.read_model import opened
from libs.chassis.stores import Stores
from services.__main__ import SERVICES


def stores(where: dict[str, Any]) -> Stores:
    def address(database: str, user: str, password: str) -> dict[str, Any]:
        server = {"host": where["host"], "port": where["port"]}
        return {**server, "database": database, "user": user, "password": password}

    return Stores(address, where["passwords"], where["prefix"])


async def main(where: dict[str, Any], name: str) -> None:
    service = next(service for service in SERVICES if service.name == name)
    async with opened(service, stores(where)) as model:
        print("begins", flush=True)  # noqa: T201 - whoever kills it waits for this
        await model.build()
        print("built", flush=True)  # noqa: T201 - the same


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1]), sys.argv[2]))
