"""The page itself, as files of the package: fixed names, headers that let it load nothing from elsewhere."""

from __future__ import annotations

import functools
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from samj_bridge.version import __version__

__all__ = ["FOLDER", "routes"]

FOLDER = Path(__file__).with_name("www")
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
_OWN_STYLE = "'sha256-9xTiqzfwFaL2SGb1rmr8gysEwVVjIvqWAgmZgqFqpEE='"
"""The one style that OpenSeadragon writes itself."""
_HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; script-src 'self'; style-src 'self' {_OWN_STYLE}; img-src 'self' blob: data:;"
        " connect-src 'self';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    # The address has the token in it.
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    # Another version may be served next time: asked for anew, answered in a line if it is the same.
    "Cache-Control": "no-cache",
}


def routes() -> list[BaseRoute]:
    """Return the page's address and those of its parts."""
    return [Route("/", page), Route("/page/{name:path}", part)]


async def page(request: Request) -> Response:
    """Return the page."""
    return _answer(request, "index.html")


async def part(request: Request) -> Response:
    """Return one of its files."""
    return _answer(request, request.path_params["name"])


def _answer(request: Request, name: str) -> Response:
    # Names are looked up, never joined to a folder: there is no path to be tricked with.
    path = _parts().get(name)
    if path is None:
        raise HTTPException(404, "The page has no such part.")
    tag = f'"{__version__}-{path.stat().st_mtime_ns:x}"'
    headers = {**_HEADERS, "ETag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(path.read_bytes(), headers=headers, media_type=_TYPES[path.suffix])


@functools.cache
def _parts() -> dict[str, Path]:
    return {path.relative_to(FOLDER).as_posix(): path for path in FOLDER.rglob("*") if path.suffix in _TYPES}
