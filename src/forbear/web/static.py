"""The few files pages load: our style sheet and the API page's script, both from this server."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from importlib import resources
from typing import Final

from django.http import Http404, HttpRequest, HttpResponse

_TYPES: Final = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
_FILES: Final = {
    "forbear/forbear.css": "forbear.web",
    "forbear/forbear.svg": "forbear.web",
    "forbear/outbox.css": "forbear.web",
    "forbear/public.css": "forbear.web",
    "forbear/rulebook.css": "forbear.web",
    "ninja/swagger-ui.css": "ninja",
    "ninja/swagger-ui-bundle.js": "ninja",
    "ninja/swagger-ui-init.js": "ninja",
}


@cache
def _read(name: str) -> tuple[bytes, str]:
    content = (resources.files(_FILES[name]) / "static" / name).read_bytes()
    return content, f'"{sha256(content).hexdigest()[:32]}"'


def serve(request: HttpRequest, name: str) -> HttpResponse:
    if name not in _FILES:
        raise Http404
    content, etag = _read(name)
    headers = {"ETag": etag, "Cache-Control": "public, max-age=3600", "X-Content-Type-Options": "nosniff"}
    if request.headers.get("If-None-Match") == etag:
        return HttpResponse(status=304, headers=headers)
    return HttpResponse(content, content_type=_TYPES[name.rpartition(".")[2]], headers=headers)
