"""A whole installation beside its collector: told when it listens, unharmed when it does not."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from libs.chassis.telemetry import ANSWER_WITHIN_S, EVERY_S
from tests.journeys.tree import Tree, running
from tests.registry import area, post

COMMANDS = 300
AT_ONCE = 16
AREAS = "/api/v1/households/areas"


@dataclass
class Collector:
    """A collector on a real socket: it answers, or hears and says nothing, or is not there."""

    port: int = 0
    answers: bool = True
    spans: dict[str, set[str]] = field(default_factory=dict)
    measures: dict[str, set[str]] = field(default_factory=dict)
    resources: dict[str, dict[str, str]] = field(default_factory=dict)
    _server: asyncio.Server | None = None
    _open: set[asyncio.Task[None]] = field(default_factory=set)
    _heard: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def go_away(self) -> None:
        """Nobody listens any more, and connections that were open are cut."""
        assert self._server is not None
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(EVERY_S + 30), self._heard:
            await self._heard.wait_for(holds)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                length = head.split("content-length: ")[1].split("\r\n")[0]
                await self._hear(head.split(" ")[1], await reader.readexactly(int(length)))
                if not self.answers:
                    await reader.read()  # until the other side gives up
                    break
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _hear(self, path: str, body: bytes) -> None:
        if path == "/v1/traces":
            for of in ExportTraceServiceRequest.FromString(body).resource_spans:
                named = (span.name for scope in of.scope_spans for span in scope.spans)
                self.spans.setdefault(self._sender(of.resource), set()).update(named)
        else:
            for measured in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                told = (m.name for scope in measured.scope_metrics for m in scope.metrics)
                self.measures.setdefault(self._sender(measured.resource), set()).update(told)
        async with self._heard:
            self._heard.notify_all()

    def _sender(self, resource: Any) -> str:
        told: dict[str, str] = {one.key: one.value.string_value for one in resource.attributes}
        self.resources[told["service.name"]] = told
        return told["service.name"]


async def commands(client: httpx.AsyncClient, first: int) -> float:
    """As many commands, some at once, all accepted; how long the slowest took."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> float:
        async with turns:
            began = time.monotonic()
            code = str(first + number)
            answer = await post(client, AREAS, area(code, f"县{code}", "county", None), key=code)
            assert answer.status_code == 201, answer.text
            return time.monotonic() - began

    return max(await asyncio.gather(*(one(number) for number in range(COMMANDS))))


def told_of_the_exporter(tree: Tree, process: str) -> list[dict[str, Any]]:
    lines = (tree.settings.home / "logs" / f"{process}.log").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    return [one for one in records if one.get("logger", "").startswith("opentelemetry")]


async def test_a_collector_away_or_silent_harms_nobody_and_one_that_listens_is_told() -> None:
    collector = Collector()
    await collector.listen()
    await collector.go_away()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="suyuan-otlp-") as name:
        async with running(Path(name), SUYUAN_OTLP=collector.url) as tree:
            steward = tree.client("steward")
            refused_s = await commands(steward, 100_000)
            await asyncio.sleep(ANSWER_WITHIN_S)  # a batch has been tried in vain

            await collector.listen()
            answered_s = await commands(steward, 200_000)
            await collector.until(lambda: "project" in collector.spans.get("suyuan-work", ()))
            await collector.until(
                lambda: {"suyuan-serve", "suyuan-work"} <= collector.measures.keys()
            )

            collector.answers = False
            silent_s = await commands(steward, 300_000)
            await asyncio.sleep(ANSWER_WITHIN_S + 6)  # a batch has waited in vain
            logged = {name: len(told_of_the_exporter(tree, name)) for name in ("serve", "work")}
            minutes = int((time.monotonic() - began) // 60)
            await steward.aclose()
            ending = time.monotonic()
        ended_s = time.monotonic() - ending
    await collector.go_away()

    slowest = (refused_s, answered_s, silent_s)
    assert max(slowest) < answered_s + ANSWER_WITHIN_S - 1, f"waited for a collector: {slowest}"
    assert ended_s < 15, "nor does the end, which the supervisor would cut short then"
    assert all(1 <= lines <= 1 + minutes for lines in logged.values()), logged
    serve = collector.resources["suyuan-serve"]
    assert serve["service.version"]
    assert len(serve["suyuan.store.households"]) == 36
    assert {"execute", "append_group", f"POST {AREAS}"} <= collector.spans["suyuan-serve"]
    served, worked = collector.measures["suyuan-serve"], collector.measures["suyuan-work"]
    assert {"http.server.request.duration", "suyuan.append.duration"} <= served
    assert {"suyuan.cursor.age", "suyuan.log.head", "suyuan.loop.stall"} <= served
    assert {"suyuan.cursor.lag", "suyuan.feed.age", "suyuan.page.duration"} <= worked
    assert "suyuan.loop.stall" in worked
