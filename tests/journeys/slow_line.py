"""A slow line in front of a server, whose cable can be cut: nobody is told, either side."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

BITS_PER_S = 64_000
AT_ONCE = 1_000


@dataclass
class SlowLine:
    """Passes what a client sends at 64 kbit/s, what it is answered at once."""

    host: str
    port: int
    cut_after: list[int]
    """Bytes of requests after which the cable is cut, each once, counted over all connections."""
    passed: int = 0
    cuts: int = 0
    _lost: list[asyncio.StreamWriter] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection(self.host, self.port)
        back = asyncio.create_task(_pass(up_reader, writer))
        try:
            while data := await reader.read(AT_ONCE):
                await asyncio.sleep(len(data) * 8 / BITS_PER_S)
                self.passed += len(data)
                if self.cut_after and self.passed >= self.cut_after[0]:
                    self.cut_after.pop(0)
                    self.cuts += 1
                    # The server hears nothing more on this connection, not even its end.
                    self._lost.append(up_writer)
                    return
                up_writer.write(data)
                await up_writer.drain()
            up_writer.close()
        finally:
            back.cancel()
            writer.transport.abort()

    def forget(self) -> None:
        for writer in self._lost:
            writer.transport.abort()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()


@asynccontextmanager
async def slow_line(host: str, port: int, *cut_after: int) -> AsyncIterator[tuple[SlowLine, str]]:
    """The line and its own address."""
    line = SlowLine(host, port, list(cut_after))
    server = await asyncio.start_server(line.serve, "127.0.0.1", 0)
    where: str = "http://{}:{}".format(*server.sockets[0].getsockname())
    try:
        yield line, where
    finally:
        line.forget()
        server.close()
