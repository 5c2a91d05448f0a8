"""python -m libs.chassis.healthy serve|work SERVICE: does this container's process do its work?

Asked by the container's runtime again and again, in eight containers: so it stands apart from the
command line, which loads all four services, and loads no more than its question needs. Exit 0, or 1
with the reason.
"""

from __future__ import annotations

import asyncio
import http.client
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing

from .settings import Settings

TIMEOUT_S = 5
LATE_S = 60
"""A reader says each second that it stands at its source's head, when it does. A subscription whose
receiver is away is not ours to mend, and a relay only counts where there is Kafka."""
LATE = """
SELECT reader || ':' || source AS reader,
       CASE WHEN stopped IS NOT NULL THEN 'stopped: ' || stopped
            WHEN confirmed_at = 'epoch' THEN 'not yet at the head of its source'
            ELSE 'not at the head of its source for '
                 || extract(epoch FROM clock_timestamp() - confirmed_at)::bigint || ' s' END AS why
  FROM es.cursors
 WHERE (stopped IS NOT NULL OR confirmed_at < clock_timestamp() - make_interval(secs => $1))
   AND reader NOT LIKE 'subscription.%' AND (reader <> 'relay' OR $2)
"""
# A reactor's row is made with its store, to say from where it will react.
BEGUN = "SELECT EXISTS (SELECT FROM es.cursors WHERE token > 0)"


def serving(settings: Settings, service: str) -> list[str]:
    """What is wrong with the API of a service: it must answer, and so must its store."""
    host = "127.0.0.1" if settings.host == "0.0.0.0" else settings.host  # noqa: S104 - compared, not bound
    with closing(http.client.HTTPConnection(host, settings.port, timeout=TIMEOUT_S)) as connection:
        connection.request("GET", f"/api/v1/{service}/health")
        status = connection.getresponse().status
    return [] if status == http.client.OK else [f"{service} answers {status}"]


async def working(settings: Settings, service: str) -> list[str]:
    """What is wrong with the readers of a service: each must stand near its head, unstopped."""
    import asyncpg  # noqa: PLC0415 - a quarter of a second that `serving` does without

    from .installation import stores  # noqa: PLC0415 - the same

    connection = await asyncpg.connect(**stores(settings).app(service), timeout=TIMEOUT_S)
    try:
        late = await connection.fetch(LATE, LATE_S, settings.kafka is not None, timeout=TIMEOUT_S)
        begun = await connection.fetchval(BEGUN)
    finally:
        await connection.close()
    return [f"{row['reader']} {row['why']}" for row in late] if begun else ["no reader has begun"]


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """0 when nothing is wrong."""
    verb, service = arguments
    settings = Settings.read(environ)
    try:
        if verb == "serve":
            wrong = serving(settings, service)
        else:
            wrong = asyncio.run(working(settings, service))
    except Exception as error:  # its type alone: its words may quote what nobody should read
        wrong = [type(error).__name__]
    print("; ".join(wrong) or "healthy")  # noqa: T201 - the container's runtime keeps what is printed
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
