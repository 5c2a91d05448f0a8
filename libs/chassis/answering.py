"""What the request of a command is told apart by, and how its answer goes out over HTTP."""

from __future__ import annotations

import re

from fastapi import Request, Response

from libs.events.answer import Answer
from libs.events.canonical import sha256
from libs.events.log import Log

from .vault.vault import Vault

PROBLEM = "application/problem+json"
_DRY = re.compile(rb"(?:^|&)dry_run=true(?=&|$)")


async def request_hash(request: Request, *, rehearsed: bool = False) -> bytes:
    """Over method, path with query, and body as sent: SHA-256; where there is a vault its HMAC,
    since the body may name people, and a plain hash of a number of 18 digits can be tried out. A
    rehearsal has the hash of what it rehearses, by which it sees that the key was used for it."""
    query = request.scope.get("query_string", b"")
    query = _DRY.sub(b"", query).lstrip(b"&") if rehearsed else query
    target = request.scope["path"].encode() + (b"?" + query if query else b"")
    sent = (request.method.encode(), b"\0", target, b"\0", await request.body())
    vault: Vault | None = request.app.state.vault
    return sha256(*sent) if vault is None else vault.mac("request", b"".join(sent))


async def refused_hash(request: Request) -> bytes:
    """Of a call refused before anything that was typed was looked at: where no vault keeps the hash
    of it from being tried out, the route alone. So too of a file's bytes: none is read whole."""
    if request.app.state.vault is not None and request.method != "PATCH":
        return await request_hash(request)
    return sha256(request.method.encode(), b"\0", request.scope["route"].path.encode())


def respond(log: Log, answer: Answer, location: str | None = None) -> Response:
    """An answer as HTTP: ETag, Position, Location, Idempotent-Replay; problem+json for refusals."""
    refused_ = answer.status >= 400
    headers = {} if refused_ else {"etag": f'"{answer.version}"'}
    headers["position"] = f"{log.service}:{answer.position}"
    if answer.replay:
        headers["idempotent-replay"] = "true"
    if location is not None and not refused_:
        headers["location"] = location.format(id=answer.id)
    kind = PROBLEM if refused_ else "application/json"
    return Response(answer.body, answer.status, headers, media_type=kind)


def respond_rehearsed(answer: Answer) -> Response:
    """Of a dry run: nothing was made that a header could name."""
    kind = PROBLEM if answer.status >= 400 else "application/json"
    headers = {"idempotent-replay": "true"} if answer.replay else {}
    return Response(answer.body, answer.status, headers, media_type=kind)
