"""`/docs`: the OpenAPI document as a page, with Swagger UI served by this process."""

from functools import cache
from importlib.resources import files
from typing import Final

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse

_TYPES: Final = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}
_START: Final = 'SwaggerUIBundle({ url: "openapi.json", dom_id: "#reference", deepLinking: true });'
_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}: API reference</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">
<link rel="stylesheet" href="docs/swagger-ui.css"></head>
<body><main id="reference"></main>
<script src="docs/swagger-ui-bundle.js"></script><script src="docs/start.js"></script></body></html>
"""
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
}

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def reference(request: Request) -> Response:
    """The page; to call an operation from it, the reader enters the API key or a modal token."""
    return HTMLResponse(_PAGE.format(title=request.app.title), headers=_HEADERS)


@router.get("/docs/{name}")
async def reference_file(name: str) -> Response:
    """Swagger UI's script and styles, and the line that starts it."""
    if name == "start.js":
        return Response(_START, media_type="text/javascript", headers=_HEADERS)
    if name not in _TYPES:
        raise HTTPException(404)
    return Response(_content(name), media_type=_TYPES[name], headers=_HEADERS)


@cache
def _content(name: str) -> bytes:
    return (files("fastapi_offline") / "static" / name).read_bytes()
