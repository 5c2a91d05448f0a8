"""The OpenAPI 3.1 document of a service: its routes, with what every call meets beside them.

A route states its body and its answer. Headers, the token and the problems are the same for all
of one kind, so they are said once, here. Descriptions of problems: docs/decisions/0005.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic.json_schema import models_json_schema

from .answering import PROBLEM
from .call import Holds
from .routers import routers_of
from .service import Service
from .shapes import Malformed, Problem, Rehearsed, Submitted

REFERENCE = "#/components/schemas/{model}"
BEARER = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}

KEY = {"type": "string", "pattern": "^[\\x21-\\x7e]{1,200}$"}
ETAG = {"type": "string", "pattern": '^"[0-9]{1,15}"$', "examples": ['"7"']}
CUT = {"type": "string", "pattern": "^[a-z]+:[0-9]{1,15}(,[a-z]+:[0-9]{1,15})*$"}
TRACE = {"type": "string"}
"""No pattern: one that cannot be read is ignored, as W3C Trace Context demands (section 3.2.1)."""

COMMAND_HEADERS = (
    ("Idempotency-Key", True, KEY, "幂等键：同一键得到同一回答；试算可以不带"),
    ("If-Match", False, ETAG, "只在版本仍是此数时执行"),
)
DRY_RUN = {
    "name": "dry_run",
    "in": "query",
    "required": False,
    "schema": {"type": "boolean", "default": False},
    "description": "true 为试算：照常核对并回答将会如何，什么也不记录，不占用幂等键",
}
CALL_HEADERS = (
    ("Min-Position", False, CUT, "等到本服务已应用到此位置，至多 5 秒，否则 503"),
    ("traceparent", False, TRACE, "W3C Trace Context"),
)
ANSWER_HEADERS = {
    "ETag": (ETAG, "所写的流的版本"),
    "Position": ({"type": "string", "pattern": "^[a-z]+:[0-9]+$"}, "<服务>:<位置>"),
    "Location": ({"type": "string", "format": "uri-reference"}, "所建之物的地址"),
    "Idempotent-Replay": ({"type": "string", "const": "true"}, "重复请求：这是当初的回答"),
}
PROBLEMS = {
    400: "无法读取：正文、请求头或地址；命令缺少 Idempotency-Key",
    401: "没有有效令牌",
    403: "角色或辖区不符；已记录",
    404: "不存在，或不在您的辖区",
    409: "不符合规则，已记录；或幂等键已用于另一请求",
    410: "个人信息已销毁；已记录",
    412: "If-Match 不是现行版本",
    413: "内容过大，请分成几次",
    415: "不接受这种文件或内容类型",
    422: "内容不合格式，逐处列明",
    503: "暂时无法处理；稍后用同一幂等键重试",
}


def routes_of(service: Service) -> list[APIRoute]:
    """All routes of a service, its own first."""
    routes = (route for router in routers_of(service) for route in router.routes)
    return [route for route in routes if isinstance(route, APIRoute)]


def openapi(service: Service) -> dict[str, Any]:
    """The document, the same whether it is served or published."""
    routes = routes_of(service)
    document = get_openapi(
        title=f"溯源 Suyuan · {service.title}",
        version="1",
        description=f"溯源 {service.title}。事件的格式见 /asyncapi.json，变更见 /changelog。",
        routes=routes,
        servers=[{"url": service.prefix}],
        separate_input_output_schemas=False,
    )
    for route in routes:
        _complete(document["paths"][route.path][method_of(route).lower()], route)
    components = document["components"]
    components["securitySchemes"] = {"bearer": BEARER}
    schemas = components["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    _, told = models_json_schema(
        [(model, "serialization") for model in (Problem, Malformed, Submitted, Rehearsed)],
        ref_template=REFERENCE,
    )
    components["schemas"] = dict(sorted({**schemas, **told["$defs"]}.items()))
    return document


def method_of(route: APIRoute) -> str:
    return next(iter(route.methods or ()))


def operation_of(route: APIRoute) -> str:
    """The name of an operation in clients: the command's, else the function's. It stays."""
    if route.body_field is None:
        return route.name
    command: str = route.body_field.field_info.annotation.__name__  # type: ignore[union-attr]  # a body is one command
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", command).lower()


def guarded(dependant: Dependant) -> bool:
    """Whether a role must be held to pass."""
    return any(isinstance(d.call, Holds) or guarded(d) for d in dependant.dependencies)


def _complete(operation: dict[str, Any], route: APIRoute) -> None:
    is_command = route.body_field is not None
    operation["operationId"] = operation_of(route)
    headers = [*_headers(route, is_command)]
    own = any(one["name"] == "dry_run" for one in operation.get("parameters", ()))
    dry = [DRY_RUN] if is_command and rehearsable(route.dependant) and not own else []
    if headers:
        operation["parameters"] = [*operation.get("parameters", ()), *headers, *dry]
    if guarded(route.dependant):
        operation["security"] = [{"bearer": []}]
    answers = operation["responses"]
    waits = is_command and "202" not in answers and not route.path.startswith("/approvals")
    if waits:
        schema = {"$ref": REFERENCE.format(model="Submitted")}
        answers["202"] = {"content": {"application/json": {"schema": schema}}}
    for status in answers.keys() & {"200", "201", "202"}:
        said = "已报审：须由他人审批，尚未生效" if status == "202" and waits else "已接受"
        answers[status]["description"] = said if is_command else "所问之事"
        answers[status].update(_answer_headers(route, is_command))
    if dry:
        answers["200"] = _rehearsed()
    gone = [410] if "410" in answers else []
    answers |= {str(status): _problem(status) for status in (*_problems(route, is_command), *gone)}
    operation["responses"] = dict(sorted(answers.items()))


def rehearsable(dependant: Dependant) -> bool:
    """Whether a command may be tried dry."""
    holds = (d.call for d in dependant.dependencies if isinstance(d.call, Holds))
    return all(one.rehearsed for one in holds) and all(map(rehearsable, dependant.dependencies))


def _rehearsed() -> dict[str, Any]:
    schema = {"$ref": REFERENCE.format(model="Rehearsed")}
    replay = {"Idempotent-Replay": _header("Idempotent-Replay")}
    return {
        "description": "试算：将会如何，什么也没有记录",
        "content": {"application/json": {"schema": schema}},
        "headers": replay,
    }


def _headers(route: APIRoute, is_command: bool) -> Iterator[dict[str, Any]]:
    if not guarded(route.dependant):
        return
    for name, required, schema, says in (*(COMMAND_HEADERS if is_command else ()), *CALL_HEADERS):
        yield {
            "name": name,
            "in": "header",
            "required": required,
            "schema": schema,
            "description": says,
        }


def _answer_headers(route: APIRoute, is_command: bool) -> dict[str, Any]:
    told = tuple(ANSWER_HEADERS) if is_command else ("ETag",) if route.path.endswith("{id}") else ()
    return {"headers": {name: _header(name) for name in told}} if told else {}


def _header(name: str) -> dict[str, Any]:
    schema, says = ANSWER_HEADERS[name]
    return {"schema": schema, "description": says}


def _problems(route: APIRoute, is_command: bool) -> Iterator[int]:
    """The statuses of problems that may be met; 500 is a fault of ours and no promise."""
    if guarded(route.dependant):
        yield from (400, 401, 403, 404)
    if is_command:
        yield from (409, 412, 413)
    if route.path.startswith("/exports") or route.path.endswith("/rejected"):
        yield 409
    of_files = route.path.startswith("/files")
    if of_files and method_of(route) != "GET":
        yield from (409, 412, 413, 415)
    if is_command or of_files or route.dependant.path_params or _asks(route.dependant):
        yield 422
    yield 503


def _asks(dependant: Dependant) -> bool:
    return bool(dependant.query_params) or any(map(_asks, dependant.dependencies))


def _problem(status: int) -> dict[str, Any]:
    model = "Malformed" if status == 422 else "Problem"
    found: dict[str, Any] = {
        "description": PROBLEMS[status],
        "content": {PROBLEM: {"schema": {"$ref": REFERENCE.format(model=model)}}},
    }
    if status == 503:
        found["headers"] = {"Retry-After": {"schema": {"type": "string", "pattern": "^[0-9]+$"}}}
    return found
