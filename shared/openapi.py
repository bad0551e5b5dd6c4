"""The OpenAPI document of a service, as it really answers: every error is a problem, credentials are a bearer.

FastAPI would promise its own 422 and the media type `application/json` for errors. What is written here holds for all
routes alike, so routes name only the problems that are their own.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from shared.problem import KINDS, MEDIA_TYPE

MERGE_PATCH = "application/merge-patch+json"
_WORDS: Mapping[int, str] = {
    status: "; or ".join(title for code, title in KINDS.values() if code == status) for status, _ in KINDS.values()
}

SCHEMAS: Mapping[str, Any] = {
    "Problem": {
        "title": "Problem",
        "description": "RFC 9457. `type` leads to a page that explains the kind; a limit is named beside the others, as "
        "`limit_bytes`.",
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string", "format": "uri-reference", "examples": ["/problems/invalid"]},
            "title": {"type": "string"},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": {"type": "string"},
            "errors": {"type": "array", "items": {"$ref": "#/components/schemas/FieldError"}},
            "trace_id": {"type": "string"},
        },
    },
    "FieldError": {
        "title": "FieldError",
        "description": "One thing wrong with the input.",
        "type": "object",
        "required": ["pointer", "code", "detail"],
        "properties": {
            "pointer": {
                "type": "string",
                "description": "RFC 6901 with a leading `#` for the body, `?name` for a parameter, else a header's name",
            },
            "code": {"type": "string"},
            "detail": {"type": "string"},
        },
    },
}


def operation_id(route: APIRoute) -> str:
    """`post_plan`: the function's name, so that moving a path does not rename a client's method."""
    return route.name


def openapi(app: FastAPI) -> dict[str, Any]:
    """The document. Made once per application, as FastAPI's own."""
    if app.openapi_schema:
        return app.openapi_schema
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes, tags=app.openapi_tags
    )
    operations: list[tuple[str, str, dict[str, Any]]] = [
        (path, method, operation)
        for path, methods in document.get("paths", {}).items()
        for method, operation in methods.items()
    ]
    for path, method, operation in operations:
        _describe(operation, method, path)
    components: dict[str, Any] = document.setdefault("components", {})
    schemas: dict[str, Any] = components.setdefault("schemas", {})
    schemas.update(SCHEMAS)
    _drop_unused(document, schemas)
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "description": "an API key (`cvn_...`) or a short-lived token"}
    }
    # signed in or not: TLP:CLEAR is for everybody, and routes for members alone answer 401
    document["security"] = [{"bearer": []}, {}]
    app.openapi_schema = document
    return document


def _describe(operation: dict[str, Any], method: str, path: str) -> None:
    responses: dict[str, Any] = operation["responses"]
    own = {status: answer for status, answer in responses.items() if status.isdigit() and int(status) >= 400}
    takes_input = bool(operation.get("parameters")) or "requestBody" in operation
    wanted = {400, 401, 429, 503} | ({422} if takes_input else set[int]())
    if "requestBody" in operation:
        wanted |= {413, 415}
        if method == "patch":
            content: dict[str, Any] = operation["requestBody"]["content"]
            content[MERGE_PATCH] = content.get("application/json", content.get(MERGE_PATCH))
    if re.search(r"\{\w+\}", path):
        wanted.add(404)
    if any(each["name"] == "If-Match" for each in operation.get("parameters", ())):
        wanted |= {412, 428}
    if method == "post" and any(each["name"] == "Idempotency-Key" for each in operation.get("parameters", ())):
        wanted |= {409, 422}
    for status in sorted({*map(int, own), *wanted}):
        said = own.get(str(status), {}).get("description", "")
        stock = said in {"", "problem", "Validation Error"}
        responses[str(status)] = _problem(_WORDS.get(status, "problem") if stock else said)
    responses["default"] = _problem("Any other error")


def _drop_unused(document: Mapping[str, Any], schemas: dict[str, Any]) -> None:
    """Models that only the stock errors, or a route's own notion of a problem, referred to."""
    while True:
        text = json.dumps(document)
        unused = [name for name in schemas if f'"#/components/schemas/{name}"' not in text]
        if not unused:
            return
        for name in unused:
            del schemas[name]


def _problem(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
