"""What is measured of a process: its HTTP, its loop, its pools. The log's own are in libs.events.

Names of HTTP and of pools are those of OpenTelemetry's semantic conventions.
"""

from __future__ import annotations

from libs.events.measures import SHORT_S, Level, Peak, gauge, histogram

HTTP_DURATION = histogram(
    "http.server.request.duration", "s", "One request, by method, route and status", SHORT_S
)
LOOP_STALL = gauge(
    Peak(), "suyuan.loop.stall", "s", "Longest time for which the event loop answered nobody"
)
CONNECTIONS = gauge(
    Level(), "db.client.connection.count", "{connection}", "Of a pool, by state: used or idle"
)
